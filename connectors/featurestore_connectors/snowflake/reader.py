"""Rows of Snowflake as a stream of Arrow batches: only the columns, times and keys that are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa

from featurestore.definitions.database import SnowflakeSource
from featurestore.errors import SourceError
from featurestore.protocols.sources import ChangedEntities, SourceColumns, WantedRows
from featurestore_connectors.names import no_column, no_table, quoted, two_columns
from featurestore_connectors.snowflake.connections import Session
from featurestore_connectors.snowflake.sql import (
    among,
    catalogue,
    literal,
    of_changed,
    rows_of,
    table_parts,
    where,
    within,
)
from featurestore_connectors.snowflake.types import Column, converted, shown_name

_MOST_TABLES = 1000


class SnowflakeReader:
    """Reads tables and queries of Snowflake; see `SourceReader`."""

    def columns(self, *, source: SnowflakeSource) -> SourceColumns:
        """All columns; see `SourceReader`."""
        with Session(source=source.name, url=source.url) as session:
            columns = columns_of(session, source)
        return SourceColumns(
            pa.schema([(column.name, column.type) for column in columns]),
            frozenset(column.name for column in columns if column.text),
        )

    def read(
        self, *, source: SnowflakeSource, columns: Mapping[str, pa.DataType | None], rows: WantedRows
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

    def snapshot(self, *, source: SnowflakeSource) -> str:
        """What names the present state of a source: while it is the same, every read gives the same rows.

        Of a table or view it is its name and the time of its last change; of a query the hash of its rows, which
        Snowflake computes for it.
        """
        with Session(source=source.name, url=source.url) as session:
            if source.query:
                found = session.table(
                    f"SELECT HASH_AGG(*)::VARCHAR AS h, COUNT(*) AS n FROM {rows_of(source)}"
                )
                (row,) = found.to_pylist()
                return f"hash_agg {row['h']} of {row['n']} rows"
            columns_of(session, source)  # says so if there is no such table
            parts = table_parts(source.table)
            name = literal(".".join(map(quoted, parts)))
            found = session.table(
                "SELECT CURRENT_DATABASE() AS d, CURRENT_SCHEMA() AS s, "
                f"SYSTEM$LAST_CHANGE_COMMIT_TIME({name})::VARCHAR AS t"
            )
            (row,) = found.to_pylist()
            place = [row["d"], row["s"]][: 3 - len(parts)]
            return f"{'.'.join([*place, *parts])} changed at {row['t']}"


def columns_of(session: Session, source: SnowflakeSource) -> list[Column]:
    """The columns of a source.

    Raises:
        SourceError: if there is no such table, two columns share a name, or the query is refused.
    """
    try:
        columns = session.described(f"SELECT * FROM {rows_of(source)}")
    except SourceError as error:
        if source.table and not error.retryable and (missing := _missing(session, source)) is not None:
            raise missing from error
        raise
    if twice := two_columns(source.name, [column.name for column in columns]):
        raise twice
    return columns


def _missing(session: Session, source: SnowflakeSource) -> SourceError | None:
    """What to raise if the table is not there: it says which are."""
    *place, name = table_parts(source.table)
    # The table itself first, if it is there: the limit must not hide it.
    found = session.table(
        "SELECT CURRENT_SCHEMA() AS here, table_schema, table_name "
        f"FROM {catalogue(place)} WHERE table_schema <> 'INFORMATION_SCHEMA' "
        f"ORDER BY table_name = {literal(name)} DESC, table_schema, table_name LIMIT {_MOST_TABLES}"
    )
    schema = place[-1] if place else None
    tables = []
    for row in found.to_pylist():
        if row["table_name"] == name and row["table_schema"] == (schema or row["here"]):
            return None
        short = row["table_schema"] == row["here"] and len(place) < 2
        tables.append(
            ("" if short else shown_name(row["table_schema"]) + ".") + shown_name(row["table_name"])
        )
    return no_table(source.name, source.table, tables)


def _chosen(source: SnowflakeSource, there: Mapping[str, Column], name: str) -> Column:
    if name not in there:
        raise no_column(source.name, name, list(there))
    return there[name]


def select(
    source: SnowflakeSource, chosen: Sequence[Column], there: Mapping[str, Column], rows: WantedRows
) -> str:
    """The query for some columns of the rows that are wanted."""
    listed = [f"{column.returned} AS c{i}" for i, column in enumerate(chosen)] or ["1 AS c0"]
    conditions: list[str | None] = []
    event = there.get(source.event_column)
    if event is not None:
        conditions += within(event, source.timezone, rows.earliest, rows.latest)
    if rows.keys is not None and all(name in there for name in rows.keys.schema.names):
        conditions.append(among(there, rows.keys))
    if rows.changed is not None and all(name in there for name in _needed(source, rows.changed)):
        conditions.append(of_changed(source, there, rows.changed, rows.latest))
    limit = "" if rows.first is None else f"\nLIMIT {rows.first}"
    return f"SELECT {', '.join(listed)}\nFROM {rows_of(source)}{where(conditions)}{limit}"


def _needed(source: SnowflakeSource, changed: ChangedEntities) -> list[str]:
    """The columns that say which entities have changed."""
    roles = (source.event_timestamp, source.created_timestamp, source.available_at)
    return [*changed.keys, *(source.own_column(name) for name in roles if name is not None)]


def _converted(
    source: SnowflakeSource, columns: Sequence[Column], schema: pa.Schema, batches: Iterator[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    created = None if source.created_timestamp is None else source.own_column(source.created_timestamp)
    for batch in batches:
        arrays = []
        for column, found, field in zip(columns, batch.columns, schema, strict=False):
            try:
                arrays.append(converted(found, field.type, up=column.name != created))
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
                raise SourceError(
                    f"Source {source.name!r}: column {column.name!r} ({column.kind}) holds a value that is not a "
                    f"{field.type}: {error}.",
                    hint="Repair the row, or declare another type, such as Decimal(38, 0) for very large integers.",
                ) from error
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)
