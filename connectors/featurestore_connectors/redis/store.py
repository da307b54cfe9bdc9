"""The online store on a Redis-protocol server."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Self

from redis.exceptions import NoScriptError

from featurestore.online.header import order_preserving, run_number
from featurestore.protocols.online import MaterializedWrite, PushedWrite, SpaceKeys
from featurestore_connectors.redis import resp, scripts
from featurestore_connectors.redis.async_connections import AsyncConnections
from featurestore_connectors.redis.connections import Connections
from featurestore_connectors.redis.errors import translated
from featurestore_connectors.redis.url import parse

_ROWS_PER_EXCHANGE = 1_000
_KEYS_PER_READ = 10_000
_KEYS_PER_SCAN = 1_000
_BETWEEN_SCANS = timedelta(milliseconds=20)
"""How much later the keys of each scan are reclaimed: all at once would take a quarter of the server for seconds."""
Pair = tuple[bytes, bytes]
Pairs = Sequence[Pair]


class RedisOnlineStore:
    """Rows as strings on a Redis-protocol server.

    Args:
        url: see `url.parse`.
        keys_per_command: how many rows one command writes. The server answers nothing else meanwhile.

    Raises:
        ConfigurationError: if the URL cannot be read.
    """

    def __init__(self, url: str, *, keys_per_command: int = 50) -> None:
        options = parse(url)
        self._where = options.where
        self._connections = Connections(options.threads)
        self._async_connections = AsyncConnections(options.loops)
        self._keys_per_command = keys_per_command

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Open ``redis://host:6379/0`` or, with TLS, ``rediss://host:6379/0``.

        Raises:
            ConfigurationError: if the URL cannot be read.
        """
        return cls(url)

    def read(self, *, requests: Sequence[SpaceKeys]) -> list[bytes | None]:
        """See `OnlineStore.read`."""
        rows: list[bytes | None] = []
        with translated(self._where):
            for command in _reads(requests):
                rows += self._connections.exchange(command, 1)[0]
        return rows

    async def read_async(self, *, requests: Sequence[SpaceKeys]) -> list[bytes | None]:
        """See `OnlineStore.read_async`."""
        rows: list[bytes | None] = []
        with translated(self._where):
            for command in _reads(requests):
                rows += (await self._async_connections.exchange(command, 1))[0]
        return rows

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
        expiry = b"" if keep_for is None else resp.milliseconds(keep_for)
        with translated(self._where):
            for space in spaces:
                if isinstance(rule, MaterializedWrite):
                    self._write_materialized(space, keys, rows, rule, expiry)
                else:
                    self._write_pushed(space, keys, rows, expiry)

    def delete(self, *, spaces: Sequence[bytes], keys: Sequence[bytes]) -> None:
        """See `OnlineStore.delete`."""
        full_keys = [resp.full_key(space, key) for space in spaces for key in keys]
        with translated(self._where):
            self._for_each(full_keys, b"UNLINK")

    def pushed_keys(self, *, space: bytes) -> Iterator[list[bytes]]:
        """See `OnlineStore.pushed_keys`; a key may come more than once."""
        yield from self._scan((b"SSCAN", _index_of_pushed(space)))

    def retire(self, *, space: bytes, keep_for: timedelta) -> None:
        """See `OnlineStore.retire`."""
        pattern = re.sub(rb"([*?\[\]\\^-])", rb"\\\1", space) + b"*"
        for number, keys in enumerate(self._scan((b"SCAN",), b"MATCH", pattern)):
            expiry = resp.milliseconds(keep_for + number * _BETWEEN_SCANS)
            with translated(self._where):
                self._for_each(keys, b"PEXPIRE", expiry)

    def close(self) -> None:
        """See `OnlineStore.close`; connections of a running event loop close as soon as it gets to it."""
        self._connections.close()
        self._async_connections.close()

    def __repr__(self) -> str:
        return f"RedisOnlineStore({self._where})"

    def _write_materialized(
        self,
        space: bytes,
        keys: Sequence[bytes],
        rows: Sequence[bytes],
        rule: MaterializedWrite,
        expiry: bytes,
    ) -> None:
        arguments = [expiry, run_number(rule.run), order_preserving(rule.end)]
        fresh = True
        for pairs in _batches(keys, rows):
            left = self._set_where_absent(space, pairs, expiry) if fresh else pairs
            # Where most keys are there already, the attempt only costs time.
            fresh = fresh and 2 * len(left) <= len(pairs)
            self._run(scripts.MATERIALIZED, space, left, arguments)

    def _set_where_absent(self, space: bytes, pairs: Pairs, expiry: bytes) -> Pairs:
        filled = [pair for pair in pairs if pair[1]]
        if expiry:
            replies = self._connections.exchange(resp.set_if_absent(space, filled, expiry), len(filled))
            left = [pair for pair, reply in zip(filled, replies, strict=True) if reply is None]
        else:
            left = self._set_groups_where_absent(space, filled)
        return left if len(filled) == len(pairs) else left + [pair for pair in pairs if not pair[1]]

    def _set_groups_where_absent(self, space: bytes, pairs: Pairs) -> list[Pair]:
        """Of each group all rows or none: a reply for each row would take longer than writing it."""
        groups = self._grouped(pairs)
        commands = b"".join(resp.set_all_if_all_absent(space, group) for group in groups)
        replies = self._connections.exchange(commands, len(groups))
        return [pair for group, reply in zip(groups, replies, strict=True) if not reply for pair in group]

    def _write_pushed(
        self, space: bytes, keys: Sequence[bytes], rows: Sequence[bytes], expiry: bytes
    ) -> None:
        for pairs in _batches(keys, rows):
            # Noted first: a key too many does no harm.
            note = resp.command(b"SADD", _index_of_pushed(space), *(key for key, _ in pairs))
            self._connections.exchange(note, 1)
            self._run(scripts.PUSHED, space, pairs, [expiry])

    def _run(self, script: scripts.Script, space: bytes, pairs: Pairs, arguments: Sequence[bytes]) -> None:
        groups = self._grouped(pairs)
        calls = b"".join(resp.run_script(script.digest, space, group, arguments) for group in groups)
        try:
            self._connections.exchange(calls, len(groups))
        except NoScriptError:
            self._connections.exchange(resp.command(b"SCRIPT", b"LOAD", script.text), 1)
            self._connections.exchange(calls, len(groups))

    def _grouped(self, pairs: Pairs) -> list[Pairs]:
        size = self._keys_per_command
        return [pairs[start : start + size] for start in range(0, len(pairs), size)]

    def _for_each(self, full_keys: Sequence[bytes], name: bytes, *arguments: bytes) -> None:
        """One command per key: in a cluster, each key has its own node."""
        for start in range(0, len(full_keys), _ROWS_PER_EXCHANGE):
            batch = full_keys[start : start + _ROWS_PER_EXCHANGE]
            commands = b"".join(resp.command(name, key, *arguments) for key in batch)
            self._connections.exchange(commands, len(batch))

    def _scan(self, name: Sequence[bytes], *arguments: bytes) -> Iterator[list[bytes]]:
        cursor = b"0"
        while True:
            command = resp.command(*name, cursor, *arguments, b"COUNT", b"%d" % _KEYS_PER_SCAN)
            with translated(self._where):
                cursor, found = self._connections.exchange(command, 1)[0]
            if found:
                yield found
            if cursor == b"0":
                return


def _index_of_pushed(space: bytes) -> bytes:
    # A set of entity keys; no row has this key, see `key_frame`.
    return space + b"pushed"


def _batches(keys: Sequence[bytes], rows: Sequence[bytes]) -> Iterator[Pairs]:
    for start in range(0, len(keys), _ROWS_PER_EXCHANGE):
        end = start + _ROWS_PER_EXCHANGE
        yield list(zip(keys[start:end], rows[start:end], strict=True))


def _reads(requests: Sequence[SpaceKeys]) -> Iterator[bytes]:
    """MGET for all keys: one, unless there are so many that the server would be held up.

    A cluster answers an MGET only for keys of one slot: this is the place to group them by node.
    """
    count = sum(len(request.keys) for request in requests)
    if 0 < count <= _KEYS_PER_READ:
        yield resp.get_many(requests)
        return
    for request in requests:
        for start in range(0, len(request.keys), _KEYS_PER_READ):
            yield resp.get_many([SpaceKeys(request.space, request.keys[start : start + _KEYS_PER_READ])])
