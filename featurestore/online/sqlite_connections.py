"""Connections to the embedded online store's file."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from featurestore import forks
from featurestore.errors import OnlineStoreError, OnlineStoreUnavailableError
from featurestore.online.sqlite_statements import SCHEMA, UPGRADE, USER_VERSION

_BUSY_SECONDS = 30.0
_MOST_IDLE = 16
_SECONDS_BETWEEN_LOOKS = 1.0
_Identity: TypeAlias = tuple[int, int] | None
# A child must not even close what it has inherited (https://www.sqlite.org/howtocorrupt.html, section 2.6).
_inherited: list[list[sqlite3.Connection]] = []


class SQLiteConnections:
    """Connections that are used by one thread at a time and opened anew after a fork."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: list[sqlite3.Connection] = []
        self._forks = forks.count()
        with forks.held_off(), self._translated():
            self._begin_with_file()

    def _begin_with_file(self) -> None:
        connection = self._open()
        try:
            _prepare(connection, self._path)
        except BaseException:
            connection.close()
            raise
        self._idle, self._file, self._looked = [connection], _identity(self._path), time.monotonic()

    def row(self, statement: str, parameters: Sequence[object]) -> tuple[Any, ...]:
        """The one row that a statement gives."""
        forks.enter()
        try:
            if time.monotonic() > self._looked + _SECONDS_BETWEEN_LOOKS:
                self._follow_file()
            connection, file = self._take(), self._file
            try:
                found: tuple[Any, ...] = connection.execute(statement, parameters).fetchall()[0]
            except BaseException:
                connection.close()
                raise
            self._give_back(connection, file)
        except sqlite3.Error as error:
            raise self._error(error) from error
        finally:
            forks.leave()
        return found

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection; all statements see the same state."""
        with self._in_transaction("BEGIN") as connection:
            yield connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A connection in a transaction that is committed at the end, or rolled back on an error."""
        with self._in_transaction("BEGIN IMMEDIATE") as connection:
            yield connection

    def close(self) -> None:
        """Close all idle connections."""
        with forks.held_off():
            self._leave_inherited()
            while self._idle:
                self._idle.pop().close()

    @contextlib.contextmanager
    def _in_transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        with forks.held_off(), self._translated():
            self._follow_file()
            connection, file = self._take(), self._file
            try:
                connection.execute(begin)
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                connection.close()
                raise
            self._give_back(connection, file)

    def _follow_file(self) -> None:
        """Leave a file that was deleted or replaced: nobody else would ever see what is written to it."""
        self._looked = time.monotonic()
        if _identity(self._path) != self._file:
            self._begin_with_file()

    def _take(self) -> sqlite3.Connection:
        self._leave_inherited()
        try:
            return self._idle.pop()
        except IndexError:
            return self._open()

    def _leave_inherited(self) -> None:
        if self._forks != forks.count():
            _inherited.append(self._idle)
            self._idle, self._forks = [], forks.count()

    def _give_back(self, connection: sqlite3.Connection, file: _Identity) -> None:
        if len(self._idle) < _MOST_IDLE and file == self._file:
            self._idle.append(connection)
        else:
            connection.close()

    def _open(self) -> sqlite3.Connection:
        # Connections go from thread to thread, but only one thread has one at a time.
        connection = sqlite3.connect(
            self._path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA synchronous = FULL")  # published rows survive a loss of power
        return connection

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._error(error) from error

    def _error(self, error: sqlite3.Error) -> OnlineStoreError:
        if isinstance(error, sqlite3.OperationalError):
            return OnlineStoreUnavailableError(
                f"The online store {self._path} cannot be used: {error}.",
                hint="Check that the folder exists, that the disk is not full, and that no process holds a lock.",
            )
        return OnlineStoreError(f"The online store {self._path} cannot be read or written: {error}.")


def _identity(path: Path) -> _Identity:
    """Device and number of a file, None if there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    _use_write_ahead_log(connection)
    connection.execute("BEGIN IMMEDIATE")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > USER_VERSION:
        raise OnlineStoreError(
            f"The online store {path} has format {version}, this release knows up to {USER_VERSION}.",
            hint="Use the release that wrote it, or a newer one.",
        )
    if version < USER_VERSION:
        for statement in UPGRADE if version else SCHEMA:
            connection.execute(statement)
    connection.execute("COMMIT")


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    # SQLite does not wait for this lock by itself when several processes open a new file at the same moment.
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return
