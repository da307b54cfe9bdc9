"""Connections to Snowflake: one for each read."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import snowflake.connector
from snowflake.connector import errors as driver

from featurestore.definitions.connection import Connection
from featurestore_connectors.snowflake.errors import refused_connection, translated
from featurestore_connectors.snowflake.types import Column, converted, described
from featurestore_connectors.snowflake.url import driver_arguments

T = TypeVar("T")

_LOOK_EVERY = 0.1  # seconds
_NUMBER = "NUMBER(38, 0)"
# Nothing that is written means null, and bytes are bytes.
_PARQUET = "(TYPE = PARQUET BINARY_AS_TEXT = FALSE NULL_IF = ())"


class Session:
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
        self._connection = Connection.of(url, what=f"Source {source!r}")
        self._arguments = driver_arguments(self._connection.url, version=snowflake.connector.__version__)
        self._stages: list[str] = []
        self._driver = self._interruptible(self._connect)
        try:
            self._number = self.table("SELECT CURRENT_SESSION() AS n").column(0)[0].as_py()
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
            self.opened(statement).close()

    def described(self, query: str) -> list[Column]:
        """The columns of a query, which is not run."""
        with translated(self.source, self._connection), self._driver.cursor() as cursor:
            return described(self._interruptible(lambda: cursor.describe(query)))

    def table(self, query: str) -> pa.Table:
        """The rows of a query."""
        cursor = self.opened(query)
        with cursor, translated(self.source, self._connection):
            columns = described(cursor.description)
            schema = pa.schema([(column.name, column.type) for column in columns])
            found = self._interruptible(lambda: list(cursor.fetch_arrow_batches()))
            batches = [batch for table in found for batch in table.to_batches()]
            return pa.Table.from_batches([_typed(batch, schema) for batch in batches], schema)

    def ingest(self, table: str, rows: pa.Table) -> None:
        """Make a temporary table of rows; see `Session` of joins in databases."""
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

    def opened(self, query: str) -> Any:
        """Run a query: its cursor."""
        cursor = self._driver.cursor()
        with translated(self.source, self._connection):
            try:
                self._interruptible(lambda: cursor.execute(query))
            except BaseException:
                cursor.close()
                raise
        return cursor

    def batches(self, query: str) -> Batches:
        """The rows of a query as they come; the session is closed when they end, or are given up."""
        return Batches(self, query)

    def next_table(self, tables: Iterator[pa.Table]) -> pa.Table | None:
        """The next rows of a query, None after the last."""
        with translated(self.source, self._connection):
            return self._interruptible(lambda: next(tables, None))

    def close(self) -> None:
        """Give the connection back; what it made is gone."""
        with suppress(driver.Error, OSError):
            for stage in self._stages:
                self._driver.cursor().execute(f"DROP STAGE IF EXISTS {stage}")
        with suppress(driver.Error, OSError):
            self._driver.close()

    def _interruptible(self, call: Callable[[], T]) -> T:
        """What a call of the driver returns; Ctrl-C cancels it on the server.

        The driver waits for the server without looking at signals.
        """
        if threading.current_thread() is not threading.main_thread():
            return call()
        with ThreadPoolExecutor(1, thread_name_prefix="featurestore-snowflake") as pool:
            future = pool.submit(call)
            try:
                # Not one long wait: Polars, once imported, makes these sleep through signals.
                while not wait([future], timeout=_LOOK_EVERY).done:
                    pass
            except KeyboardInterrupt:
                self._cancel()
                raise
            return future.result()

    def _cancel(self) -> None:
        """End what the session runs, from another one: its own waits for an answer."""
        number = getattr(self, "_number", None)
        if number is None:
            return
        with suppress(driver.Error, OSError):
            other = snowflake.connector.connect(**self._arguments)
            try:
                other.cursor().execute(f"SELECT SYSTEM$CANCEL_ALL_QUERIES({int(number)})")
            finally:
                other.close()


class Batches(Iterator["pa.RecordBatch"]):
    """The rows of a query as they come; the session is closed when they end, or are given up.

    Args:
        session: it belongs to these from now on.
        query: is run when the first rows are asked for.
    """

    def __init__(self, session: Session, query: str) -> None:
        self._session = session
        self._query = query
        self._cursor: Any = None
        self._tables: Iterator[pa.Table] | None = None
        self._ready: list[pa.RecordBatch] = []

    def __next__(self) -> pa.RecordBatch:
        try:
            batch = self._next()
        except BaseException:
            self.close()
            raise
        if batch is None:
            self.close()
            raise StopIteration
        return batch

    def _next(self) -> pa.RecordBatch | None:
        if self._tables is None:
            self._cursor = self._session.opened(self._query)
            self._tables = self._cursor.fetch_arrow_batches()
        while not self._ready:
            table = self._session.next_table(self._tables)
            if table is None:
                return None
            self._ready = table.to_batches()
        return self._ready.pop(0)

    def close(self) -> None:
        """End the query and its session."""
        # What has failed before says more than what closing says about it.
        with suppress(driver.Error, OSError):
            if self._cursor is not None:
                self._cursor.close()
        self._session.close()

    def __del__(self) -> None:
        self.close()


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
