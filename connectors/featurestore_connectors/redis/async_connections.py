"""The same as `connections` for event loops: a pool for each, which is closed with its loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from redis.asyncio.connection import AbstractConnection, BlockingConnectionPool
from redis.exceptions import ConnectionError as BrokenConnectionError

_Guard = AsyncGenerator[None, None]


class AsyncConnections:
    """Connections of event loops."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = options
        self._pools: dict[asyncio.AbstractEventLoop, tuple[_Pool, _Guard]] = {}
        self._closing: set[asyncio.Task[None]] = set()

    async def exchange(self, commands: bytes, replies: int) -> list[Any]:
        """See `Connections.exchange`."""
        pool = await self._pool()
        pool.users += 1
        try:
            connection = await pool.driver.get_connection()
            try:
                try:
                    return await _exchange(connection, commands, replies)
                except BrokenConnectionError:
                    return await _exchange(connection, commands, replies)
            finally:
                await pool.driver.release(connection)
        finally:
            pool.users -= 1
            await pool.close_if_unused()

    def close(self) -> None:
        """Close the connections of all loops; those of a running loop as soon as it gets to it.

        If tasks wait for answers, the last of them closes them.
        """
        for loop, (_, guard) in list(self._pools.items()):
            self._pools.pop(loop, None)
            if loop.is_running():
                loop.call_soon_threadsafe(self._close_soon, loop, guard)

    def _close_soon(self, loop: asyncio.AbstractEventLoop, guard: _Guard) -> None:
        task = loop.create_task(guard.aclose())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _pool(self) -> _Pool:
        loop = asyncio.get_running_loop()
        if loop not in self._pools:
            for other in list(self._pools):
                if other.is_closed():
                    self._pools.pop(other, None)
            pool = _Pool(self._options)
            guard = self._close_with(loop, pool)
            self._pools[loop] = pool, guard
            await anext(guard)
            return pool
        return self._pools[loop][0]

    async def _close_with(self, loop: asyncio.AbstractEventLoop, pool: _Pool) -> _Guard:
        # A loop closes the asynchronous generators that were begun on it before it closes itself, which is the
        # only notice of its end that it gives.
        try:
            yield
        finally:
            if loop in self._pools and self._pools[loop][0] is pool:
                self._pools.pop(loop)
            pool.closed = True
            await pool.close_if_unused()


class _Pool:
    """A pool of the driver, which is closed once no task uses it any more."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.driver: Any = BlockingConnectionPool(**options)  # its methods are not all annotated
        self.users = 0
        self.closed = False

    async def close_if_unused(self) -> None:
        if self.closed and not self.users:
            await self.driver.disconnect()


async def _exchange(connection: AbstractConnection, commands: bytes, replies: int) -> list[Any]:
    try:
        await connection.send_packed_command([commands])
        return [await connection.read_response(disable_decoding=True) for _ in range(replies)]
    except BaseException:
        await connection.disconnect(nowait=True)
        raise
