"""Batches into a Parquet file, written beside the work that makes them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

ROW_GROUP_ROWS = 2**18
# Row groups that wait to be written: more would only take memory.
_WAITING = 2


def write_parquet(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch], **options: Any) -> None:
    """Write batches to one file; one row group is written while the next ones are made.

    Args:
        path: the file.
        schema: of the batches.
        batches: taken one after another.
        **options: for `pyarrow.parquet.ParquetWriter`; without ``use_dictionary`` all columns but those of floats
            have dictionaries: measured values seldom repeat, and to find that out takes as long as all the rest.
    """
    options = {"use_dictionary": _repeating(schema) or False} | options
    written: deque[Future[None]] = deque()
    with pq.ParquetWriter(path, schema, **options) as writer, ThreadPoolExecutor(1) as pool:
        for table in _row_groups(batches, schema):
            if len(written) == _WAITING:
                written.popleft().result()
            written.append(pool.submit(writer.write_table, table, ROW_GROUP_ROWS))
        for each in written:
            each.result()


def _row_groups(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        waiting.append(batch)
        if sum(each.num_rows for each in waiting) >= ROW_GROUP_ROWS:
            yield pa.Table.from_batches(waiting, schema)
            waiting = []
    if waiting:
        yield pa.Table.from_batches(waiting, schema)


def _repeating(schema: pa.Schema) -> list[str]:
    """The paths in the file of all values that are not floats."""
    leaves = [leaf for field in schema for leaf in _leaves(field.name, field.type)]
    return [path for path, dtype in leaves if not pa.types.is_floating(dtype)]


def _leaves(path: str, dtype: pa.DataType) -> Iterator[tuple[str, pa.DataType]]:
    if pa.types.is_struct(dtype):
        for field in dtype:
            yield from _leaves(f"{path}.{field.name}", field.type)
    elif pa.types.is_map(dtype):
        yield from _leaves(f"{path}.key_value.key", dtype.key_type)
        yield from _leaves(f"{path}.key_value.value", dtype.item_type)
    elif pa.types.is_nested(dtype):
        yield from _leaves(f"{path}.list.element", dtype.value_type)
    else:
        yield path, dtype
