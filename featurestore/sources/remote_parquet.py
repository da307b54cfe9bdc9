"""Parquet files in object storage as a stream: the columns that are asked for, of the row groups that can matter.

What a file has is in its footer, which is read once for each content of a file: requests to a store take their time.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from featurestore.definitions.source import ParquetSource
from featurestore.protocols.sources import WantedRows
from featurestore.sources.remote import Version, at_once, open_file, reported, still, unchanged, version_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LOCAL_SLACK = 3 * 86_400_000_000  # more than any zone is away from UTC, twice


@dataclass(frozen=True, slots=True)
class Footer:
    """What a file has, in the content that it had when it was looked at."""

    version: Version
    metadata: pq.FileMetaData


class _Kept:
    """The footers that were used last."""

    def __init__(self) -> None:
        self._footers: OrderedDict[tuple[str, Version], pq.FileMetaData] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def find(self, path: str, version: Version) -> pq.FileMetaData | None:
        with self._lock:
            found = self._footers.get((path, version))
            if found is not None:
                self._footers.move_to_end((path, version))
            return found

    def keep(self, path: str, version: Version, footer: pq.FileMetaData) -> None:
        with self._lock:
            if (path, version) not in self._footers:
                self._footers[path, version] = footer
                self._bytes += footer.serialized_size
            while self._bytes > _KEPT_BYTES:
                self._bytes -= self._footers.popitem(last=False)[1].serialized_size


_KEPT_BYTES = 32 * 2**20
_kept = _Kept()


def footers(source: str, files: Sequence[str]) -> dict[str, Footer]:
    """What each file has now.

    Raises:
        SourceError: if a file cannot be read.
        SourceUnavailableError: if one is rewritten meanwhile.
    """
    return dict(zip(files, at_once(partial(_footer, source), files), strict=True))


def _footer(source: str, path: str) -> Footer:
    with reported(source, path):
        file = open_file(path)
    with file:
        version = version_of(path, file)
        found = _kept.find(path, version)
        if found is None:
            with still(source, path, version):
                found = pq.read_metadata(file)
            _kept.keep(path, version, found)
        return Footer(version, found)


def stream(
    source: ParquetSource,
    files: Mapping[str, Footer],
    folders: Mapping[str, Mapping[str, str | None]],
    schema: pa.Schema,
    rows: WantedRows,
) -> Iterator[pa.RecordBatch]:
    """The rows of all files, row group by row group; files of which none can matter are not opened.

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
    for path, footer in files.items():
        groups = [
            g for g in range(footer.metadata.num_row_groups) if _can_matter(source, footer.metadata, g, rows)
        ]
        if not groups or (left is not None and left <= 0):
            continue
        with (
            unchanged(source.name, path, footer.version) as opened,
            pq.ParquetFile(opened, metadata=footer.metadata) as file,
        ):
            names = [n for n in schema.names if n in file.schema_arrow.names and n not in folders[path]]
            for group in groups:
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


def _can_matter(source: ParquetSource, footer: pq.FileMetaData, group: int, rows: WantedRows) -> bool:
    """Whether a row group can hold a row that is wanted, as far as its statistics say."""
    ends = _ends(footer, group)
    if not _within(source, ends.get(source.event_column), rows):
        return False
    if rows.keys is None:
        return True
    return all(_holds_some(ends.get(name), rows.keys.column(name)) for name in rows.keys.schema.names)


def _ends(footer: pq.FileMetaData, group: int) -> dict[str, tuple[Any, Any]]:
    """The least and the greatest value of each column that has statistics of them."""
    metadata = footer.row_group(group)
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
