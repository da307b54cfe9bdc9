"""Two registries of one database for the length of a suite: one of the size that is measured, and a tenth of it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

_SMALLER = {"full": "tenth", "tenth": "smoke", "smoke": "smoke"}


@contextmanager
def filled(database: str, scale: str) -> Iterator[list[dict[str, Any]]]:
    """Size, URL and megabytes of the smaller and of the larger registry; both are gone at the end of the block."""
    from benchmarks.registries.fill import megabytes

    with ExitStack() as stack:
        server = None
        if database == "postgresql":
            from featurestore.testing.servers import PostgresServer

            server = stack.enter_context(PostgresServer.start_new())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="featurestore-registry-")))
        registries = []
        for number, size in enumerate((_SMALLER[scale], scale)):
            url = server.create_database() if server else f"sqlite:///{folder}/{number}.db"
            # In a process of its own: see `harness` on peak memory.
            subprocess.run([sys.executable, "-m", "benchmarks.registries.fill", size, url], check=True)
            registries.append({"size": size, "registry": url, "megabytes": round(megabytes(url), 1)})
        yield registries
