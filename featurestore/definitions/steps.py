"""The way of a source's rows to a feature view, step by step, as definitions say it.

Each step makes rows of rows. Those that are row-local can neither leak nor depend on the order of the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from featurestore.definitions.base import RESERVED_PREFIX, FrozenDict
from featurestore.definitions.source import Source
from featurestore.definitions.transform import Transform
from featurestore.definitions.types import FeatureType
from featurestore.definitions.view import FeatureView

_NOTHING: FrozenDict[str] = FrozenDict()


@dataclass(frozen=True, slots=True)
class Shape:
    """What a source says of its columns and rows: see `Source`."""

    mapping: FrozenDict[str] = _NOTHING
    unnest: str = ""
    computed: FrozenDict[str] = _NOTHING
    where: str = ""


@dataclass(frozen=True, slots=True)
class Conditions:
    """The conditions of a view's aggregations, as further columns: name to SQL."""

    columns: FrozenDict[str]


@dataclass(frozen=True, slots=True)
class Select:
    """A view's SQL, with ``{source}`` for the rows; the time columns come along where it is row-local."""

    sql: str
    row_local: bool
    time_columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A view's transform in Python."""

    transform: Transform
    time_columns: tuple[str, ...]

    @property
    def row_local(self) -> bool:
        """Whether each row of the result depends on one row alone."""
        return self.transform.row_local


@dataclass(frozen=True, slots=True)
class Rename:
    """A view's rows as the source of another one: keys and features by name, and the time columns."""

    columns: tuple[tuple[str, str, FeatureType], ...]
    time_columns: tuple[str, ...]


Step = Shape | Select | Call | Rename | Conditions


def row_steps(view: FeatureView) -> tuple[Step, ...]:
    """The steps from the rows of a view's origin to the rows that its features are made from."""
    times = view.origin.time_columns
    steps: tuple[Step, ...]
    if isinstance(view.source, FeatureView):
        steps = (*row_steps(view.source), _rename(view.source, times))
    else:
        steps = shape_steps(view.source)
    if view.sql:
        steps += (Select(view.sql, not view.trusted, times),)
    if view.transform is not None:
        steps += (Call(view.transform, times),)
    names = condition_columns(view)
    return (*steps, Conditions(FrozenDict({names[text]: text for text in names}))) if names else steps


def condition_columns(view: FeatureView) -> dict[str, str]:
    """The conditions of a view's aggregations, and the columns that say which rows they are true of."""
    conditions = {a.where for a in view.aggregations if a.where is not None}
    return {text: f"{RESERVED_PREFIX}where{i}" for i, text in enumerate(sorted(conditions))}


def shape_steps(source: Source) -> tuple[Step, ...]:
    """What a source itself does with its rows."""
    shape = Shape(source.mapping, source.unnest, source.computed, source.where)
    return () if shape == Shape() else (shape,)


def in_words(step: Step) -> str:
    """What a step does, for a person who reads a plan."""
    if isinstance(step, Shape):
        parts = [
            word
            for word, what in (
                ("renamed", step.mapping),
                ("unnested", step.unnest),
                ("computed", step.computed),
            )
            if what
        ]
        columns = [f"columns {', '.join(parts)}"] if parts else []
        return f"{' and '.join([*columns, *(['rows filtered'] if step.where else [])])} by the source"
    if isinstance(step, Rename):
        return "read as the rows of a view"
    if isinstance(step, Conditions):
        return f"rows marked where {' and where '.join(step.columns.values())}"
    if isinstance(step, Call):
        return f"transform {step.transform.path}, {'in batches' if step.row_local else 'on all rows'}"
    return "SQL, row by row" if step.row_local else "trusted SQL, on all rows"


def keeps_rows(steps: Sequence[Step]) -> bool:
    """Whether each row of the result is a row of the source, by SQL that looks at that row alone."""
    return not any(
        isinstance(step, Call)
        or (isinstance(step, Select) and not step.row_local)
        or (isinstance(step, Shape) and bool(step.unnest))
        for step in steps
    )


def takes_single_rows(steps: tuple[Step, ...]) -> bool:
    """Whether all steps are row-local."""
    return all(not isinstance(step, Select | Call) or step.row_local for step in steps)


def _rename(view: FeatureView, times: tuple[str, ...]) -> Rename:
    keys = [(key, key, dtype) for key, dtype in view.join_keys.items()]
    features = [(feature.name, feature.column, feature.dtype) for feature in view.features]
    return Rename((*keys, *features), times)
