"""An online store in memory: fast and lawful, for tests and for trying things out."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Self

from featurestore.errors import ConfigurationError
from featurestore.online.header import is_pushed
from featurestore.online.write_rules import row_after_write
from featurestore.protocols.online import MaterializedWrite, PushedWrite, SpaceKeys

_FOREVER = float("inf")


class MemoryOnlineStore:
    """Rows in dicts of this process, behind one lock. A forked child has a copy of its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._spaces: dict[bytes, dict[bytes, tuple[bytes, float]]] = defaultdict(dict)

    @classmethod
    def from_url(cls, url: str) -> Self:
        """An empty store for ``memory://``.

        Raises:
            ConfigurationError: for another URL.
        """
        if url != "memory://":
            raise ConfigurationError(f"Expected 'memory://', found {url!r}.")
        return cls()

    def read(self, *, requests: Sequence[SpaceKeys]) -> list[bytes | None]:
        """See `OnlineStore.read`."""
        now = time.monotonic()
        with self._lock:
            return [
                self._row(self._spaces.get(request.space, {}), key, now)
                for request in requests
                for key in request.keys
            ]

    async def read_async(self, *, requests: Sequence[SpaceKeys]) -> list[bytes | None]:
        """See `OnlineStore.read_async`."""
        return self.read(requests=requests)

    def write(
        self,
        *,
        spaces: Sequence[bytes],
        keys: Sequence[bytes],
        rows: Sequence[bytes],
        rule: MaterializedWrite | PushedWrite,
        keep_for: timedelta | None,
    ) -> None:
        """See `OnlineStore.write`."""
        now = time.monotonic()
        expires = _FOREVER if keep_for is None else now + keep_for.total_seconds()
        with self._lock:
            for space in spaces:
                stored = self._spaces[space]
                for key, row in zip(keys, rows, strict=True):
                    before = self._row(stored, key, now)
                    after = row_after_write(before, row, rule)
                    if after is None:
                        stored.pop(key, None)
                    elif after is not before:
                        stored[key] = (after, expires)

    def delete(self, *, spaces: Sequence[bytes], keys: Sequence[bytes]) -> None:
        """See `OnlineStore.delete`."""
        with self._lock:
            for space in spaces:
                for key in keys:
                    self._spaces[space].pop(key, None)

    def pushed_keys(self, *, space: bytes) -> Iterator[list[bytes]]:
        """See `OnlineStore.pushed_keys`."""
        with self._lock:
            keys = [key for key, (row, _) in self._spaces.get(space, {}).items() if is_pushed(row)]
        if keys:
            yield keys

    def retire(self, *, space: bytes, keep_for: timedelta) -> None:
        """See `OnlineStore.retire`."""
        expires = time.monotonic() + keep_for.total_seconds()
        with self._lock:
            retired = {key: (row, min(until, expires)) for key, (row, until) in self._spaces[space].items()}
            self._spaces[space] = retired

    def close(self) -> None:
        """See `OnlineStore.close`."""

    def _row(self, stored: dict[bytes, tuple[bytes, float]], key: bytes, now: float) -> bytes | None:
        row, expires = stored.get(key, (None, 0.0))
        if row is None or expires > now:
            return row
        del stored[key]
        return None
