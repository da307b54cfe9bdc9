"""Connections to PostgreSQL: one for each read, in one read-only state of the database."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

import adbc_driver_manager as driver

from featurestore.definitions.connection import Connection
from featurestore.protocols.queries import query_log
from featurestore_connectors.postgres.databases import connect
from featurestore_connectors.postgres.errors import refused_connection, translated
from featurestore_connectors.sessions import DriverSession, interruptible

if TYPE_CHECKING:
    import pyarrow as pa

T = TypeVar("T")

# A server that has vanished is noticed after a minute instead of hours. The URL's own parameters win.
_DEFAULTS = {
    "application_name": "featurestore",
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
}
# Whose transaction identifiers are visible: the same snapshot, the same rows.
_IDENTITY = (
    "SELECT pg_current_snapshot()::text AS snapshot, pg_backend_pid() AS backend, "
    "transaction_timestamp()::text AS began"
)


class Session(DriverSession):
    """A connection for one use.

    Args:
        source: names the source in errors.
        url: as the definition has it.
        read_only: refuse to write. One state of the database is seen in any case.

    Raises:
        ConfigurationError: if an environment variable of the URL is not set.
        SourceError: if the server refuses the user.
        SourceUnavailableError: if it cannot be reached.
    """

    def __init__(self, *, source: str, url: str, read_only: bool = True) -> None:
        self.source = source
        self._log = query_log()
        self._connection = Connection.of(url, what=f"Source {source!r}")
        try:
            self._driver = connect(_with_defaults(self._connection.url))
        except driver.Error as error:
            raise refused_connection(source, self._connection, error) from error
        try:
            self._start(read_only=read_only)
        except BaseException:
            self.close()
            raise

    def _start(self, *, read_only: bool) -> None:
        self.run(f"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ{', READ ONLY' if read_only else ''}")
        # Of the transaction only: connections behind a pooler are used by others afterwards. What is asked here is
        # long, and takes longer to compile than that saves.
        settings = ("TimeZone = 'UTC'", "standard_conforming_strings = on", "jit = off")
        self.run(*(f"SET LOCAL {setting}" for setting in settings))

    def run(self, *statements: str) -> None:
        """Run statements that return nothing."""
        with translated(self.source, self._connection), self._driver.cursor() as cursor:
            for statement in statements:
                _interruptible(cursor, partial(cursor.execute, statement))

    def described(self, query: str) -> pa.Schema:
        """The columns of a query, which is not run."""
        with translated(self.source, self._connection), self._driver.cursor() as cursor:
            return _interruptible(cursor, partial(cursor.adbc_execute_schema, query))

    def table(self, query: str) -> pa.Table:
        """The rows of a query."""
        with translated(self.source, self._connection), self._driver.cursor() as cursor:
            _interruptible(cursor, partial(cursor.execute, query))
            return _interruptible(cursor, cursor.fetch_arrow_table)

    def ingest(self, table: str, rows: pa.Table) -> None:
        """Make a temporary table of rows; from then on the session only reads."""
        self.stage(table, rows)
        self.run("SET TRANSACTION READ ONLY")

    def stage(self, table: str, rows: pa.Table) -> None:
        """Make a temporary table of rows, by COPY."""
        with translated(self.source, self._connection), self._driver.cursor() as cursor:
            ingest = partial(cursor.adbc_ingest, table, rows, mode="create", temporary=True)
            _interruptible(cursor, ingest)
        self.run(f"ANALYZE {table}")

    def create_table(self, name: str, query: str, *, replace: bool) -> None:
        """Make a table of a query's rows, which is there when all of it is."""
        dropped = [f"DROP TABLE IF EXISTS {name}"] if replace else []
        self.run(*dropped, f"CREATE TABLE {name} AS\n{query}")
        with translated(self.source, self._connection):
            self._driver.commit()

    def opened(self, query: str) -> tuple[Any, Any]:
        """Start a query: its cursor, and what its rows are read from."""
        if self._log is not None:
            self._log.add(source=self.source, query=self._identity())
        cursor = self._driver.cursor()
        with translated(self.source, self._connection):
            _interruptible(cursor, partial(cursor.execute, query))
            return cursor, cursor.fetch_record_batch()

    def _identity(self) -> str:
        """Which state the transaction sees, and how the server's log calls it; queries have no ids there."""
        (row,) = self.table(_IDENTITY).to_pylist()
        return f"snapshot {row['snapshot']} in backend {row['backend']} at {row['began']}"

    def next_batch(self, cursor: Any, rows: Any) -> pa.RecordBatch | None:
        """The next rows of a query that was opened, None after the last."""
        with translated(self.source, self._connection):
            return _interruptible(cursor, partial(_next, rows))

    def close(self, cursor: Any = None) -> None:
        """End a query, if one is open, and give the connection back; what it made is gone."""
        # What has failed before says more than what closing says about it.
        with suppress(driver.Error, OSError):
            if cursor is not None:
                cursor.close()
        with suppress(driver.Error, OSError):
            self._driver.close()


def _interruptible(cursor: Any, call: Callable[[], T]) -> T:
    """What a call of the driver returns; Ctrl-C cancels it on the server.

    The driver's own handling of Ctrl-C is for the main thread only, and forgets that it was one.
    """

    def cancel() -> None:
        with suppress(driver.Error):
            cursor.adbc_cancel()

    return interruptible(call, cancel)


def _next(reader: Any) -> pa.RecordBatch | None:
    try:
        return reader.read_next_batch()
    except StopIteration:
        return None


def _with_defaults(url: str) -> str:
    given = {name for name, _ in parse_qsl(urlsplit(url).query, keep_blank_values=True)}
    more = "&".join(f"{name}={value}" for name, value in _DEFAULTS.items() if name not in given)
    return f"{url}{'&' if '?' in url else '?'}{more}" if more else url
