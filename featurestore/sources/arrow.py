"""Sources as Arrow: their schemas, and the rows of those that the engines do not read themselves.

Parquet is read by the engines. CSV files, frames in memory and what connectors read reach both engines through
here, so that a text is parsed in one way only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq

from featurestore.definitions.source import CSVSource, FileSource, InMemorySource, ParquetSource, Source
from featurestore.errors import SourceError
from featurestore.frames.convert import to_arrow_table
from featurestore.protocols.sources import EVERY_ROW, WantedRows
from featurestore.sources import remote, remote_parquet
from featurestore.sources.csv_files import csv_schema, read_csv, time_looks
from featurestore.sources.deferred import Deferred
from featurestore.sources.external import check_unchanged, external_columns, external_rows, is_external
from featurestore.sources.files import list_files, on_disk
from featurestore.sources.remote_parquet import Looked

_HIVE = re.compile(r"[/\\]([^/\\=]+)=([^/\\]*)(?=[/\\])")
_HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"


def source_schema(source: Source, looked: Looked | None = None) -> pa.Schema:
    """The columns of a source (with absolute paths) and their Arrow types, as far as it says them.

    The columns of CSV files and of folder names come as strings.

    Args:
        source: the source.
        looked: what its files in object storage have; it is noted there by who looks first.

    Raises:
        SourceError: if the source cannot be read.
    """
    if isinstance(source, InMemorySource):
        return _frame(source).schema
    if not isinstance(source, FileSource):
        return external_columns(source).schema
    if isinstance(source, ParquetSource):
        return _parquet_schema(source, *_looked_at(source, looked))
    return _unified(source, [_guarded(source, file, csv_schema) for file in list_files(source)])


def _looked_at(
    source: ParquetSource, looked: Looked | None
) -> tuple[list[str], Mapping[str, remote_parquet.Footer]]:
    """The files of a source, and what those in object storage have."""
    if looked is not None and looked.files is not None:
        return list(looked.files), looked.files
    files = list_files(source)
    footers = remote_parquet.footers(source.name, list(filter(remote.is_remote, files)))
    if looked is not None and len(footers) == len(files):
        looked.files = footers
    return files, footers


def source_rows(source: Source, looked: Looked | None = None) -> tuple[pa.Schema, frozenset[str]]:
    """`source_schema`, and which of the columns are text to be read as the type that a view declares."""
    if is_external(source):
        columns = external_columns(source)
        return columns.schema, columns.text
    schema = source_schema(source, looked)
    if isinstance(source, CSVSource):
        return schema, frozenset(schema.names)
    if isinstance(source, InMemorySource):
        return schema, source.text_columns
    files = None if looked is None or looked.files is None else list(looked.files)
    return schema, frozenset(hive_columns(source, files)) if isinstance(
        source, ParquetSource
    ) else frozenset()


def parses_text(source: Source) -> bool:
    """Whether columns that are text are read as the types that are asked for, where no step comes before."""
    return isinstance(source, CSVSource) or is_external(source)


def _unified(source: FileSource, schemas: list[pa.Schema]) -> pa.Schema:
    try:
        return pa.unify_schemas(schemas, promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise SourceError(
            f"Source {source.name!r}: its files disagree about a column: {error}.",
            hint="Rewrite the files with one type per column.",
        ) from error


def read_table(
    source: Source,
    columns: Mapping[str, pa.DataType | None],
    *,
    rows: WantedRows = EVERY_ROW,
    expected: pa.Schema | None = None,
) -> pa.Table:
    """Columns of a source as one table in memory, the rows in their order.

    Args:
        source: with absolute paths.
        columns: column name to the Arrow type to parse a CSV field as. None: what the first fields look
            like; timestamps always come as written, zoned or not. The columns of other sources come in
            the types they have.
        rows: which rows are wanted; only connectors leave out others.
        expected: see `external_rows`.

    Raises:
        SourceError: if the source cannot be read or a field cannot be parsed.
    """
    if isinstance(source, InMemorySource):
        return _frame(source).select(list(columns))
    if not isinstance(source, FileSource):
        return external_rows(source, columns, rows, expected=expected).read_all().select(list(columns))
    if isinstance(source, ParquetSource) and not on_disk(source):
        return stream_rows(source, columns, rows=rows, expected=expected).read_all()
    files = list_files(source)
    if isinstance(source, ParquetSource):
        tables = [_guarded(source, file, lambda s, f: _read_parquet(s, f, columns)) for file in files]
    else:
        looks = _unified(source, [_guarded(source, f, lambda s, f: time_looks(s, f, columns)) for f in files])
        tables = [_guarded(source, file, lambda s, f: read_csv(s, f, columns, looks)) for file in files]
    return pa.concat_tables(tables, promote_options="permissive").select(list(columns))


def streams(source: Source) -> bool:
    """Whether `stream_rows` reads the source: what neither the engines nor Arrow read from a disk."""
    return is_external(source) or (isinstance(source, ParquetSource) and not on_disk(source))


def stream_rows(
    source: Source,
    columns: Mapping[str, pa.DataType | None],
    *,
    rows: WantedRows = EVERY_ROW,
    expected: pa.Schema | None = None,
) -> pa.RecordBatchReader:
    """Columns of the wanted rows of a source that is not on this machine, as a stream; see `external_rows`."""
    return defer_columns(source, columns, {}, rows=rows, expected=expected)[0]


def defer_columns(
    source: Source,
    columns: Mapping[str, pa.DataType | None],
    later: Mapping[str, pa.DataType | None],
    *,
    rows: WantedRows = EVERY_ROW,
    expected: pa.Schema | None = None,
    looked: Looked | None = None,
) -> tuple[pa.RecordBatchReader, Deferred | None]:
    """`stream_rows` without columns that only few of the rows need, and how these are read afterwards.

    Args:
        source: one that `streams`.
        columns: those that every row needs.
        later: those that few need. They are read at once, too, unless the source finds the same rows again: files in
            object storage keep their order, while what a connector reads may be in another state by then.
        rows: which rows are wanted.
        expected: see `external_rows`.
        looked: see `source_schema`.

    Raises:
        SourceError: if the source cannot be read.
    """
    every = {**columns, **later}
    if not isinstance(source, ParquetSource):
        return external_rows(source, every, rows, expected=expected), None
    listed, files = _looked_at(source, looked)
    schema = _parquet_schema(source, listed, files)
    check_unchanged(source, expected, pa.schema([schema.field(name) for name in every]), every)
    chosen = remote_parquet.parts(source, files, {file: folder_values(source, file) for file in files}, rows)
    now = pa.schema([schema.field(name) for name in columns])
    batches = remote_parquet.stream(source, chosen, now, rows.first)
    reader = pa.RecordBatchReader.from_batches(now, batches)
    if later.keys() <= columns.keys():
        return reader, None
    left_out = pa.schema([(name, remote_parquet.selectable(schema.field(name).type)) for name in later])
    return reader, Deferred(left_out, partial(remote_parquet.stream_some, source, chosen, left_out))


def row_count(source: Source, *, enough: int) -> int | None:
    """How many rows a source has before any steps, None where only reading them tells.

    Args:
        source: the source.
        enough: files are only opened until so many rows are known of.

    Raises:
        SourceError: if the source cannot be read.
    """
    if isinstance(source, InMemorySource):
        return int(_frame(source).num_rows)
    if isinstance(source, ParquetSource) and on_disk(source):
        found = 0
        for file in list_files(source):
            if found >= enough:
                break
            found += int(_guarded(source, file, _rows_of_parquet))
        return found
    return None


def _rows_of_parquet(_: ParquetSource, file: str) -> int:
    return int(pq.read_metadata(file).num_rows)


def first_rows(source: Source, count: int) -> pa.Table:
    """Up to so many of a source's first rows, with all columns; those of CSV files as text, but for times.

    Raises:
        SourceError: if the source cannot be read.
    """
    schema = source_schema(source)
    if on_disk(source):
        tables, left = [], count
        for file in list_files(source):
            if left > 0:
                tables.append(_guarded(source, file, lambda s, f: _first_of_parquet(s, f, schema, left)))  # noqa: B023
                left -= tables[-1].num_rows
        return pa.concat_tables(tables, promote_options="permissive").select(schema.names)
    return read_table(source, dict.fromkeys(schema.names), rows=WantedRows(first=count)).slice(0, count)


def _first_of_parquet(source: ParquetSource, file: str, schema: pa.Schema, count: int) -> pa.Table:
    with pq.ParquetFile(file) as parquet:
        batch = next(parquet.iter_batches(batch_size=count), None)
        rows = pa.Table.from_batches([] if batch is None else [batch], parquet.schema_arrow).slice(0, count)
    for name, value in folder_values(source, file).items():
        column = pa.array([value] * rows.num_rows, schema.field(name).type)
        rows = rows.drop_columns([name]) if name in rows.schema.names else rows
        rows = rows.append_column(name, column)
    return rows.replace_schema_metadata(None)


def hive_columns(source: ParquetSource, files: Sequence[str] | None = None) -> list[str]:
    """The columns that stand in the folder names of a hive-partitioned source; its files are listed if not known."""
    if not source.hive_partitioning:
        return []
    files = list_files(source) if files is None else files
    return list(dict.fromkeys(name for file in files for name, _ in _HIVE.findall(file)))


def _guarded(source: FileSource, file: str, read: Any) -> Any:
    if remote.is_remote(file):
        with remote.unchanged(source.name, file):
            return read(source, file)
    return _read_here(source, file, read)


def _read_here(source: FileSource, file: str, read: Any) -> Any:
    try:
        return read(source, file)
    except (OSError, pa.ArrowException) as error:
        raise SourceError(
            f"Source {source.name!r}: {file} cannot be read as {source.kind}: {error}.",
            hint="Check that the file is whole and of the kind that the source declares.",
        ) from error


def _parquet_schema(
    source: ParquetSource, files: Sequence[str], footers: Mapping[str, remote_parquet.Footer]
) -> pa.Schema:
    """The columns of all files: what the footers of those in object storage say, and the others' own."""

    def stored(source: ParquetSource, file: str) -> pa.Schema:
        footer = footers.get(file)
        schema = pq.read_schema(file) if footer is None else footer.metadata.schema.to_arrow_schema()
        schema = schema.remove_metadata()
        for name in folder_values(source, file):
            if name not in schema.names:
                schema = schema.append(pa.field(name, pa.string()))
        return schema

    return _unified(source, [_read_here(source, file, stored) for file in files])


def folder_values(source: Source, file: str) -> dict[str, str | None]:
    """The values in the folder names of one file, where the source is hive-partitioned."""
    hive = isinstance(source, ParquetSource) and source.hive_partitioning
    found = _HIVE.findall(file) if hive else []
    return {name: None if value == _HIVE_NULL else unquote(value) for name, value in found}


def _read_parquet(source: ParquetSource, file: str, columns: Mapping[str, pa.DataType | None]) -> pa.Table:
    folders = folder_values(source, file)
    with pq.ParquetFile(file) as parquet:
        names = [n for n in columns if n in parquet.schema_arrow.names and n not in folders]
        table = parquet.read(columns=names).select(names)
        rows = parquet.metadata.num_rows
    for name in columns:
        if name in folders:
            table = table.append_column(name, pa.repeat(pa.scalar(folders[name], pa.string()), rows))
    return table


def _frame(source: InMemorySource) -> pa.Table:
    if source.data is None:
        raise SourceError(
            f"Source {source.name!r} holds rows in the memory of the process that defined it.",
            hint="Define it here with data=…, or use a ParquetSource so that every process can read it.",
        )
    return to_arrow_table(source.data, what=f"source {source.name!r}")
