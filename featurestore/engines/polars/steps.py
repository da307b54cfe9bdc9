"""Parquet files behind steps of row-local SQL: Polars reads what the asked-for columns are made from, no more.

Narrow columns are read for all rows, wide ones only for the rows that won; the SQL runs on what was read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from featurestore.definitions.steps import Shape, keeps_rows
from featurestore.engines.polars.scan import (
    EVERY_TIME,
    ROW,
    Reach,
    SourceRows,
    files_of,
    open_columns,
)
from featurestore.frames.convert import to_arrow_table, to_polars
from featurestore.protocols.offline import ViewPlan
from featurestore.protocols.sources import EVERY_ROW, WantedRows
from featurestore.sources.arrow import parses_text
from featurestore.sources.check import check_columns
from featurestore.sources.files import on_disk
from featurestore.transforms.rows import columns_needed, read_numbered, row_schema

if TYPE_CHECKING:
    import polars as pl

_NUMBER = "__fs_number"


@dataclass(frozen=True)
class SteppedRows(SourceRows):
    """The rows of Parquet files after steps that keep rows, under the numbers that they have in the files."""

    @cached_property
    def _base(self) -> SourceRows:
        return open_columns(self.source)

    @property
    def height(self) -> int:
        """How many rows the files have."""
        return self._base.height

    def parts(
        self, columns: Sequence[str], *, at_once: int, reach: Reach = EVERY_TIME
    ) -> Iterator[pl.DataFrame]:
        """Columns of all rows (but for some that are out of reach), and their numbers as `ROW`; in parts."""
        distinct = list(dict.fromkeys(columns))
        near = reach if self._event_as_it_is() else EVERY_TIME
        for found in self._base.parts(self._needed(distinct), reach=near, at_once=at_once):
            yield self._after_steps(found.rename({ROW: _NUMBER}), distinct).rename({_NUMBER: ROW})

    def gather(
        self, columns: Sequence[str], used: pl.Series, *, tied: pl.Series | None = None
    ) -> pl.DataFrame:
        """Columns of the rows that are used (a mask over all rows), in order; see `SourceRows`."""
        distinct = list(dict.fromkeys(columns))
        found = self._base.gather(self._needed(distinct), used, tied=tied)
        return self._after_steps(found.with_columns(used.arg_true().alias(_NUMBER)), distinct).drop(_NUMBER)

    def plan(self, columns: Sequence[str]) -> str:
        """How columns are read, as a Polars query plan."""
        return self._base.plan(self._needed(columns))

    def _needed(self, columns: Sequence[str]) -> list[str]:
        needed = columns_needed(self.steps, columns, self._base.schema)
        return [name for name in self._base.schema.names if name in needed]

    def _event_as_it_is(self) -> bool:
        event = self.source.event_timestamp
        shapes = [step for step in self.steps if isinstance(step, Shape)]
        return not any(event in step.mapping or event in step.computed for step in shapes)

    def _after_steps(self, rows: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
        table = to_arrow_table(rows, what=f"source {self.source.name!r}")
        text = self._base.text
        return to_polars(read_numbered(table, text, self.source, self.steps, columns, _NUMBER))


def open_source(view: ViewPlan, rows: WantedRows = EVERY_ROW) -> SourceRows:
    """The source of a view, checked, of which some rows can matter.

    Raises:
        SourceError: if it cannot be read, lacks a column or has one of another type.
    """
    source, steps = view.source, view.steps
    schema = row_schema(source, steps)
    wanted = [(key.name, key.dtype) for key in view.keys]
    wanted += [(feature.column, feature.dtype) for feature in view.inputs]
    check_columns(view.label, source, schema.arrow, schema.text, wanted)
    read = {**dict.fromkeys(source.time_columns), **dict(wanted)}
    # Text that no step saw is parsed as its type.
    text = schema.text if steps or not parses_text(source) else frozenset()
    if steps and on_disk(source) and keeps_rows(steps):
        return SteppedRows(source, schema.arrow, (), text, read, steps)
    return SourceRows(
        source, schema.arrow, files_of(source), text, read, steps, rows, view.only_for_ties, schema.looked
    )
