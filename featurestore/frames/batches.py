"""Results batch by batch: rows picked from a table for one entity row after another, views side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS_AT_ONCE = 2**18


def picked(
    values: pa.Table, rows: int, positions: Callable[[int, int], pa.Array], threads: int
) -> Iterator[pa.RecordBatch]:
    """Rows of a table in any order, as often as they are wanted.

    Args:
        values: the table.
        rows: how many are wanted.
        positions: the places in the table of the wanted rows from one number on, so many at most; null for a row
            of nulls.
        threads: how many columns are picked at a time.
    """
    values = values.combine_chunks()
    with ThreadPoolExecutor(threads) as pool:
        for start in range(0, rows, ROWS_AT_ONCE):
            part = positions(start, ROWS_AT_ONCE)
            columns = list(pool.map(lambda column, part=part: column.take(part), values.columns))
            yield from pa.table(columns, schema=values.schema).to_batches()


def side_by_side(parts: Sequence[Iterator[pa.RecordBatch]]) -> Iterator[pa.RecordBatch]:
    """One batch of all columns for each run of rows that all parts have ready."""
    if len(parts) == 1:
        yield from parts[0]
        return
    heads: list[pa.RecordBatch | None] = [next(part, None) for part in parts]
    while all(head is not None for head in heads):
        ready = [head for head in heads if head is not None]
        rows = min(head.num_rows for head in ready)
        columns = [column for head in ready for column in head.slice(0, rows).columns]
        fields = [field for head in ready for field in head.schema]
        yield pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields))
        heads = [
            head.slice(rows) if head.num_rows > rows else next(part, None)
            for head, part in zip(ready, parts, strict=True)
        ]
