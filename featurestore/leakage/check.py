"""Recompute values with the future cut off at the source, and report those that change.

Each view's values at an instant are taken twice: from all rows, and from the rows that were known then. A
transform that only looks back gives the same both times.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from featurestore.definitions.instants import from_microseconds
from featurestore.definitions.source import Source
from featurestore.leakage.cut import NEVER, Knowable, knowable, shown_rows
from featurestore.leakage.report import Leak, LeakageReport
from featurestore.leakage.values import Values, latest_values
from featurestore.protocols.offline import OfflineEngine, ViewPlan

_ROUNDS = 24
_SEARCHES = 4
Change = tuple[tuple[Any, ...], str]


def check_views(
    plans: Sequence[ViewPlan],
    engine: OfflineEngine,
    *,
    samples: int,
    available_at: str | None = None,
    snapshots: Mapping[datetime, Source] | None = None,
) -> LeakageReport:
    """Check views at sampled instants.

    Args:
        plans: of the views, with all features under their own names.
        engine: which computes them.
        samples: at how many instants, spread evenly over the times at which rows became known.
        available_at: a column with the time from which a row was known, where the source does not declare it.
        snapshots: what a source was at some instants; the values then are compared with those of today's source.

    Raises:
        SourceError: if a source cannot be read.
        TransformError: if a transform fails.
    """
    leaks: list[Leak] = []
    compared, instants = 0, 0
    for plan in plans:
        rows = knowable(plan, available_at=available_at)
        full = rows.transformed().all_rows()
        for at, cut in _instants(rows, samples, snapshots, plan):
            before = latest_values(engine, full, at)
            after = latest_values(engine, cut, at)
            compared += len(before.rows) * len(plan.features)
            instants += 1
            changes = [*before.differences(after)]
            because = {} if snapshots else _causes(engine, rows, at, after, changes)
            for key, feature in changes:
                found = rows.rows.table.take(pa.array(because.get((key, feature), []), pa.int64()))
                leaks.append(
                    Leak(
                        plan.label,
                        feature.removeprefix(f"{plan.label}__"),
                        dict(zip([k.name for k in plan.keys], key, strict=True)),
                        from_microseconds(at),
                        before.value(key, feature),
                        after.value(key, feature),
                        found,
                    )
                )
    return LeakageReport(tuple(leaks), compared, instants)


def _instants(
    rows: Knowable, samples: int, snapshots: Mapping[datetime, Source] | None, plan: ViewPlan
) -> Iterator[tuple[int, ViewPlan]]:
    """Instants, and the view over what was known at each."""
    if snapshots:
        from featurestore.definitions.instants import to_microseconds

        for when, source in sorted(snapshots.items()):
            at = to_microseconds(when, what="a snapshot's instant")
            yield at, rows.over_rows(shown_rows(plan, source).table)
        return
    times = np.unique(rows.known[rows.known != NEVER])
    if len(times):
        # Never the last one: nothing comes after it.
        places = np.unique(np.linspace(0, max(len(times) - 2, 0), num=samples + 2).astype(np.int64)[1:-1])
        for at in times[places]:
            yield int(at), rows.without_future(_effective(plan, int(at)))


def _effective(plan: ViewPlan, at: int) -> int:
    """Up to when a view sees at an instant."""
    if plan.grid is None:
        return at
    grid = plan.grid
    return (at - grid.lag - grid.offset) // grid.every * grid.every + grid.offset


def _causes(
    engine: OfflineEngine, rows: Knowable, at: int, without: Values, changes: Sequence[Change]
) -> dict[Change, list[int]]:
    """For each change the hidden row whose coming makes it: the next one of all, of the entity, or searched for."""
    causes: dict[Change, list[int]] = {}
    seen_until = _effective(rows.plan, at)
    hidden = rows.hidden(seen_until)
    if not len(hidden):
        return causes

    def changed(besides: Sequence[int]) -> set[Change]:
        values = latest_values(engine, rows.without_future(seen_until, besides), at)
        return set(values.differences(without))

    left = set(changes)
    own = _next_of_each(rows, hidden, left)
    # The next row of all explains what looks at all rows; the next of each entity what looks at its own.
    for tried in ([int(hidden[0])], *([row] for row in sorted(set(own.values()))[:_SEARCHES])):
        found = changed(tried) & left
        causes.update((change, tried) for change in found)
        left -= found
    if left and own:
        found = {change for change in changed(sorted(set(own.values()))) & left if change[0] in own}
        causes.update((change, [own[change[0]]]) for change in found)
        left -= found
    for _ in range(_SEARCHES):
        if not left:
            break
        wanted = min(left, key=str)
        low, high = 0, len(hidden)  # with `low` rows it has not changed, with `high` it has
        for _ in range(_ROUNDS):
            if high - low <= 1:
                break
            middle = (low + high) // 2
            low, high = (low, middle) if wanted in changed(hidden[:middle].tolist()) else (middle, high)
        found = left & changed(hidden[:high].tolist())
        causes.update((change, [int(hidden[high - 1])]) for change in found | {wanted})
        left -= found | {wanted}
    return causes


def _next_of_each(rows: Knowable, hidden: Any, changes: set[Change]) -> dict[tuple[Any, ...], int]:
    """The first hidden row of each entity whose values change, where the source has the join keys."""
    names = [key.name for key in rows.plan.keys]
    table = rows.rows.table
    if not names or any(name not in table.schema.names for name in names):
        return {}
    wanted = {key for key, _ in changes}
    first: dict[tuple[Any, ...], int] = {}
    columns = [table.column(name).take(pa.array(hidden)).to_pylist() for name in names]
    for number, key in zip(hidden.tolist(), zip(*columns, strict=True), strict=True):
        if key in wanted:
            first.setdefault(key, number)
    return first
