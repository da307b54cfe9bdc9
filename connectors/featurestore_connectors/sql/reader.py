"""Rows of any database that SQLAlchemy reaches, as Arrow batches; row by row through its driver."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from featurestore.definitions.database import SqlSource
from featurestore.errors import SourceError
from featurestore.protocols.sources import SourceColumns, WantedRows
from featurestore_connectors.names import name_parts, no_column, no_table, two_columns
from featurestore_connectors.sql.connections import connected
from featurestore_connectors.sql.select import select
from featurestore_connectors.sql.types import declared_type, to_arrow, type_of_values

BATCH_ROWS = 20_000
SAMPLE = 1_000
# A colon that SQLAlchemy would take for the start of a parameter.
_COLON = re.compile(r"(?<![:\w\\]):(?=\w)")


class SqlReader:
    """Reads tables and queries through SQLAlchemy; see `SourceReader`."""

    def columns(self, *, source: SqlSource) -> SourceColumns:
        """All columns; see `SourceReader`."""
        with connected(source) as connection:
            return _described(connection, source)[1]

    def read(
        self, *, source: SqlSource, columns: Mapping[str, pa.DataType | None], rows: WantedRows
    ) -> pa.RecordBatchReader:
        """Some columns of the rows that are wanted; see `SourceReader`."""
        batches = _batches(source, columns, rows)
        empty = next(batches)
        return pa.RecordBatchReader.from_batches(empty.schema, batches)


def _batches(
    source: SqlSource, columns: Mapping[str, pa.DataType | None], rows: WantedRows
) -> Iterator[pa.RecordBatch]:
    """The rows; the first batch is empty, and there for its schema."""
    with connected(source) as connection:
        table, there = _described(connection, source)
        for name in columns:
            if name not in there.schema.names:
                raise no_column(source.name, name, there.schema.names)
        types = [
            wanted if name in there.text and wanted is not None else there.schema.field(name).type
            for name, wanted in columns.items()
        ]
        schema = pa.schema(list(zip(columns, types, strict=True)))
        yield pa.RecordBatch.from_pylist([], schema=schema)
        query = select(source, table, there, list(columns), rows)
        streaming = connection.execution_options(stream_results=True, max_row_buffer=BATCH_ROWS)
        with streaming.execute(query) as result:
            for part in result.partitions(BATCH_ROWS):
                yield _batch(source, part, schema)


def _batch(source: SqlSource, rows: Sequence[Sequence[Any]], schema: pa.Schema) -> pa.RecordBatch:
    arrays = []
    for field, values in zip(schema, zip(*rows, strict=True), strict=True):
        try:
            arrays.append(to_arrow(values, field.type))
        except (ValueError, TypeError, OverflowError, pa.ArrowException) as error:
            raise SourceError(
                f"Source {source.name!r}: column {field.name!r} holds a value that is not a {field.type}: {error}.",
                hint="CAST it in query=, or declare another type.",
            ) from error
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _described(connection: sa.Connection, source: SqlSource) -> tuple[sa.FromClause, SourceColumns]:
    """The table or query, and its columns.

    Raises:
        SourceError: if there is no such table, or two columns share a name.
    """
    if source.query:
        return _described_query(connection, source)
    *schema, name = name_parts(source.table)
    try:
        table = sa.Table(name, sa.MetaData(), schema=".".join(schema) or None, autoload_with=connection)
    except sa.exc.NoSuchTableError:
        inspector = sa.inspect(connection)
        there = sorted([*inspector.get_table_names(), *inspector.get_view_names()])
        raise no_table(source.name, source.table, there) from None
    dialect = connection.dialect.name
    for column in table.columns:
        if dialect == "sqlite" and isinstance(column.type, sa.Numeric):
            column.type = sa.Float()  # which is all that SQLite has, whatever it calls it
    return table, _columns({column.name: declared_type(column.type, dialect) for column in table.columns})


def _described_query(connection: sa.Connection, source: SqlSource) -> tuple[sa.FromClause, SourceColumns]:
    """The query's columns have the types of its first rows' values."""
    query = _COLON.sub(r"\\:", source.query)
    rows = sa.text(f"(\n{query}\n) AS s")
    found = connection.execute(sa.select(sa.text("*")).select_from(rows).limit(SAMPLE))
    names = list(found.keys())
    if error := two_columns(source.name, names):
        raise error
    values = list(zip(*found.all(), strict=True)) or [()] * len(names)
    table = sa.text(query).columns(*(sa.column(name) for name in names)).subquery("s")
    return table, _columns({name: type_of_values(v) for name, v in zip(names, values, strict=True)})


def _columns(found: Mapping[str, pa.DataType | None]) -> SourceColumns:
    text = frozenset(name for name, dtype in found.items() if dtype is None or pa.types.is_null(dtype))
    return SourceColumns(pa.schema([(name, dtype or pa.string()) for name, dtype in found.items()]), text)
