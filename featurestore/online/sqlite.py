"""The embedded online store: one SQLite file that several processes may read and write."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import product, repeat
from pathlib import Path
from sqlite3 import Connection
from typing import Any, Self

from featurestore.errors import ConfigurationError
from featurestore.online import sqlite_statements as sql
from featurestore.online.header import order_preserving, run_number
from featurestore.online.sqlite_connections import SQLiteConnections
from featurestore.protocols.online import MaterializedWrite, PushedWrite, SpaceKeys

_PREFIX = "sqlite:///"
_KEYS_PER_BATCH = 1_000
_KEYS_TOGETHER = 8
_TOGETHER = [sql.read_together(count) for count in range(_KEYS_TOGETHER + 1)]


class SQLiteOnlineStore:
    """Rows in a SQLite file.

    Rows that have expired are not read any more, and reclaimed a few at a time by later writes.

    Args:
        path: the file; it is made if it is not there.

    Raises:
        OnlineStoreUnavailableError: if it cannot be opened.
        OnlineStoreError: if it is no database, or was written by a newer release.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connections = SQLiteConnections(path)

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Open ``sqlite:///file.db``, or ``sqlite:////folder/file.db`` for an absolute path.

        Raises:
            ConfigurationError: if the URL names no file.
        """
        path = url.removeprefix(_PREFIX)
        if not url.startswith(_PREFIX) or path in ("", ":memory:"):
            raise ConfigurationError(
                f"The online store URL {url!r} names no file.",
                hint="Write sqlite:///online.db, or memory:// for a store in memory.",
            )
        return cls(Path(path))

    def read(self, *, requests: Sequence[SpaceKeys]) -> list[bytes | None]:
        """See `OnlineStore.read`."""
        now = _milliseconds_now()
        pairs = [part for request in requests for key in request.keys for part in (request.space, key)]
        count = len(pairs) // 2
        if count <= _KEYS_TOGETHER:
            # One statement sees one state of the file, without a transaction around it.
            return list(self._connections.row(_TOGETHER[count], (now, *pairs))) if count else []
        rows: list[bytes | None] = []
        with self._connections.reading() as connection:
            execute = connection.execute
            for request in requests:
                space = execute(sql.READABLE_SPACE, (request.space, now)).fetchone()
                if space is None:
                    rows += [None] * len(request.keys)
                    continue
                for key in request.keys:
                    found = execute(sql.READ, (space[0], key, now)).fetchone()
                    rows.append(found and found[0])
        return rows

    async def read_async(self, *, requests: Sequence[SpaceKeys]) -> list[bytes | None]:
        """See `OnlineStore.read_async`."""
        return await asyncio.to_thread(self.read, requests=requests)

    def write(
        self,
        *,
        spaces: Sequence[bytes],
        keys: Sequence[bytes],
        rows: Sequence[bytes],
        rule: MaterializedWrite | PushedWrite,
        keep_for: timedelta | None,
    ) -> None:
        """See `OnlineStore.write`."""
        now = _milliseconds_now()
        expires_at = None if keep_for is None else now + _milliseconds(keep_for)
        with self._connections.writing() as connection:
            for statement in sql.RECLAIM:
                connection.execute(statement, (now, 100 + 2 * len(keys)))
            for space in spaces:
                connection.execute(sql.ADD_SPACE, (space,))
                (number,) = connection.execute(sql.SPACE_ID, (space,)).fetchone()
                common: list[Any] = [number, expires_at, now]
                if isinstance(rule, MaterializedWrite):
                    common += [run_number(rule.run), order_preserving(rule.end)]
                    _write_materialized(connection, keys, rows, common)
                else:
                    _execute_all(connection, sql.WRITE_PUSHED, keys, rows, common)

    def delete(self, *, spaces: Sequence[bytes], keys: Sequence[bytes]) -> None:
        """See `OnlineStore.delete`."""
        with self._connections.writing() as connection:
            connection.executemany(sql.DELETE, product(spaces, keys))

    def pushed_keys(self, *, space: bytes) -> Iterator[list[bytes]]:
        """See `OnlineStore.pushed_keys`."""
        first = b""
        while True:
            with self._connections.reading() as connection:
                found = connection.execute(sql.PUSHED_KEYS, (space, first, _KEYS_PER_BATCH))
                keys = [key for (key,) in found]
            if not keys:
                return
            yield keys
            first = keys[-1] + b"\0"  # the least of all keys that come after it

    def retire(self, *, space: bytes, keep_for: timedelta) -> None:
        """See `OnlineStore.retire`."""
        with self._connections.writing() as connection:
            connection.execute(sql.RETIRE, (_milliseconds_now() + _milliseconds(keep_for), space))

    def close(self) -> None:
        """See `OnlineStore.close`."""
        self._connections.close()

    def __repr__(self) -> str:
        return f"SQLiteOnlineStore({self._path})"


def _write_materialized(
    connection: Connection, keys: Sequence[bytes], rows: Sequence[bytes], common: list[Any]
) -> None:
    if all(rows):
        _execute_all(connection, sql.WRITE_MATERIALIZED, keys, rows, common)
        return
    for statement, wanted in ((sql.WRITE_MATERIALIZED, True), (sql.DELETE_REPLACED, False)):
        chosen = [(key, row) for key, row in zip(keys, rows, strict=True) if bool(row) is wanted]
        _execute_all(connection, statement, [key for key, _ in chosen], [row for _, row in chosen], common)


def _execute_all(
    connection: Connection, statement: str, keys: Sequence[bytes], rows: Sequence[bytes], common: list[Any]
) -> None:
    connection.executemany(statement, zip(keys, rows, *map(repeat, common), strict=False))


def _milliseconds_now() -> int:
    return time.time_ns() // 1_000_000


def _milliseconds(duration: timedelta) -> int:
    return -(-duration // timedelta(milliseconds=1))  # rounded up: never reclaimed too early
