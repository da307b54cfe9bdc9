"""Transforms that may look at other rows: do they do the same each time?

Tried when definitions are planned, on the first rows of the source: again on the same rows, on the rows in another
order, and for those that call themselves row-local in batches of another size.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from featurestore.definitions.base import Definition
from featurestore.definitions.service import used_views
from featurestore.definitions.steps import Call, Conditions, Select, Step, row_steps
from featurestore.definitions.view import FeatureView
from featurestore.errors import SourceError, TransformError
from featurestore.planning.changes import Plan
from featurestore.protocols.records import ChangeAction
from featurestore.sources.arrow import first_rows, source_rows
from featurestore.sources.files import locate_source
from featurestore.transforms import call
from featurestore.transforms.rows import run_steps
from featurestore.transforms.table import Rows

_log = logging.getLogger(__name__)
SAMPLE = 2_000
_BATCHES = (7, 500)
_CLOSE = 1e-6


def check_planned(plan: Plan, objects: Iterable[Definition], root: Path) -> None:
    """Check the transforms of views that the plan makes new versions of.

    A source that cannot be read here is left out: definitions may be applied where the data are not.

    Raises:
        TransformError: if one fails, or gives another result the second time.
    """
    new = {
        planned.change.name
        for planned in plan.changes
        if planned.change.kind == FeatureView.kind
        and planned.change.action in (ChangeAction.CREATE, ChangeAction.NEW_VERSION)
    }
    for item in objects:
        for view in used_views(item):
            if view.name in new:
                check_view(view, root)


def check_view(view: FeatureView, root: Path) -> None:
    """Check the transform of one view, if it has one that could do something else each time.

    Raises:
        TransformError: if it does.
    """
    steps = [step for step in row_steps(view) if not isinstance(step, Conditions)]
    if not steps or not _is_opaque(steps[-1]):
        return
    source = locate_source(view.origin, root)
    try:
        rows = Rows(first_rows(source, SAMPLE), source_rows(source)[1])
    except SourceError as error:
        _log.warning("the transform of view %s was not tried: %s", view.name, error.message)
        return
    before = run_steps(rows, steps[:-1], source, wanted=None)
    last = steps[-1:]

    def result(given: Rows) -> list[Any]:
        return _comparable(run_steps(given, last, source, wanted=None).table)

    once = result(before)
    _compare(
        view, once, result(before), "on the same rows", "Leave out what depends on chance or on the clock."
    )
    order = np.random.default_rng(0).permutation(before.table.num_rows)
    permuted = Rows(before.table.take(pa.array(order)), before.text)
    _compare(
        view, once, result(permuted), "when the rows come in another order",
        "Sort them by their times first, with a column that breaks ties.",
    )  # fmt: skip
    step = last[0]
    if isinstance(step, Call) and step.row_local:
        for size in dict.fromkeys(max(1, min(size, len(once) // 2)) for size in _BATCHES):
            table = call.apply(step, before, what=f"source {source.name!r}", rows_at_once=size).table
            _compare(
                view, once, _comparable(table), f"in batches of {size} rows", "It is not row_local: say so."
            )


def _is_opaque(step: Step) -> bool:
    return isinstance(step, Call) or (isinstance(step, Select) and not step.row_local)


def _compare(view: FeatureView, one: list[Any], two: list[Any], when: str, hint: str) -> None:
    if len(one) != len(two) or not all(map(_same, one, two)):
        name = view.transform.path if view.transform is not None else "its SQL"
        raise TransformError(
            f"View {view.name!r}: {name} gives another result {when} (tried on {SAMPLE:,} rows at most).",
            hint=hint,
        )


def _comparable(table: pa.Table) -> list[tuple[Any, ...]]:
    """The rows in an order of their own, whatever order they come in."""
    names = sorted(table.schema.names)
    rows = list(zip(*(table.column(name).to_pylist() for name in names), strict=True))
    return sorted(rows, key=lambda row: [_rounded(value) for value in row])


def _rounded(value: Any) -> str:
    return f"{value:.5g}" if isinstance(value, float) else repr(value)


def _same(one: Sequence[Any], two: Sequence[Any]) -> bool:
    """Whether two rows are equal, floats but for the rounding of sums in another order."""
    for left, right in zip(one, two, strict=True):
        if isinstance(left, float) and isinstance(right, float):
            if not (
                math.isclose(left, right, rel_tol=_CLOSE, abs_tol=_CLOSE)
                or (math.isnan(left) and math.isnan(right))
            ):
                return False
        elif left != right:
            return False
    return True
