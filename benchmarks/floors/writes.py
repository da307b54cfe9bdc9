"""Writing to Redis without a feature store: rows of the same size, by MSET, or by a script where the newest wins."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
import redis

from benchmarks.floors.online import sizes_in_use

Matrix = npt.NDArray[np.float64]
Ids = npt.NDArray[np.int64]
Pairs = dict[bytes, bytes]

ROWS_AT_ONCE = 10_000
_ROWS_PER_MSET = 1_000
_ROWS_PER_SCRIPT = 100
_ORDER = slice(5, 21)

# Where the library's rows have their event and created timestamps; these compare in the order of their bytes.
_NEWEST_WINS = """
for i, key in ipairs(KEYS) do
  local old = redis.call('GETRANGE', key, 5, 20)
  if old == '' or old <= string.sub(ARGV[i], 6, 21) then redis.call('SET', key, ARGV[i]) end
end
"""


class BareWriter:
    """Rows of a header and features, under keys of a given size.

    Args:
        url: the server and the database to write into.
        key_bytes: the size of each key.
        row_bytes: the size of each row.
        width: how many features a row has.
    """

    def __init__(self, url: str, *, key_bytes: int, row_bytes: int, width: int) -> None:
        header = row_bytes - 8 * width
        if header < _ORDER.stop:
            raise ValueError(f"a row of {width} features with its times is larger than {row_bytes} bytes")
        self._client = redis.Redis.from_url(url)
        self._newest_wins = self._client.register_script(_NEWEST_WINS)
        self._key_bytes = key_bytes
        self._width = width
        self._dtype = np.dtype([("header", "u1", (header,)), ("features", "<f8", (width,))])

    def pairs(self, entities: Ids, features: Matrix, *, event: int = 1) -> Pairs:
        """Keys and rows of some entities, all of them with one event timestamp."""
        rows = np.zeros(len(features), self._dtype)
        rows["header"][:, _ORDER] = np.frombuffer(event.to_bytes(8, "big") + bytes(8), np.uint8)
        rows["features"] = features
        octets, size = rows.tobytes(), self._dtype.itemsize
        return {
            self._key(entity): octets[start : start + size]
            for entity, start in zip(entities.tolist(), range(0, len(octets), size), strict=True)
        }

    def replace(self, pairs: Pairs) -> None:
        """Write all rows, whatever was there."""
        with self._client.pipeline(transaction=False) as pipeline:
            for part in _parts(pairs, _ROWS_PER_MSET):
                pipeline.mset(part)
            pipeline.execute()

    def keep_newest(self, pairs: Pairs) -> None:
        """Write each row unless a newer one is there."""
        with self._client.pipeline(transaction=False) as pipeline:
            for part in _parts(pairs, _ROWS_PER_SCRIPT):
                self._newest_wins(keys=list(part), args=list(part.values()), client=pipeline)
            pipeline.execute()

    def read(self, entities: Ids) -> Matrix:
        """The features of entities that were written."""
        replies: Any = self._client.mget([self._key(entity) for entity in entities.tolist()])
        read: Matrix = np.frombuffer(b"".join(replies), self._dtype)["features"]
        return read

    def _key(self, entity: int) -> bytes:
        return b"%0*d" % (self._key_bytes, entity)


def _parts(pairs: Pairs, size: int) -> Iterator[Pairs]:
    items = iter(pairs.items())
    while part := dict(islice(items, size)):
        yield part


def sized_like(model: str, url: str, *, width: int) -> BareWriter:
    """A writer into a database whose keys and rows have the sizes of those in another."""
    key_bytes, row_bytes = sizes_in_use(model)
    return BareWriter(url, key_bytes=key_bytes, row_bytes=row_bytes, width=width)
