"""Rows of PostgreSQL as a stream of Arrow batches: only the columns, times and keys that are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa

from featurestore.definitions.database import PostgresSource
from featurestore.errors import SourceError
from featurestore.protocols.sources import ChangedEntities, SourceColumns, WantedRows
from featurestore_connectors.names import name_parts, no_column, no_table, quoted, two_columns
from featurestore_connectors.postgres.connections import Session
from featurestore_connectors.postgres.sql import among, literal, of_changed, rows_of, where, within
from featurestore_connectors.postgres.types import Column, check_dimensions, converted, described


class PostgresReader:
    """Reads tables and queries of PostgreSQL; see `SourceReader`."""

    def columns(self, *, source: PostgresSource) -> SourceColumns:
        """All columns; see `SourceReader`."""
        with Session(source=source.name, url=source.url) as session:
            columns = columns_of(session, source)
        return SourceColumns(
            pa.schema([(column.name, column.type) for column in columns]),
            frozenset(column.name for column in columns if column.text),
        )

    def read(
        self, *, source: PostgresSource, columns: Mapping[str, pa.DataType | None], rows: WantedRows
    ) -> pa.RecordBatchReader:
        """Some columns of the rows that are wanted; see `SourceReader`."""
        session = Session(source=source.name, url=source.url)
        try:
            there = {column.name: column for column in columns_of(session, source)}
            chosen = [_chosen(source, there, name) for name in columns]
            query = select(source, chosen, there, rows)
        except BaseException:
            session.close()
            raise
        types = [
            wanted if column.text and wanted is not None else column.type
            for column, wanted in zip(chosen, columns.values(), strict=True)
        ]
        schema = pa.schema(list(zip(columns, types, strict=True)))
        batches = _converted(source, chosen, schema, session.batches(query))
        return pa.RecordBatchReader.from_batches(schema, batches)


def columns_of(session: Session, source: PostgresSource) -> list[Column]:
    """The columns of a source.

    Raises:
        SourceError: if there is no such table, two columns share a name, or the query is refused.
    """
    if source.table:
        _check_table(session, source)
    columns = described(session.described(f"SELECT * FROM {rows_of(source)}"))
    if error := two_columns(source.name, [column.name for column in columns]):
        raise error
    return columns


def _check_table(session: Session, source: PostgresSource) -> None:
    """Check that the table is there, and say which are if it is not."""
    name = ".".join(map(quoted, name_parts(source.table)))
    if session.table(f"SELECT to_regclass({literal(name)})::text AS found").column("found")[0].as_py():
        return
    tables = session.table(
        "SELECT (CASE WHEN pg_table_is_visible(c.oid) THEN '' ELSE n.nspname || '.' END || c.relname)::text AS name "
        "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f') AND n.nspname NOT LIKE 'pg\\_%' "
        "AND n.nspname <> 'information_schema' ORDER BY 1"
    )
    raise no_table(source.name, source.table, tables.column("name").to_pylist())


def _chosen(source: PostgresSource, there: Mapping[str, Column], name: str) -> Column:
    if name not in there:
        raise no_column(source.name, name, list(there))
    return there[name]


def select(
    source: PostgresSource, chosen: Sequence[Column], there: Mapping[str, Column], rows: WantedRows
) -> str:
    """The query for some columns, and the dimensions of those that are arrays."""
    lists = [column for column in chosen if column.is_list]
    listed = [f"{column.returned} AS c{i}" for i, column in enumerate(chosen)]
    listed += [f"array_ndims(s.{quoted(column.name)}) AS d{i}" for i, column in enumerate(lists)]
    conditions: list[str | None] = []
    event = there.get(source.event_column)
    if event is not None:
        conditions += within(
            f"s.{quoted(event.name)}", event.kind, source.timezone, rows.earliest, rows.latest
        )
    if rows.keys is not None and all(name in there for name in rows.keys.schema.names):
        conditions.append(among({name: column.kind for name, column in there.items()}, rows.keys))
    if rows.changed is not None and all(name in there for name in _needed(source, rows.changed)):
        kinds = {name: column.kind for name, column in there.items()}
        conditions.append(of_changed(source, kinds, rows.changed, rows.latest))
    limit = "" if rows.first is None else f"\nLIMIT {rows.first}"
    return f"SELECT {', '.join(listed)}\nFROM {rows_of(source)}{where(conditions)}{limit}"


def _needed(source: PostgresSource, changed: ChangedEntities) -> list[str]:
    """The columns that say which entities have changed."""
    roles = (source.event_timestamp, source.created_timestamp, source.available_at)
    return [*changed.keys, *(source.own_column(name) for name in roles if name is not None)]


def _converted(
    source: PostgresSource, columns: Sequence[Column], schema: pa.Schema, batches: Iterator[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    lists = [column for column in columns if column.is_list]
    for batch in batches:
        check_dimensions(source.name, lists, batch.columns[len(columns) :])
        arrays = []
        for column, found, field in zip(columns, batch.columns, schema, strict=False):
            try:
                arrays.append(converted(found, field.type))
            except pa.ArrowInvalid as error:
                raise SourceError(
                    f"Source {source.name!r}: column {column.name!r} ({column.kind}) holds a value that is not a "
                    f"{field.type}: {error}.",
                    hint="Repair the row, or declare another type.",
                ) from error
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)
