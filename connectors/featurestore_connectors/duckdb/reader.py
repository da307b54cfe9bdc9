"""Rows of a DuckDB database file as a stream of Arrow batches: only the columns, times and keys that are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import duckdb
import pyarrow as pa

from featurestore.definitions.database import DuckDBSource
from featurestore.errors import SourceError, SourceUnavailableError
from featurestore.protocols.sources import SourceColumns, WantedRows
from featurestore_connectors.names import name_parts, no_column, no_table, quoted, two_columns

BATCH_ROWS = 122_880
_KEYS = "__fs_keys"
_LOCAL_SLACK = 3 * 86_400_000_000  # more than any zone is away from UTC, twice
_FURTHEST = 2**62  # microseconds: times beyond are not said in SQL
_INSTANT = "TIMESTAMP WITH TIME ZONE"
# Types of keys that compare with the declared ones as they are.
_COMPARABLE = {
    "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "VARCHAR", "BLOB",
    "BOOLEAN", "DATE", _INSTANT,
}  # fmt: skip
# Types that Arrow has no equal of, or a narrower one: what is read instead.
_CASTS = {"HUGEINT": "DECIMAL(38, 0)", "UHUGEINT": "DECIMAL(38, 0)", "BIT": "VARCHAR"}


class DuckDBReader:
    """Reads tables and queries of DuckDB database files; see `SourceReader`."""

    def columns(self, *, source: DuckDBSource) -> SourceColumns:
        """All columns; see `SourceReader`."""
        with _reported(source), _connected(source) as connection:
            types = _types(connection, source)
            query = _select(source, types, list(types), WantedRows(first=0))
            return SourceColumns(connection.sql(query).to_arrow_table().schema)

    def read(
        self, *, source: DuckDBSource, columns: Mapping[str, pa.DataType | None], rows: WantedRows
    ) -> pa.RecordBatchReader:
        """Some columns of the rows that are wanted; see `SourceReader`."""
        batches = _batches(source, list(columns), rows)
        first = next(batches)
        return pa.RecordBatchReader.from_batches(first.schema, _all(first, batches))


def _all(first: pa.RecordBatch, rest: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    yield first
    yield from rest


def _batches(source: DuckDBSource, columns: Sequence[str], rows: WantedRows) -> Iterator[pa.RecordBatch]:
    """The rows; the first batch is there for its schema, and empty."""
    with _reported(source), _connected(source) as connection:
        types = _types(connection, source)
        for name in columns:
            if name not in types:
                raise no_column(source.name, name, list(types))
        if rows.keys is not None:
            connection.register(_KEYS, rows.keys)
        reader = connection.sql(_select(source, types, columns, rows)).to_arrow_reader(BATCH_ROWS)
        yield pa.RecordBatch.from_pylist([], schema=reader.schema)
        yield from reader


@contextmanager
def _connected(source: DuckDBSource) -> Iterator[duckdb.DuckDBPyConnection]:
    connection = _connect(source.path)
    try:
        # Of this connection alone: this process may have opened the file for itself.
        connection.execute("SET SESSION TimeZone = 'UTC'")
        connection.execute("BEGIN")
        yield connection
    finally:
        connection.close()


def _connect(path: str) -> duckdb.DuckDBPyConnection:
    settings: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": False,
        "python_enable_replacements": False,
    }
    try:
        return duckdb.connect(path, read_only=True, config=settings)
    except duckdb.ConnectionException:
        # This process has the file open in another way, and DuckDB wants all of its connections alike.
        return duckdb.connect(path)


@contextmanager
def _reported(source: DuckDBSource) -> Iterator[None]:
    """Translate DuckDB's errors.

    Raises:
        SourceUnavailableError: if another process has the file open for writing.
        SourceError: naming the source.
    """
    try:
        yield
    except (duckdb.Error, pa.ArrowException, RuntimeError) as error:
        if "Query interrupted" in str(error) or isinstance(error, duckdb.InterruptException):
            raise KeyboardInterrupt from error
        message = str(error).partition("\n")[0]
        if "Could not set lock" in message:
            raise SourceUnavailableError(
                f"Source {source.name!r}: {source.path} is open for writing in another process.",
                hint="Make the request again when that has closed it.",
            ) from error
        raise SourceError(
            f"Source {source.name!r}: {source.path} cannot be read: {message}.",
            hint="Check path and query; the file must be of a version that this DuckDB reads.",
        ) from error


def _types(connection: duckdb.DuckDBPyConnection, source: DuckDBSource) -> dict[str, str]:
    """The columns and their types, as DuckDB calls these.

    Raises:
        SourceError: if there is no such table, or two columns share a name.
    """
    try:
        described = connection.sql(f"DESCRIBE SELECT * FROM {_rows(source)}").fetchall()
    except duckdb.CatalogException:
        if source.query:
            raise
        raise no_table(source.name, source.table, _tables(connection)) from None
    if error := two_columns(source.name, [column for column, *_ in described]):
        raise error
    return {column: kind for column, kind, *_ in described}


def _tables(connection: duckdb.DuckDBPyConnection) -> list[str]:
    found = connection.sql(
        "SELECT if(table_schema = current_schema(), '', table_schema || '.') || table_name "
        "FROM information_schema.tables WHERE table_catalog = current_database() ORDER BY 1"
    )
    return [name for (name,) in found.fetchall()]


def _rows(source: DuckDBSource) -> str:
    if source.query:
        return f"(\n{source.query}\n) AS s"
    return f"{'.'.join(map(quoted, name_parts(source.table)))} AS s"


def _select(source: DuckDBSource, types: Mapping[str, str], columns: Sequence[str], rows: WantedRows) -> str:
    listed = ", ".join(_read(name, types[name]) for name in columns)
    conditions = _within(source, types, rows)
    keys = [] if rows.keys is None else [n for n in rows.keys.schema.names if types.get(n) in _COMPARABLE]
    if keys:
        same = " AND ".join(f"k.{quoted(name)} = s.{quoted(name)}" for name in keys)
        conditions.append(f"EXISTS (SELECT 1 FROM {_KEYS} AS k WHERE {same})")
    where = f"\nWHERE {' AND '.join(conditions)}" if conditions else ""
    limit = "" if rows.first is None else f"\nLIMIT {rows.first}"
    return f"SELECT {listed}\nFROM {_rows(source)}{where}{limit}"


def _read(name: str, kind: str) -> str:
    column = f"s.{quoted(name)}"
    return f"CAST({column} AS {_CASTS[kind]}) AS {quoted(name)}" if kind in _CASTS else column


def _within(source: DuckDBSource, types: Mapping[str, str], rows: WantedRows) -> list[str]:
    """Conditions that event timestamps are within bounds, or near to them."""
    kind = types.get(source.event_column, "")
    if kind not in ("DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", _INSTANT):
        return []
    slack = 0 if kind == _INSTANT else _LOCAL_SLACK
    column = f"s.{quoted(source.event_column)}"
    function = "make_timestamptz" if kind == _INSTANT else "make_timestamp"
    bounds = ((">=", rows.earliest, -slack), ("<=", rows.latest, slack))
    return [
        f"{column} {operator} {function}({bound + shift})"
        for operator, bound, shift in bounds
        if bound is not None and abs(bound) < _FURTHEST
    ]
