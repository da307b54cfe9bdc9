"""An object store of the benchmark's own with the lake in it, and a counter of what it sends."""

from __future__ import annotations

import multiprocessing
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from benchmarks import lake
from benchmarks.data import SCALES, Scale

BUCKET = "lake"
PATH = f"s3://{BUCKET}/rows/day=*/rows.parquet"
_HOST = "127.0.0.1"
_PART = 2**20
_END_OF_A_REQUEST = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Lake:
    """A store that is filled.

    Attributes:
        port: of its server.
        environment: by which clients find it.
    """

    port: int
    environment: dict[str, str]


@contextmanager
def filled(scale: Scale) -> Iterator[Lake]:
    """A server with the lake of a scale; it is gone at the end of the block."""
    from featurestore.testing.servers import S3Server

    with S3Server.start_new() as server:
        environment = server.environment()
        # In a process of its own: see `harness` on peak memory.
        program = [sys.executable, "-m", "benchmarks.warehouses.lake", scale.name]
        subprocess.run(program, check=True, env=os.environ | environment)
        yield Lake(server.port, environment)


def _upload(scale: Scale) -> None:
    from pyarrow import fs

    store = fs.S3FileSystem(
        endpoint_override=os.environ["AWS_ENDPOINT_URL"], region=os.environ["AWS_REGION"],
        allow_bucket_creation=True,
    )  # fmt: skip
    store.create_dir(BUCKET)
    fs.copy_files(str(lake.days(scale).parents[1]), f"{BUCKET}/rows", destination_filesystem=store)


class Counter:
    """Stands between clients and a server, in a process of its own, and counts what passes.

    Clients of an object store that only read send requests without a body, each of which ends in an empty line.
    """

    def __init__(self, port: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._sent = context.Value("q", 0)
        self._requests = context.Value("q", 0)
        mine, others = context.Pipe()
        self._process = context.Process(
            target=_relay, args=(port, others, self._sent, self._requests), daemon=True
        )
        self._process.start()
        self.url = f"http://{_HOST}:{mine.recv()}"

    def counts(self) -> tuple[int, int]:
        """The bytes that the server has sent, headers included, and the requests that it was sent."""
        return self._sent.value, self._requests.value

    def close(self) -> None:
        """End it; the end of this process does the same."""
        self._process.terminate()
        self._process.join()


def _relay(port: int, told: Any, sent: Any, requests: Any) -> None:
    def pump(source: socket.socket, target: socket.socket, counter: Any, *, upstream: bool) -> None:
        last = b""
        with suppress(OSError):  # one of the two has left
            while part := source.recv(_PART):
                if upstream:
                    found = (last + part).count(_END_OF_A_REQUEST)
                    last = part[-3:]
                else:
                    found = len(part)
                with counter.get_lock():
                    counter.value += found
                target.sendall(part)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def serve(client: socket.socket) -> None:
        with closing(client), socket.create_connection((_HOST, port)) as server:
            for one in (client, server):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            back = threading.Thread(target=pump, args=(server, client, sent), kwargs={"upstream": False})
            back.start()
            pump(client, server, requests, upstream=True)
            back.join()

    with socket.create_server((_HOST, 0)) as listening:
        told.send(listening.getsockname()[1])
        while True:
            threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()


if __name__ == "__main__":
    _upload(SCALES[sys.argv[1]])
