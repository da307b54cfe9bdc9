"""Arrow tables as tables of a real PostgreSQL."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
import pyarrow as pa

from featurestore.definitions.database import PostgresSource
from featurestore.definitions.source import Source
from featurestore.protocols.offline import ViewPlan
from featurestore.testing.strategies import Case
from featurestore.testing.strategies.tables import table_for_database

URL = "${WAREHOUSE_URL}"
_NUMBERS = itertools.count()
_TYPES = {
    pa.bool_(): "boolean", pa.int16(): "smallint", pa.int32(): "integer", pa.int64(): "bigint", pa.float32(): "real",
    pa.float64(): "double precision", pa.string(): "text", pa.binary(): "bytea", pa.date32(): "date",
    pa.timestamp("us"): "timestamp", pa.timestamp("us", "UTC"): "timestamptz",
}  # fmt: skip


def sql_type(found: pa.DataType) -> str:
    if pa.types.is_list(found):
        return f"{sql_type(found.value_type)}[]"
    if pa.types.is_decimal(found):
        return f"numeric({found.precision}, {found.scale})"
    return _TYPES[found]


def load_table(url: str, table: pa.Table) -> str:
    """Make a table of the rows; its name."""
    name = f"Rows {next(_NUMBERS)}"
    columns = ", ".join(f'"{field.name}" {sql_type(field.type)}' for field in table.schema)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'CREATE TABLE "{name}" ({columns})'.encode())
        names = ", ".join(f'"{field.name}"' for field in table.schema)
        with (
            connection.cursor() as cursor,
            cursor.copy(f'COPY "{name}" ({names}) FROM STDIN'.encode()) as copy,
        ):
            for row in table.to_pylist():
                copy.write_row([row[field.name] for field in table.schema])
    return name


def as_postgres(case: Case, url: str, *, indexed: bool = False) -> Case | None:
    """The case over a table of PostgreSQL; None if none can hold it."""
    table = table_for_database(case)
    if table is None:
        return None
    source = postgres_source(case.source, load_table(url, table))
    if indexed:
        make_indexes(url, source, case.plans)
    return case.with_source(source)


def make_indexes(url: str, source: PostgresSource, plans: Sequence[ViewPlan]) -> None:
    """Indexes on join keys and event timestamp, by which the rows of an entity are found."""
    with psycopg.connect(url, autocommit=True) as connection:
        for plan in plans:
            columns = [source.own_column(key.name) for key in plan.keys] + [source.event_column]
            listed = ", ".join(f'"{column}"' for column in columns)
            connection.execute(f"CREATE INDEX ON {source.table} ({listed})".encode())


def postgres_source(source: Source, table: str) -> PostgresSource:
    return PostgresSource(source.name, url=URL, table=f'"{table}"', **roles_of(source))


def roles_of(source: Source) -> dict[str, Any]:
    """What a source says of its columns and rows."""
    names = ("event_timestamp", "created_timestamp", "available_at", "event_id", "delay", "timezone")
    return {name: getattr(source, name) for name in (*names, "mapping", "unnest", "computed", "where")}


def rows_of_query(query: str, columns: Mapping[str, str] | None = None, **roles: Any) -> PostgresSource:
    """A query as a source; with `columns`, the table that it makes, so that their types are a table's."""
    if columns is None:
        return PostgresSource("s", url=URL, query=query, **{"event_timestamp": "at", **roles})
    name = f"Rows {next(_NUMBERS)}"
    listed = ", ".join(f'"{column}" {kind}' for column, kind in columns.items())
    with psycopg.connect(os.environ["WAREHOUSE_URL"], autocommit=True) as connection:
        connection.execute(f'CREATE TABLE "{name}" (at timestamptz, {listed})'.encode())
        connection.execute(f'INSERT INTO "{name}" {query}'.encode())
    return PostgresSource("s", url=URL, table=f'"{name}"', **{"event_timestamp": "at", **roles})
