"""Sources whose future is cut off: of the rows as the source shows them, those that were known at an instant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from featurestore.definitions.source import InMemorySource, Source
from featurestore.definitions.steps import Shape
from featurestore.errors import SourceError
from featurestore.frames.times import SOURCE_TIME, time_column
from featurestore.protocols.offline import ViewPlan
from featurestore.sources.arrow import read_table, source_rows
from featurestore.transforms.rows import run_steps
from featurestore.transforms.table import Rows

NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Knowable:
    """The rows of a view's source with the instants from which they were known.

    Attributes:
        plan: the view over these rows, without what the source itself does with its rows.
        rows: as the source shows them.
        known: for each row, microseconds; `NEVER` for those that never are.
    """

    plan: ViewPlan
    rows: Rows
    known: npt.NDArray[np.int64]

    def all_rows(self) -> ViewPlan:
        """The plan over all rows."""
        return self._over(self.rows.table)

    def transformed(self) -> Knowable:
        """The rows that the features are read from, after all steps; each known from its own times."""
        rows = run_steps(self.rows, self.plan.steps, self.plan.source, wanted=None)
        return Knowable(replace(self.plan, steps=()), rows, known_from(rows.table, self.plan))

    def without_future(self, at: int, besides: Sequence[int] = ()) -> ViewPlan:
        """The plan over the rows that were known at an instant, and some others (by number)."""
        kept = self.known <= at
        kept[list(besides)] = True
        return self._over(self.rows.table.filter(pa.array(kept)))

    def over_rows(self, table: pa.Table) -> ViewPlan:
        """The plan over other rows with the same columns."""
        return self._over(table)

    def hidden(self, at: int) -> npt.NDArray[np.int64]:
        """The numbers of the rows that were not known at an instant but are later, in the order of that."""
        numbers = np.flatnonzero((self.known > at) & (self.known != NEVER))
        return numbers[np.argsort(self.known[numbers], kind="stable")]

    def _over(self, table: pa.Table) -> ViewPlan:
        return replace(self.plan, source=_in_memory(self.plan.source, table, self.rows.text))


def knowable(plan: ViewPlan, *, available_at: str | None = None) -> Knowable:
    """The rows of a plan's source, and from when each was known.

    Args:
        plan: of the view, with the source as it is.
        available_at: a column with the time from which a row was known, where the source does not declare it.

    Raises:
        SourceError: if the source cannot be read or has no such column.
    """
    shaping = tuple(step for step in plan.steps[:1] if isinstance(step, Shape))
    rest = plan.steps[len(shaping) :]
    rows = shown_rows(plan, plan.source)
    return Knowable(replace(plan, steps=rest), rows, known_from(rows.table, plan, available_at=available_at))


def known_from(table: pa.Table, plan: ViewPlan, *, available_at: str | None = None) -> npt.NDArray[np.int64]:
    """The instant from which each row was known, `NEVER` for those that never are."""
    source = plan.source
    event = _instants(table, source.event_timestamp, source)
    known = np.where(event == NEVER, NEVER, event + plan.delay)
    for column in dict.fromkeys((source.available_at, available_at)):
        if column is not None:
            known = np.maximum(known, _instants(table, column, source))
    return known


def shown_rows(plan: ViewPlan, source: Source) -> Rows:
    """All rows and columns of a source, as it shows them to the views."""
    shaping = tuple(step for step in plan.steps[:1] if isinstance(step, Shape))
    schema, text = source_rows(source)
    # Fields of CSV files come in the declared types where the features read them directly.
    declared = {} if plan.steps else _declared(plan)
    table = read_table(source, {name: declared.get(name) for name in schema.names})
    text = frozenset() if declared else text
    return run_steps(Rows(table, text), shaping, source, wanted=None)


def _declared(plan: ViewPlan) -> dict[str, pa.DataType]:
    from featurestore.frames.types import arrow_type

    columns = [(key.name, key.dtype) for key in plan.keys]
    columns += [(feature.column, feature.dtype) for feature in plan.tie_breakers]
    return {name: arrow_type(dtype) for name, dtype in columns}


def _instants(table: pa.Table, column: str, source: Source) -> npt.NDArray[np.int64]:
    if column not in table.schema.names:
        raise SourceError(
            f"Source {source.name!r} has no column {column!r}; it has: {', '.join(table.schema.names)}."
        )
    times = time_column(table.column(column), source.timezone, name=column, reading=SOURCE_TIME)
    return np.asarray(times.fill_null(NEVER)).astype(np.int64)


def _in_memory(source: Source, table: pa.Table, text: frozenset[str]) -> Source:
    return InMemorySource(
        source.name,
        data=table,
        text_columns=text,
        event_timestamp=source.event_timestamp,
        created_timestamp=source.created_timestamp,
        available_at=source.available_at,
        event_id=source.event_id,
        delay=source.delay,
        timezone=source.timezone,
    )
