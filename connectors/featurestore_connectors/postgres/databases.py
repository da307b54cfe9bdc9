"""The driver's databases: each reads the catalogue of types when it is made, which takes longer than to connect."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

import adbc_driver_manager as driver
import adbc_driver_manager.dbapi
import adbc_driver_postgresql

_KEEP_SECONDS = 60.0  # types that are made meanwhile are read as text
_MOST = 8
_lock = threading.Lock()
_kept: dict[tuple[int, str], tuple[float, driver.AdbcDatabase]] = {}


class _Shared:
    """A database that its connections do not close."""

    def __init__(self, database: driver.AdbcDatabase) -> None:
        self._database = database

    def close(self) -> None:
        """Nothing: it is kept for the next connection, and holds none itself."""


def connect(url: str) -> Any:
    """A connection of the driver, in a transaction."""
    database = _database(url)
    connection = driver.AdbcConnection(database)
    try:
        return adbc_driver_manager.dbapi.Connection(_Shared(database), connection)  # type: ignore[arg-type]
    except BaseException:
        connection.close()
        raise


def _database(url: str) -> driver.AdbcDatabase:
    key, now = (os.getpid(), url), time.monotonic()
    with _lock:
        made, database = _kept.get(key, (0.0, None))
        if database is not None and now - made < _KEEP_SECONDS:
            return database
    found: driver.AdbcDatabase = adbc_driver_postgresql.connect(url)
    with _lock:
        for old in sorted(_kept, key=lambda k: _kept[k][0])[: max(0, len(_kept) - _MOST + 1)]:
            del _kept[old]
        _kept[key] = (now, found)
    return found
