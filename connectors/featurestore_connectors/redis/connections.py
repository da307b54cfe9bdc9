"""Exchanges of commands and replies with one server, over a bounded pool of connections.

Commands go past the driver's own handling of broken connections, so this does it: a connection on which
anything went wrong is closed, or else what is left on it would answer the next request.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from redis.connection import BlockingConnectionPool
from redis.exceptions import ConnectionError as BrokenConnectionError

from featurestore import forks

_inherited: list[_Pool] = []
"""Of the parent of a forked child, which neither uses nor closes them, and does not trust their locks."""


class Connections:
    """Connections of threads; a forked child begins anew."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = options
        self._pool = _Pool(options)

    def exchange(self, commands: bytes, replies: int) -> list[Any]:
        """Send packed commands and read a reply for each. They must be safe to be sent twice.

        Raises:
            redis.exceptions.RedisError: also if one of the replies is an error.
        """
        pool = self._entered()
        try:
            connection = pool.driver.get_connection()
            try:
                try:
                    return _exchange(connection, commands, replies)
                except BrokenConnectionError:
                    # It may have been broken since it was last used: once more, on a new one.
                    return _exchange(connection, commands, replies)
            finally:
                pool.driver.release(connection)
        finally:
            pool.leave()

    def close(self) -> None:
        """Close all connections; if threads wait for answers, the last of them closes them."""
        closed, self._pool = self._pool, _Pool(self._options)
        closed.close()

    def _entered(self) -> _Pool:
        while True:
            pool = self._pool
            if pool.forks != forks.count():
                _inherited.append(pool)
                self._pool = pool = _Pool(self._options)
            if pool.enter():
                return pool


class _Pool:
    """A pool of the driver, which is closed once nobody uses it any more."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        make_pool: Any = BlockingConnectionPool  # the driver's methods are not annotated
        self.driver = make_pool(**options)
        self.forks = forks.count()
        self._users: list[None] = []  # appending and popping are atomic
        self._closed = False

    def enter(self) -> bool:
        """Whether it may be used; `leave` has to follow then."""
        self._users.append(None)
        if self._closed:
            self.leave()
            return False
        return True

    def leave(self) -> None:
        self._users.pop()
        self._close_if_unused()

    def close(self) -> None:
        if self.forks == forks.count():
            self._closed = True
            self._close_if_unused()
        else:
            _inherited.append(self)

    def _close_if_unused(self) -> None:
        if self._closed and not self._users:
            self.driver.disconnect()


def _exchange(connection: Any, commands: bytes, replies: int) -> list[Any]:
    try:
        connection.send_packed_command([commands])
        return [connection.read_response(disable_decoding=True) for _ in range(replies)]
    except BaseException:
        connection.disconnect()
        raise
