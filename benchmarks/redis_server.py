"""A Redis-protocol server of the benchmarks' own, with a database for each contender."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.protocol import keep_to_cpu
from featurestore.testing.servers.redis import RedisServer


class Server:
    """A server that is up.

    It is spoken to by hand, without redis-py, so that the harness stays small: see `harness` on peak memory.
    """

    def __init__(self, running: RedisServer) -> None:
        self._running = running

    def url(self, database: int) -> str:
        """The URL of one of its databases."""
        return f"{self._running.url.rpartition('/')[0]}/{database}"

    def flush(self, database: int) -> None:
        """Empty one database."""
        self._send(f"SELECT {database}", "FLUSHDB")

    def keep_to_last_cpu(self) -> None:
        """Let it run on the last processor only; see `protocol.keep_to_cpu`."""
        keep_to_cpu(self._running.pid, first=False)

    def version(self) -> str:
        """The name and version that the server gives of itself."""
        lines = self._send("INFO server").splitlines()
        info = dict(line.split(":", 1) for line in lines if ":" in line)
        name = info.get("server_name", "redis")
        return f"{name} {info[f'{name}_version']}"

    def _send(self, *commands: str) -> str:
        with socket.create_connection(("127.0.0.1", self._running.port), timeout=60) as connection:
            connection.sendall("".join(f"{command}\r\n" for command in (*commands, "QUIT")).encode())
            parts = []
            while part := connection.recv(65_536):
                parts.append(part)
        text = b"".join(parts).decode()
        if text.startswith("-") or "\n-" in text:
            raise RuntimeError(f"the Redis server refused {commands}: {text.strip()}")
        return text


@contextmanager
def started() -> Iterator[Server]:
    """A server without persistence: nothing of it is left behind."""
    with RedisServer.start_new() as running:
        yield Server(running)
