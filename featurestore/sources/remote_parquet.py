"""Parquet files in object storage as a stream: the columns that are asked for, of the row groups that can matter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from featurestore.definitions.source import ParquetSource
from featurestore.protocols.sources import WantedRows
from featurestore.sources.remote import Version, open_file, unchanged

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LOCAL_SLACK = 3 * 86_400_000_000  # more than any zone is away from UTC, twice


def stream(
    source: ParquetSource,
    files: Mapping[str, Version],
    folders: Mapping[str, Mapping[str, str | None]],
    schema: pa.Schema,
    rows: WantedRows,
) -> Iterator[pa.RecordBatch]:
    """The rows of all files, row group by row group.

    Args:
        source: names its event timestamp.
        files: with the content that each must have.
        folders: for each file the values that its folders' names give.
        schema: the columns to read, in the types that they have over all files.
        rows: which rows are wanted; `first` stops the stream.

    Raises:
        SourceError: if a file cannot be read.
        SourceUnavailableError: if one has another content now.
    """
    left = rows.first
    for path, version in files.items():
        with unchanged(source.name, path, version), open_file(path) as opened, pq.ParquetFile(opened) as file:
            groups = [g for g in range(file.num_row_groups) if _can_matter(source, file, g, rows)]
            names = [n for n in schema.names if n in file.schema_arrow.names and n not in folders[path]]
            for group in groups if left is None or left > 0 else []:
                table = _in_types(file.read_row_group(group, columns=names), folders[path], schema)
                left = None if left is None else left - table.num_rows
                yield from table.to_batches()
                if left is not None and left <= 0:
                    break


def _in_types(found: pa.Table, folders: Mapping[str, str | None], schema: pa.Schema) -> pa.Table:
    """The columns of one file in the types and the order of all files."""
    columns = []
    for field in schema:
        if field.name in folders:
            column = pa.repeat(pa.scalar(folders[field.name], pa.string()), found.num_rows)
        elif field.name in found.schema.names:
            column = found.column(field.name)
        else:
            column = pa.nulls(found.num_rows, field.type)
        columns.append(column if column.type == field.type else column.cast(field.type))
    return pa.table(columns, schema=schema)


def _can_matter(source: ParquetSource, file: pq.ParquetFile, group: int, rows: WantedRows) -> bool:
    """Whether a row group can hold a row that is wanted, as far as its statistics say."""
    ends = _ends(file, group)
    if not _within(source, ends.get(source.event_column), rows):
        return False
    if rows.keys is None:
        return True
    return all(_holds_some(ends.get(name), rows.keys.column(name)) for name in rows.keys.schema.names)


def _ends(file: pq.ParquetFile, group: int) -> dict[str, tuple[Any, Any]]:
    """The least and the greatest value of each column that has statistics of them."""
    metadata = file.metadata.row_group(group)
    columns = (metadata.column(i) for i in range(metadata.num_columns))
    return {
        column.path_in_schema: (column.statistics.min, column.statistics.max)
        for column in columns
        if column.is_stats_set and column.statistics.has_min_max
    }


def _within(source: ParquetSource, ends: tuple[Any, Any] | None, rows: WantedRows) -> bool:
    if ends is None or not all(isinstance(end, datetime) for end in ends):
        return True
    exact = ends[0].tzinfo is not None or source.timezone == "UTC"
    # A time that is not whole microseconds has been rounded here.
    slack = 1 if exact else _LOCAL_SLACK
    first, last = (_instant(end) for end in ends)
    too_late = rows.latest is not None and first - slack > rows.latest
    return not too_late and (rows.earliest is None or last + slack >= rows.earliest)


def _instant(moment: datetime) -> int:
    return (moment.replace(tzinfo=moment.tzinfo or UTC) - _EPOCH) // _MICROSECOND


def _holds_some(ends: tuple[Any, Any] | None, keys: pa.ChunkedArray) -> bool:
    """Whether one of the keys is within the ends of a column; true where they do not compare."""
    if ends is None or not _compares(ends, keys.type):
        return True
    low, high = (pa.scalar(end, keys.type) for end in ends)
    return bool(pc.any(pc.and_(pc.greater_equal(keys, low), pc.less_equal(keys, high))).as_py())


def _compares(ends: Sequence[Any], dtype: pa.DataType) -> bool:
    if pa.types.is_string(dtype):
        return all(isinstance(end, str) for end in ends)
    if not pa.types.is_integer(dtype) or not all(type(end) is int for end in ends):
        return False
    least, most = (0, 2**dtype.bit_width - 1) if pa.types.is_unsigned_integer(dtype) else (
        -(2 ** (dtype.bit_width - 1)), 2 ** (dtype.bit_width - 1) - 1)  # fmt: skip
    return bool(least <= min(ends) and max(ends) <= most)
