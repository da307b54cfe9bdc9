"""Connections and transactions: what differs between SQLite and PostgreSQL is here, and only here."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import NullPool

from featurestore import forks
from featurestore.errors import MissingDependencyError, RegistryError, RegistryUnavailableError
from featurestore_registry.address import Address, parse_address

SECONDS_TO_WAIT = 30
"""How long a transaction waits for those of others, and for a connection."""
_WRITES = "featurestore_writes"
_inherited: list[Engine] = []
_CLOCK = "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"


class Database:
    """The database of a registry. Threads may share it, and a forked process opens connections of its own."""

    def __init__(self, address: Address) -> None:
        self.label = address.label
        self._address = address
        self._forks = forks.count()
        self._engine = _engine(address)

    @classmethod
    def from_url(cls, url: str) -> Database:
        """Prepare a URL's database; nothing is opened yet.

        Raises:
            ConfigurationError: if the URL is not that of a registry.
            MissingDependencyError: if its driver is not installed.
        """
        return cls(parse_address(url))

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database from its first statement to its last.

        Raises:
            RegistryUnavailableError: if the database cannot be reached.
        """
        with forks.held_off(), self._translated(), self._own_engine().connect() as connection:
            if connection.dialect.name == "postgresql":
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with connection.begin():
                yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that is committed at the end of the block, or leaves no trace if the block raises.

        Raises:
            RegistryUnavailableError: if the database cannot be reached, or is locked for too long.
        """
        with (
            forks.held_off(),
            self._translated(),
            self._own_engine().execution_options(**{_WRITES: True}).begin() as connection,
        ):
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{SECONDS_TO_WAIT}s'")
            yield connection

    def prepare_sqlite_file(self) -> None:
        """Let readers of a SQLite file go on while another process writes; the file remembers it."""
        with forks.held_off(), self._translated(), self._own_engine().connect() as connection:
            if connection.dialect.name != "sqlite":
                return
            deadline = time.monotonic() + SECONDS_TO_WAIT
            driver: Any = connection.connection.driver_connection
            # While another process writes, SQLite refuses this at once, whatever the timeout.
            while driver.execute("PRAGMA journal_mode").fetchone() != ("wal",):
                try:
                    driver.execute("PRAGMA journal_mode = wal")
                except driver.OperationalError as error:
                    if time.monotonic() > deadline:
                        raise self._unavailable(str(error)) from error
                    time.sleep(0.01)

    def close(self) -> None:
        """Close all connections."""
        with forks.held_off():
            self._own_engine().dispose()

    def _own_engine(self) -> Engine:
        if self._forks != forks.count():
            # A forked child must neither use nor close what its parent still talks through.
            _inherited.append(self._engine)
            self._engine, self._forks = _engine(self._address), forks.count()
        return self._engine

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except PoolTimeoutError as error:
            raise self._unavailable("all connections are in use") from error
        except (OperationalError, InterfaceError) as error:
            raise self._unavailable(_first_line(error)) from error
        except DBAPIError as error:
            if error.connection_invalidated:
                raise self._unavailable(_first_line(error)) from error
            raise RegistryError(
                f"The database of the registry {self.label} refused: {_first_line(error)}.",
                hint="Check that it is the right database, and what its user may do in it.",
            ) from error

    def _unavailable(self, why: str) -> RegistryUnavailableError:
        return RegistryUnavailableError(
            f"The registry {self.label} cannot be used: {why}.",
            hint="Check that the folder of the file is there and may be written, and who holds the file locked."
            if self.label.startswith("sqlite")
            else "Check that the server is up, and that address, user and password are right.",
        )


def _first_line(error: DBAPIError) -> str:
    # The other lines quote the statement and its values.
    return str(error.orig).strip().partition("\n")[0]


def now_us(connection: Connection) -> int:
    """The time by the clock that all users of the database share: the server's, for a file the host's."""
    if connection.dialect.name == "sqlite":
        return time.time_ns() // 1000
    # Not now(): that is the begin of the transaction, which may have waited for a lock since.
    return int(connection.exec_driver_sql(_CLOCK).scalar_one())


def storable(text: str) -> str:
    """A text without what neither database stores: zeros and halves of surrogate pairs, as file names may hold."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def insert_into(connection: Connection, table: Table) -> Any:
    """An INSERT that takes ON CONFLICT, which both databases have and SQLAlchemy has once for each."""
    if connection.dialect.name == "sqlite":
        from sqlalchemy.dialects import sqlite

        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql

    return postgresql.insert(table)


def _engine(address: Address) -> Engine:
    return _sqlite_engine(address) if address.is_sqlite else _postgresql_engine(address)


def _sqlite_engine(address: Address) -> Engine:
    engine = create_engine(
        address.url,
        poolclass=NullPool,
        hide_parameters=True,
        # The driver's own way of beginning transactions is switched off, in favour of _begin.
        connect_args={"timeout": SECONDS_TO_WAIT, "isolation_level": None},
    )
    event.listen(engine, "connect", _check_foreign_keys)
    event.listen(engine, "begin", _begin)
    return engine


def _check_foreign_keys(connection: Any, _: object) -> None:
    connection.execute("PRAGMA foreign_keys = on")


def _begin(connection: Connection) -> None:
    # A transaction that begins by reading and then writes fails when another has written in between; one that
    # takes the lock at once waits for its turn.
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _postgresql_engine(address: Address) -> Engine:
    defaults = {
        "connect_timeout": 10,
        "application_name": "featurestore",
        # Prepared statements do not survive a connection pooler between here and the server.
        "prepare_threshold": None,
    }
    try:
        return create_engine(
            address.url,
            pool_size=2,
            max_overflow=8,
            pool_timeout=SECONDS_TO_WAIT,
            pool_pre_ping=True,
            hide_parameters=True,
            connect_args={name: value for name, value in defaults.items() if name not in address.url.query},
        )
    except ImportError as error:
        raise MissingDependencyError(
            f"A registry in PostgreSQL needs the package 'psycopg', which cannot be imported: {error}.",
            hint="pip install 'featurestore[postgres]'",
        ) from error
