"""Connections to Snowflake: one for each read."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import snowflake.connector
from snowflake.connector import errors as driver

from featurestore.definitions.connection import Connection
from featurestore.protocols.queries import query_log
from featurestore_connectors.sessions import DriverSession, interruptible
from featurestore_connectors.snowflake.errors import refused_connection, translated
from featurestore_connectors.snowflake.types import Column, converted, described
from featurestore_connectors.snowflake.url import driver_arguments

T = TypeVar("T")

_NUMBER = "NUMBER(38, 0)"
# Nothing that is written means null, and bytes are bytes.
_PARQUET = "(TYPE = PARQUET BINARY_AS_TEXT = FALSE NULL_IF = ())"


class Session(DriverSession):
    """A connection for one use.

    Args:
        source: names the source in errors.
        url: as the definition has it.

    Raises:
        ConfigurationError: if an environment variable of the URL is not set.
        SourceError: if the server refuses the user.
        SourceUnavailableError: if it cannot be reached.
    """

    def __init__(self, *, source: str, url: str) -> None:
        self.source = source
        self._log = query_log()
        self._connection = Connection.of(url, what=f"Source {source!r}")
        self._arguments = driver_arguments(self._connection.url, version=snowflake.connector.__version__)
        self._stages: list[str] = []
        self._number: int | None = None
        self._driver = self._interruptible(self._connect)
        try:
            self._number = int(self.table("SELECT CURRENT_SESSION() AS n").column(0)[0].as_py())
        except BaseException:
            self.close()
            raise

    def _connect(self) -> Any:
        try:
            return snowflake.connector.connect(**self._arguments)
        except (driver.Error, OSError) as error:
            raise refused_connection(self.source, self._connection, error) from error

    def run(self, *statements: str) -> None:
        """Run statements that return nothing."""
        for statement in statements:
            self._executed(statement).close()

    def described(self, query: str) -> list[Column]:
        """The columns of a query, which is not run."""
        with translated(self.source, self._connection), self._driver.cursor() as cursor:
            return described(self._interruptible(lambda: cursor.describe(query)))

    def table(self, query: str) -> pa.Table:
        """The rows of a query."""
        cursor = self._executed(query)
        with cursor, translated(self.source, self._connection):
            columns = described(cursor.description)
            schema = pa.schema([(column.name, column.type) for column in columns])
            found = self._interruptible(lambda: list(_batches(cursor)))
            return pa.Table.from_batches([_typed(batch, schema) for batch in found], schema)

    def ingest(self, table: str, rows: pa.Table) -> None:
        """Make a temporary table of rows; Snowflake has no way to let the session only read from then on."""
        self.stage(table, rows)

    def create_table(self, name: str, query: str, *, replace: bool) -> None:
        """Make a table of a query's rows, which is there when all of it is."""
        self.run(f"CREATE {'OR REPLACE ' if replace else ''}TABLE {name} AS\n{query}")

    def stage(self, table: str, rows: pa.Table) -> None:
        """Make a temporary table of rows, by PUT and COPY INTO."""
        kinds = {field.name: _kind(field.type) for field in rows.schema}
        listed = ", ".join(f"{name} {kind}" for name, kind in kinds.items())
        stage = f"fs_stage_{uuid4().hex}"
        self.run(f"CREATE TEMPORARY TABLE {table} ({listed})", f"CREATE TEMPORARY STAGE {stage}")
        self._stages.append(stage)
        with tempfile.TemporaryDirectory(prefix="featurestore-") as folder:
            file = Path(folder) / "rows.parquet"
            pq.write_table(rows, file)
            self.run(f"PUT 'file://{file.as_posix()}' @{stage} AUTO_COMPRESS = FALSE")
        chosen = ", ".join(f"$1:{name}::{kind}" for name, kind in kinds.items())
        self.run(
            f"COPY INTO {table} FROM (SELECT {chosen} FROM @{stage}) FILE_FORMAT = {_PARQUET}",
            f"DROP STAGE IF EXISTS {stage}",
        )
        self._stages.remove(stage)

    def _executed(self, query: str) -> Any:
        """The cursor of a query that has run."""
        cursor = self._driver.cursor()
        with translated(self.source, self._connection):
            try:
                self._interruptible(lambda: cursor.execute(query))
            except BaseException:
                cursor.close()
                raise
        return cursor

    def opened(self, query: str) -> tuple[Any, Iterator[pa.RecordBatch]]:
        """Start a query: its cursor, and what its rows are read from."""
        cursor = self._executed(query)
        if self._log is not None:
            self._log.add(source=self.source, query=str(cursor.sfqid))
        return cursor, _batches(cursor)

    def next_batch(self, cursor: Any, rows: Iterator[pa.RecordBatch]) -> pa.RecordBatch | None:  # noqa: ARG002
        """The next rows of a query that was opened, None after the last."""
        with translated(self.source, self._connection):
            return self._interruptible(lambda: next(rows, None))

    def close(self, cursor: Any = None) -> None:
        """End a query, if one is open, and give the connection back; what it made is gone."""
        # What has failed before says more than what closing says about it.
        with suppress(driver.Error, OSError):
            if cursor is not None:
                cursor.close()
        with suppress(driver.Error, OSError):
            for stage in self._stages:
                self._driver.cursor().execute(f"DROP STAGE IF EXISTS {stage}")
        with suppress(driver.Error, OSError):
            self._driver.close()

    def _interruptible(self, call: Callable[[], T]) -> T:
        """What a call of the driver returns; Ctrl-C cancels it on the server.

        The driver waits for the server without looking at signals.
        """
        return interruptible(call, self._cancel)

    def _cancel(self) -> None:
        """End what the session runs, from another one: its own waits for an answer."""
        if self._number is None:
            return
        with suppress(driver.Error, OSError):
            other = snowflake.connector.connect(**self._arguments)
            try:
                other.cursor().execute(f"SELECT SYSTEM$CANCEL_ALL_QUERIES({self._number})")
            finally:
                other.close()


def _batches(cursor: Any) -> Iterator[pa.RecordBatch]:
    for table in cursor.fetch_arrow_batches():
        yield from table.to_batches()


def _typed(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    arrays = [converted(found, field.type) for found, field in zip(batch.columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _kind(found: pa.DataType) -> str:
    """The type of a temporary table's column."""
    if pa.types.is_integer(found):
        return _NUMBER
    if pa.types.is_floating(found):
        return "FLOAT"
    kinds = {pa.bool_(): "BOOLEAN", pa.string(): "VARCHAR", pa.binary(): "BINARY", pa.date32(): "DATE"}
    return kinds[found]
