"""Bytes that rows take on a Redis-protocol server: by what it has allocated, and by what it says of single keys."""

from __future__ import annotations

import statistics
from itertools import islice
from typing import Any

import redis

from benchmarks.protocol import Measurement

_SAMPLED = 1_000


class UsedMemory:
    """Counts from now on; nobody else may write to the server meanwhile.

    Args:
        url: the database that is written into.
    """

    def __init__(self, url: str) -> None:
        self._client: Any = redis.Redis.from_url(url)
        self._before = self._allocated()

    def since(self, rows: int) -> Measurement:
        """Bytes for each of the rows that were written since, and of some keys: all, of these the name and the rest.

        MEMORY USAGE counts what a key has allocated. What is allocated besides is the table that finds the keys.
        """
        sampled = list(islice(self._client.scan_iter(count=_SAMPLED), _SAMPLED))
        usage = [self._client.memory_usage(key, samples=0) for key in sampled]
        names = [len(key) for key in sampled]
        payloads = [self._payload(key) for key in sampled]
        return {
            "bytes_per_row": (self._allocated() - self._before) / rows,
            "memory_usage": statistics.mean(usage),
            "name_bytes": statistics.mean(names),
            "payload_bytes": statistics.mean(payloads),
        }

    def _payload(self, key: bytes) -> int:
        """The bytes of what is stored under a key."""
        if self._client.type(key) == b"hash":
            return sum(len(name) + len(value) for name, value in self._client.hgetall(key).items())
        return int(self._client.strlen(key))

    def _allocated(self) -> int:
        info = self._client.info("memory")
        # The buffers of connections come and go with the clients.
        return int(info["used_memory"]) - int(info["mem_clients_normal"])
