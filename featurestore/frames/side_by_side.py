"""Batches of several streams of the same rows, put side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa


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
