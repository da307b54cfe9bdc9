"""Sources as Polars frames: only the needed columns, each row under its number.

Parquet files are read by Polars itself, file by file, so that a row's number is the same in every read. CSV
files and frames in memory come through Arrow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import polars as pl
import pyarrow as pa

from featurestore.definitions.source import Source
from featurestore.definitions.steps import Step
from featurestore.definitions.types import FeatureType
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
    def _files(self) -> list[tuple[str, int]]:
        """Parquet files and how many rows each has."""
        counts = pl.collect_all([pl.scan_parquet(file, glob=False).select(pl.len()) for file in self.files])
        return [(file, count.item()) for file, count in zip(self.files, counts, strict=True)]

    @cached_property
    def height(self) -> int:
        """How many rows there are."""
        if self.scanned:
            return sum(count for _, count in self._files)
        return self._table.height

    def read(self, columns: Sequence[str], *, reach: Reach = EVERY_TIME) -> pl.DataFrame:
        """Columns of all rows (but for some that are out of reach), and their numbers as `ROW`."""
        distinct = list(dict.fromkeys(columns))
        if not self.scanned:
            return self._table.select(distinct).with_row_index(ROW)
        frames, before = [], 0
        for file, count in self._files:
            lazy = self._scan(file, distinct, numbered=True)
            near = self._near(reach)
            lazy = lazy.filter(near) if near else lazy
            frames.append(lazy.with_columns(pl.col(ROW) + pl.lit(before, pl.get_index_type())))
            before += count
        return pl.concat(pl.collect_all(frames)) if frames else pl.DataFrame(schema={ROW: pl.UInt32})

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
        frames, before = [], 0
        for file, count in self._files:
            mask = used.slice(before, count)
            if mask.any():
                frames.append(self._scan(file, distinct).filter(pl.lit(mask)))
            before += count
        if not frames:
            return pl.DataFrame(schema={name: self._types[name] for name in distinct})
        return pl.concat(pl.collect_all(frames))

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
        return "\n".join(self._scan(file, columns).explain() for file, _ in self._files)

    def _scan(self, file: str, columns: Sequence[str], *, numbered: bool = False) -> pl.LazyFrame:
        lazy = pl.scan_parquet(
            file, glob=False, hive_partitioning=False, row_index_name=ROW if numbered else None
        )
        found = lazy.collect_schema()
        folders = folder_values(self.source, file)
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
