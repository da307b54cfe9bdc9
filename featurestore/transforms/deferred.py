"""Rows without columns that only few of them need, and how these columns are read afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from featurestore.definitions.source import Source
from featurestore.definitions.steps import Step, keeps_rows
from featurestore.protocols.sources import EVERY_ROW, WantedRows
from featurestore.sources.arrow import defer_columns, source_rows, streams
from featurestore.sources.deferred import Deferred
from featurestore.sources.remote_parquet import Looked
from featurestore.transforms.rows import columns_needed, read_numbered, read_rows, run_steps
from featurestore.transforms.table import Rows

_NUMBER = "__fs_number"


def defer_rows(
    source: Source,
    steps: Sequence[Step],
    columns: Mapping[str, pa.DataType | None],
    later: Mapping[str, pa.DataType | None],
    *,
    rows: WantedRows = EVERY_ROW,
    expected: pa.Schema | None = None,
    looked: Looked | None = None,
) -> tuple[pa.Table, Deferred | None]:
    """`read_rows` without columns that only few of the rows need, and how these are read afterwards.

    Args:
        source: see `read_rows`.
        steps: likewise.
        columns: those that every row needs.
        later: those that few need; they are read at once, too, where that saves nothing or `defer_columns` does so.
        rows: see `read_rows`.
        expected: likewise.
        looked: see `source_schema`.

    Raises:
        SourceError: if the source cannot be read.
        TransformError: if a step fails.
    """
    every = {**columns, **later}
    if not streams(source) or not keeps_rows(steps):
        return read_rows(source, steps, every, rows=rows, expected=expected), None
    if steps:
        return _after_steps(source, steps, list(columns), list(later), rows, looked)
    reader, deferred = defer_columns(source, columns, later, rows=rows, expected=expected, looked=looked)
    return reader.read_all().select(list(every if deferred is None else columns)), deferred


def _after_steps(
    source: Source,
    steps: Sequence[Step],
    columns: Sequence[str],
    later: Sequence[str],
    rows: WantedRows,
    looked: Looked | None,
) -> tuple[pa.Table, Deferred | None]:
    schema, text = source_rows(source, looked)
    now, then = (
        {name: None for name in schema.names if name in columns_needed(steps, wanted, schema)}
        for wanted in (columns, later)
    )
    reader, deferred = defer_columns(source, now, then, rows=rows, expected=schema, looked=looked)
    base = reader.read_all()
    numbered = _Numbered(source, steps, text)
    if deferred is None:
        read = run_steps(Rows(base, text & {*base.schema.names}), steps, source, wanted=[*columns, *later])
        return read.table.select([*columns, *later]), None
    found, numbers = numbered.after(base, np.arange(base.num_rows), columns)
    none, _ = numbered.after(deferred.schema.empty_table(), np.arange(0), later)

    def read_later(places: npt.NDArray[np.int64]) -> Iterator[pa.RecordBatch]:
        of = numbers[places]
        rows = pa.Table.from_batches(deferred.read(of), deferred.schema)
        yield from numbered.after(rows, of, later)[0].to_batches()

    return found, Deferred(none.schema, read_later)


@dataclass(frozen=True, slots=True)
class _Numbered:
    """Steps that keep rows, on rows under the numbers that they have in the source."""

    source: Source
    steps: Sequence[Step]
    text: frozenset[str]

    def after(
        self, rows: pa.Table, numbers: npt.NDArray[np.int64], columns: Sequence[str]
    ) -> tuple[pa.Table, npt.NDArray[np.int64]]:
        """Columns of the rows that are left after the steps, and their numbers."""
        text = self.text & {*rows.schema.names}
        rows = rows.append_column(_NUMBER, pa.array(numbers))
        found = read_numbered(rows, text, self.source, self.steps, columns, _NUMBER)
        return found.select(columns), found.column(_NUMBER).to_numpy()
