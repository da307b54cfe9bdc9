"""The online read without a feature store: one MGET of rows of the same size, decoded into the same form."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import chain
from struct import Struct
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import redis
import redis.asyncio

Matrix = npt.NDArray[np.float64]
Replies = Sequence[bytes]

_LOADED_AT_ONCE = 10_000


class BareRows:
    """Rows in Redis: a header of any bytes, then the features; those of each view have keys of their own.

    Args:
        url: the server and the database to load into.
        key_bytes: the size of each key.
        row_bytes: the size of each row.
        names: the features, in the order of the views.
        width: how many features a row has.
    """

    def __init__(self, url: str, *, key_bytes: int, row_bytes: int, names: Sequence[str], width: int) -> None:
        header = row_bytes - 8 * width
        if header < 0:
            raise ValueError(f"a row of {width} features needs {8 * width} bytes, found {row_bytes}")
        self._client = redis.Redis.from_url(url)
        self._async_client = redis.asyncio.Redis.from_url(url)
        self._key_bytes = key_bytes
        self._width = width
        self._dtype = np.dtype([("header", f"V{header}"), ("features", "<f8", (width,))])
        self._row = Struct(f"<{header}x{width}d")
        self._names = ("entity_id", *names)

    def load(self, features: Matrix) -> None:
        """Write the rows of each entity, numbered from 0."""
        for view in range(features.shape[1] // self._width):
            rows = np.zeros(len(features), self._dtype)
            rows["features"] = features[:, view * self._width : (view + 1) * self._width]
            for start in range(0, len(rows), _LOADED_AT_ONCE):
                part = range(start, min(start + _LOADED_AT_ONCE, len(rows)))
                self._client.mset({self.key(view, number): rows[number].tobytes() for number in part})

    def key(self, view: int, entity: int) -> bytes:
        """The key of an entity's row in a view."""
        return b"%d:%0*d" % (view, self._key_bytes - 2, entity)

    def read(self, keys: Sequence[bytes]) -> Replies:
        """One round trip."""
        return cast("Replies", self._client.mget(keys))

    async def read_async(self, keys: Sequence[bytes]) -> Replies:
        """The same, awaited."""
        return cast("Replies", await self._async_client.mget(keys))

    def to_dicts(self, entities: Sequence[int], replies: Replies) -> list[dict[str, Any]]:
        """One dict for each entity, with its key and its features."""
        count, names = len(entities), self._names
        if count == len(replies):
            rows = self._row.iter_unpack(b"".join(replies))
            return [dict(zip(names, (entity, *row))) for entity, row in zip(entities, rows)]  # noqa: B905
        views = [
            self._row.iter_unpack(b"".join(replies[start : start + count]))
            for start in range(0, len(replies), count)
        ]
        return [
            dict(zip(names, chain((entity,), *parts)))  # noqa: B905
            for entity, *parts in zip(entities, *views)  # noqa: B905
        ]

    def to_numpy(self, entities: Sequence[int], replies: Replies) -> Matrix:
        """A matrix of the features, one row for each entity."""
        count = len(entities)
        rows = np.frombuffer(b"".join(replies), self._dtype)["features"]
        if count == len(replies):
            return rows.copy()
        return rows.reshape(-1, count, self._width).transpose(1, 0, 2).reshape(count, -1)


def sizes_in_use(url: str) -> tuple[int, int]:
    """The most frequent sizes of a key and of its row in a database."""
    client = redis.Redis.from_url(url)
    keys = [key for _, key in zip(range(1_000), client.scan_iter(_type="string", count=1_000), strict=False)]
    if not keys:
        raise RuntimeError(f"{url} holds no rows: the library's contender has to fill it before")
    sizes = Counter((len(key), len(row)) for key, row in zip(keys, client.mget(keys), strict=True) if row)
    return sizes.most_common(1)[0][0]
