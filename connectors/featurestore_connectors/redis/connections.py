"""Exchanges of commands and replies with one server, over a bounded pool of connections.

Commands go past the driver's own handling of broken connections, so this does it: a connection on which
anything went wrong is closed, or else what is left on it would answer the next request.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from redis.connection import BlockingConnectionPool
from redis.exceptions import ConnectionError as BrokenConnectionError


class Connections:
    """Connections of threads; the driver's pool begins anew in a forked child."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        make_pool: Any = BlockingConnectionPool  # the driver's methods are not annotated
        self._pool = make_pool(**options)
        self._closed = False

    def exchange(self, commands: bytes, replies: int) -> list[Any]:
        """Send packed commands and read a reply for each. They must be safe to be sent twice.

        Raises:
            redis.exceptions.RedisError: also if one of the replies is an error.
        """
        connection = self._pool.get_connection()
        try:
            try:
                return _exchange(connection, commands, replies)
            except BrokenConnectionError:
                # It may have been broken since it was last used: once more, on a new one.
                return _exchange(connection, commands, replies)
        finally:
            self._pool.release(connection)
            if self._closed:
                self._pool.disconnect(inuse_connections=False)

    def close(self) -> None:
        """Close all connections; those on which a thread waits for an answer, when it has got it."""
        self._closed = True
        self._pool.disconnect(inuse_connections=False)


def _exchange(connection: Any, commands: bytes, replies: int) -> list[Any]:
    try:
        connection.send_packed_command([commands])
        return [connection.read_response(disable_decoding=True) for _ in range(replies)]
    except BaseException:
        connection.disconnect()
        raise
