"""Parquet files in object storage as a stream: the columns that are asked for, of the row groups that can matter.

What a file has is in its footer, which is read once for each content of a file: requests to a store take their time.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from featurestore.definitions.source import ParquetSource
from featurestore.protocols.sources import WantedRows
from featurestore.sources.remote import Version, at_once, open_file, reported, still, unchanged, version_of

Int64Array: TypeAlias = npt.NDArray[np.int64]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LOCAL_SLACK = 3 * 86_400_000_000  # more than any zone is away from UTC, twice


@dataclass(frozen=True, slots=True)
class Footer:
    """What a file has, in the content that it had when it was looked at."""

    version: Version
    metadata: pq.FileMetaData


@dataclass(slots=True)
class Looked:
    """The files of a source as they were when they were looked at: whoever is given this does not look again.

    Attributes:
        files: what each has; None before anybody has looked.
    """

    files: Mapping[str, Footer] | None = None


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


@dataclass(frozen=True, slots=True)
class Part:
    """The row groups of a file that can matter, in the content that the file must have.

    Attributes:
        path: of the file.
        footer: what it has.
        folders: the values that its folders' names give.
        groups: the numbers of the row groups.
    """

    path: str
    footer: Footer
    folders: Mapping[str, str | None]
    groups: tuple[int, ...]


def parts(
    source: ParquetSource,
    files: Mapping[str, Footer],
    folders: Mapping[str, Mapping[str, str | None]],
    rows: WantedRows,
) -> list[Part]:
    """What can matter of files, as far as their footers say; files of which nothing can are left out.

    Args:
        source: names its event timestamp.
        files: with the content that each must have.
        folders: for each file the values that its folders' names give.
        rows: which rows are wanted.
    """
    found = []
    for path, footer in files.items():
        every = range(footer.metadata.num_row_groups)
        groups = tuple(g for g in every if _can_matter(source, footer.metadata, g, rows))
        if groups:
            found.append(Part(path, footer, folders[path], groups))
    return found


def stream(
    source: ParquetSource, chosen: Sequence[Part], schema: pa.Schema, first: int | None
) -> Iterator[pa.RecordBatch]:
    """The rows of files, row group by row group.

    Args:
        source: names the rows in errors.
        chosen: the row groups.
        schema: the columns to read, in the types that they have over all files.
        first: so many rows are enough; None for all.

    Raises:
        SourceError: if a file cannot be read.
        SourceUnavailableError: if one has another content now.
    """
    left = first
    for part in chosen:
        if left is not None and left <= 0:
            return
        with _opened(source, part, schema) as read:
            for group in part.groups:
                table = read(group)
                left = None if left is None else left - table.num_rows
                yield from table.to_batches()
                if left is not None and left <= 0:
                    break


def stream_some(
    source: ParquetSource, chosen: Sequence[Part], schema: pa.Schema, numbers: Int64Array
) -> Iterator[pa.RecordBatch]:
    """Some of the rows that `stream` returns; row groups without any of them are not read.

    Args:
        source: names the rows in errors.
        chosen: the row groups.
        schema: the columns to read, in types that are `selectable`.
        numbers: the places of the rows in the stream, ascending.

    Raises:
        SourceError: if a file cannot be read.
        SourceUnavailableError: if one has another content now.
    """
    begin = 0
    for part in chosen:
        wanted = {}
        for group in part.groups:
            mask = np.zeros(part.footer.metadata.row_group(group).num_rows, np.bool_)
            first, last = np.searchsorted(numbers, (begin, begin + len(mask)))
            if first < last:
                mask[numbers[first:last] - begin] = True
                wanted[group] = pa.array(mask)
            begin += len(mask)
        if wanted:
            with _opened(source, part, schema) as read:
                for group, rows in wanted.items():
                    yield from read(group).filter(rows).to_batches()


def selectable(found: pa.DataType) -> pa.DataType:
    """The type in which `stream_some` returns values: Arrow cannot select among those of its view types."""
    if pa.types.is_string_view(found):
        return pa.large_string()
    if pa.types.is_binary_view(found):
        return pa.large_binary()
    if pa.types.is_fixed_size_list(found):
        return pa.list_(selectable(found.value_type), found.list_size)
    if pa.types.is_list(found) or pa.types.is_large_list(found):
        item = selectable(found.value_type)
        return found if item == found.value_type else pa.large_list(item)
    return found


@contextmanager
def _opened(source: ParquetSource, part: Part, schema: pa.Schema) -> Iterator[Callable[[int], pa.Table]]:
    """What reads the columns of one row group of a file."""
    with (
        unchanged(source.name, part.path, part.footer.version) as opened,
        pq.ParquetFile(opened, metadata=part.footer.metadata) as file,
    ):
        stored = set(file.schema_arrow.names) - set(part.folders)
        names = [name for name in schema.names if name in stored]
        yield lambda group: _in_types(file.read_row_group(group, columns=names), part.folders, schema)


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
