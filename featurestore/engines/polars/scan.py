"""Sources as Polars frames: only the needed columns, each row under its number.

Parquet files are read by Polars itself, file by file, so that a row's number is the same in every read, and row
groups without a wanted row are left out. CSV files and frames in memory come through Arrow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from featurestore.definitions.source import Source
from featurestore.definitions.steps import Step
from featurestore.definitions.types import FeatureType
from featurestore.engines.polars.times import Int64Array
from featurestore.errors import SourceError
from featurestore.frames.convert import to_polars
from featurestore.frames.types import arrow_type
from featurestore.protocols.sources import EVERY_ROW, WantedRows
from featurestore.sources.arrow import folder_values, source_rows
from featurestore.sources.deferred import Deferred
from featurestore.sources.files import list_files, on_disk
from featurestore.sources.remote_parquet import Looked
from featurestore.transforms.deferred import defer_rows

ROW = "__fs_row"
SPANS = 32  # of a file's row groups at most: each is a comparison for every row that is read
FEW = 0.25  # of a file's rows: more are found faster by a mask than by their numbers
_ALL_AT_ONCE = 2**62
_LOCAL_SLACK = 3 * 86_400_000_000  # more than any zone is away from UTC, twice
_PER_MICROSECOND = {"ms": 1 / 1000, "us": 1, "ns": 1000}


@dataclass(frozen=True, slots=True)
class Reach:
    """The event timestamps that can matter, both ends included; None: no end."""

    earliest: int | None = None
    latest: int | None = None


EVERY_TIME = Reach()


@contextmanager
def reported(source: str) -> Iterator[None]:
    """Errors of Polars, and of Arrow, as errors of the source.

    Raises:
        SourceError: chained to what was raised.
    """
    try:
        yield
    except (pl.exceptions.PolarsError, pa.ArrowException, OSError) as error:
        raise SourceError(
            f"Source {source!r} cannot be read: {error}",
            hint="Check that the files are whole and of the types that the source declares.",
        ) from error


@dataclass(frozen=True, slots=True)
class _File:
    """A Parquet file.

    Attributes:
        path: of the file.
        bounds: the number of the first row of each row group, and of the row after the last.
    """

    path: str
    bounds: Int64Array

    @property
    def first(self) -> int:
        return int(self.bounds[0])

    @property
    def end(self) -> int:
        return int(self.bounds[-1])


Span = tuple[int, int]


@dataclass(frozen=True)
class SourceRows:
    """The rows of one source, numbered in a fixed order.

    Attributes:
        schema: columns and Arrow types; those from folder names are strings.
        files: the Parquet files, if it has some.
        text: columns that are text to be read as the declared type, such as those from folder names.
        wanted: the columns that are read, and the types that fields of CSV files have.
        steps: by which the source's rows become these.
        rows: which rows of the source can matter.
        only_for_ties: columns that are read again for rows that tie, if the source finds them again.
        looked: what files in object storage had when the schema was found out.
    """

    source: Source
    schema: pa.Schema
    files: tuple[str, ...]
    text: frozenset[str]
    wanted: Mapping[str, FeatureType | None]
    steps: tuple[Step, ...] = ()
    rows: WantedRows = EVERY_ROW
    only_for_ties: frozenset[str] = frozenset()
    looked: Looked | None = None

    @property
    def scanned(self) -> bool:
        """Whether Polars reads the files itself, without steps in between."""
        return on_disk(self.source) and not self.steps

    @cached_property
    def _types(self) -> Mapping[str, pl.DataType]:
        return pl.DataFrame(self.schema.empty_table()).schema

    @cached_property
    def _held(self) -> tuple[pl.DataFrame, Deferred | None]:
        types = {name: None if dtype is None else arrow_type(dtype) for name, dtype in self.wanted.items()}
        later = {name: types.pop(name) for name in list(types) if name in self.only_for_ties}
        read, deferred = defer_rows(
            self.source, self.steps, types, later, rows=self.rows, expected=self.schema, looked=self.looked
        )
        return to_polars(read), deferred

    @property
    def _table(self) -> pl.DataFrame:
        return self._held[0]

    @cached_property
    def _files(self) -> list[_File]:
        files, before = [], 0
        for path in self.files:
            found = pq.read_metadata(path)
            rows = [found.row_group(i).num_rows for i in range(found.num_row_groups)]
            files.append(_File(path, before + np.cumsum([0, *rows], dtype=np.int64)))
            before += found.num_rows
        return files

    @cached_property
    def height(self) -> int:
        """How many rows there are."""
        if self.scanned:
            return self._files[-1].end
        return self._table.height

    def read(self, columns: Sequence[str], *, reach: Reach = EVERY_TIME) -> pl.DataFrame:
        """Columns of all rows (but for some that are out of reach), and their numbers as `ROW`."""
        (rows,) = self.parts(columns, reach=reach, at_once=_ALL_AT_ONCE)
        return rows

    def parts(
        self, columns: Sequence[str], *, at_once: int, reach: Reach = EVERY_TIME
    ) -> Iterator[pl.DataFrame]:
        """The same in parts of about so many rows; at least one."""
        distinct = list(dict.fromkeys(columns))
        if not self.scanned:
            table = self._table.select(distinct)
            for start in range(0, max(table.height, 1), at_once):
                yield table.slice(start, at_once).with_row_index(ROW, offset=start)
            return
        near = self._near(reach)
        for _, part in groupby(self._portions(at_once), key=lambda portion: portion[0]):
            frames = [
                self._scan(file, distinct, numbered=True).filter(*_within(file, [span]), *near)
                for _, file, span in part
            ]
            yield pl.concat(pl.collect_all(frames))

    def _portions(self, at_once: int) -> Iterator[tuple[int, _File, Span]]:
        """Spans of row groups under the number of their part; files without rows are in some part too."""
        for file in self._files:
            starts = file.bounds[:-1] if len(file.bounds) > 1 else file.bounds
            numbers = starts // at_once
            first = np.flatnonzero(np.diff(numbers, prepend=-1))
            ends = [*starts[first[1:]].tolist(), file.end]
            for number, start, end in zip(numbers[first].tolist(), starts[first].tolist(), ends, strict=True):
                yield number, file, (start, end)

    def gather(
        self, columns: Sequence[str], used: pl.Series, *, tied: pl.Series | None = None
    ) -> pl.DataFrame:
        """Columns of the rows that are used (a mask over all rows), in order.

        Args:
            columns: their names.
            used: the mask.
            tied: the numbers of those that tie. Columns that only they need may be null in the others.
        """
        distinct = list(dict.fromkeys(columns))
        if not self.scanned:
            return self._gathered(distinct, used, tied)
        frames = []
        for file in self._files:
            mask = used.slice(file.first, file.end - file.first)
            if mask.any():
                frames.append(self._used(file, distinct, mask))
        if not frames:
            return pl.DataFrame(schema={name: self._types[name] for name in distinct})
        return pl.concat(pl.collect_all(frames))

    def _used(self, file: _File, columns: Sequence[str], mask: pl.Series) -> pl.LazyFrame:
        count = int(mask.sum())
        if count == len(mask):
            return self._scan(file, columns)
        if count > FEW * len(mask):
            return self._scan(file, columns).filter(pl.lit(mask))
        # By their numbers Polars decodes of a row group only what is used, and leaves out whole row groups.
        numbers = mask.arg_true().cast(pl.get_index_type()) + file.first
        spans = _spans(file, numbers.to_numpy())
        used = pl.col(ROW).is_in(numbers.implode())
        return self._scan(file, columns, numbered=True).filter(*_within(file, spans), used).drop(ROW)

    def _gathered(self, columns: Sequence[str], used: pl.Series, tied: pl.Series | None) -> pl.DataFrame:
        table, deferred = self._held
        found = table.select(name for name in columns if name in table.columns).filter(used)
        if deferred is None or tied is None:
            return found
        numbers = tied.unique().sort()
        later = pa.Table.from_batches(deferred.read(numbers.to_numpy()), deferred.schema)
        values = to_polars(later).with_columns(numbers.alias(ROW))
        numbered = found.with_columns(used.arg_true().cast(numbers.dtype).alias(ROW))
        return numbered.join(values, on=ROW, how="left", maintain_order="left").select(columns)

    def plan(self, columns: Sequence[str]) -> str:
        """How columns are read, as a Polars query plan."""
        if not self.scanned:
            return f"{self.source.kind} {self.source.name}: {', '.join(columns)}"
        return "\n".join(self._scan(file, columns).explain() for file in self._files)

    def _scan(self, file: _File, columns: Sequence[str], *, numbered: bool = False) -> pl.LazyFrame:
        lazy = pl.scan_parquet(
            file.path,
            glob=False,
            hive_partitioning=False,
            row_index_name=ROW if numbered else None,
            row_index_offset=file.first,
        )
        found = lazy.collect_schema()
        folders = folder_values(self.source, file.path)
        expressions = [pl.col(ROW)] if numbered else []
        for name in columns:
            wanted = self._types[name]
            if name in folders:
                expressions.append(pl.lit(folders[name], pl.String).alias(name))
            elif name not in found:
                expressions.append(pl.lit(None, wanted).alias(name))
            elif found[name] != wanted:
                expressions.append(pl.col(name).cast(wanted))
            else:
                expressions.append(pl.col(name))
        return lazy.select(expressions)

    def _near(self, reach: Reach) -> list[pl.Expr]:
        """Conditions on the raw event column that row groups can be skipped by; nothing exact."""
        column = self.source.event_timestamp
        dtype = self._types[column]
        if not isinstance(dtype, pl.Datetime) or column in self.text:
            return []
        slack = 1_000 if dtype.time_zone or self.source.timezone == "UTC" else _LOCAL_SLACK
        conditions = []
        if (first := _raw(reach.earliest, -slack, dtype)) is not None:
            conditions.append(pl.col(column) >= first)
        if (last := _raw(reach.latest, slack, dtype)) is not None:
            conditions.append(pl.col(column) <= last)
        return conditions


def _spans(file: _File, numbers: npt.NDArray[np.unsignedinteger]) -> list[Span]:
    """The row groups that these rows (in order) are in; neighbours, and the closest of too many, as one."""
    groups = np.unique(np.searchsorted(file.bounds, numbers, side="right")) - 1
    starts, ends = file.bounds[groups], file.bounds[groups + 1]
    gaps = starts[1:] - ends[:-1]
    widest = np.sort(np.argsort(gaps)[-(SPANS - 1) :])
    apart = widest[gaps[widest] > 0]
    return list(zip(starts[[0, *(apart + 1)]].tolist(), ends[[*apart, -1]].tolist(), strict=True))


def _within(file: _File, spans: Sequence[Span]) -> list[pl.Expr]:
    """A condition on the numbers of rows that row groups are skipped by; none for all of the file."""
    if list(spans) == [(file.first, file.end)]:
        return []
    return [pl.any_horizontal((pl.col(ROW) >= start) & (pl.col(ROW) < end) for start, end in spans)]


def _raw(instant: int | None, shift: int, dtype: pl.Datetime) -> pl.Expr | None:
    """An instant as a constant of the type of a column of times; None if the type cannot hold it."""
    if instant is None:
        return None
    raw = int((instant + shift) * _PER_MICROSECOND[dtype.time_unit])
    return None if abs(raw) >= 2**62 else pl.lit(raw).cast(dtype)


def files_of(source: Source) -> tuple[str, ...]:
    """The Parquet files of a source, none if it is of another kind."""
    return tuple(list_files(source)) if on_disk(source) else ()


def all_rows(source: Source) -> pl.LazyFrame:
    """All columns of a source, for SQL."""
    rows = open_columns(source)
    return rows.read(rows.schema.names).drop(ROW).lazy()


def open_columns(source: Source) -> SourceRows:
    """A source with all its columns."""
    schema, text = source_rows(source)
    return SourceRows(source, schema, files_of(source), text, dict.fromkeys(schema.names))
