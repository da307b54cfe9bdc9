"""Connections to PostgreSQL: one for each read, in one read-only state of the database."""

from __future__ import annotations

from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl, urlsplit

import adbc_driver_manager as driver
import adbc_driver_postgresql.dbapi as adbc

from featurestore.definitions.connection import Connection
from featurestore_connectors.postgres.errors import refused_connection, translated

if TYPE_CHECKING:
    import pyarrow as pa

# A server that has vanished is noticed after a minute instead of hours. The URL's own parameters win.
_DEFAULTS = {
    "application_name": "featurestore",
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
}


class Session:
    """A connection for one use.

    Args:
        source: names the source in errors.
        url: as the definition has it.
        read_only: refuse to write, and see one state of the database.

    Raises:
        ConfigurationError: if an environment variable of the URL is not set.
        SourceError: if the server refuses the user.
        SourceUnavailableError: if it cannot be reached.
    """

    def __init__(self, *, source: str, url: str, read_only: bool = True) -> None:
        self.source = source
        self._connection = Connection.of(url, what=f"Source {source!r}")
        try:
            self._driver = adbc.connect(_with_defaults(self._connection.url))
        except driver.Error as error:
            raise refused_connection(source, self._connection, error) from error
        try:
            self._start(read_only=read_only)
        except BaseException:
            self.close()
            raise

    def _start(self, *, read_only: bool) -> None:
        if read_only:
            self.run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        # Of the transaction only: connections behind a pooler are used by others afterwards.
        self.run("SET LOCAL TimeZone = 'UTC'", "SET LOCAL standard_conforming_strings = on")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def run(self, *statements: str) -> None:
        """Run statements that return nothing."""
        with translated(self.source, self._connection), self._driver.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def described(self, query: str) -> pa.Schema:
        """The columns of a query, which is not run."""
        with translated(self.source, self._connection), self._driver.cursor() as cursor:
            return cursor.adbc_execute_schema(query)

    def table(self, query: str) -> pa.Table:
        """The rows of a query."""
        with translated(self.source, self._connection), self._driver.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetch_arrow_table()

    def ingest(self, table: str, rows: pa.Table) -> None:
        """Make a temporary table of rows, by COPY."""
        with translated(self.source, self._connection), self._driver.cursor() as cursor:
            cursor.adbc_ingest(table, rows, mode="create", temporary=True)

    def batches(self, query: str) -> Any:
        """The rows of a query as they come; the session is closed when they end, or are given up."""
        cursor = self._driver.cursor()
        try:
            with translated(self.source, self._connection):
                cursor.execute(query)
                reader = cursor.fetch_record_batch()
            while True:
                with translated(self.source, self._connection):
                    batch = next(reader, None)
                if batch is None:
                    return
                yield batch
        finally:
            # What has failed before says more than what closing says about it.
            with suppress(driver.Error, OSError):
                cursor.close()
            self.close()

    def close(self) -> None:
        """Give the connection back; what it made is gone."""
        with suppress(driver.Error, OSError):
            self._driver.close()


def _with_defaults(url: str) -> str:
    given = {name for name, _ in parse_qsl(urlsplit(url).query, keep_blank_values=True)}
    more = "&".join(f"{name}={value}" for name, value in _DEFAULTS.items() if name not in given)
    return f"{url}{'&' if '?' in url else '?'}{more}" if more else url
