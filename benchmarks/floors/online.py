"""The online read without a feature store: one MGET of rows of the same size, decoded into the same form."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from struct import Struct
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import redis

from benchmarks.data import FEATURES

Matrix = npt.NDArray[np.float64]

DEFAULT_KEY_BYTES = 48
DEFAULT_ROW_BYTES = 200
_WIDTH = len(FEATURES)
_LOADED_AT_ONCE = 10_000


class BareRows:
    """Rows in Redis: a header of any bytes, then the features.

    Args:
        url: the server and the database to load into.
        key_bytes: the size of each key.
        row_bytes: the size of each row.
    """

    def __init__(self, url: str, *, key_bytes: int, row_bytes: int) -> None:
        header = row_bytes - 8 * _WIDTH
        if header < 0:
            raise ValueError(f"a row of {_WIDTH} features needs {8 * _WIDTH} bytes, found {row_bytes}")
        self._client = redis.Redis.from_url(url)
        self._key_bytes = key_bytes
        self._dtype = np.dtype([("header", f"V{header}"), ("features", "<f8", (_WIDTH,))])
        self._row = Struct(f"<{header}x{_WIDTH}d")
        self._names = ("entity_id", *FEATURES)

    def load(self, features: Matrix) -> None:
        """Write one row for each entity, numbered from 0."""
        rows = np.zeros(len(features), self._dtype)
        rows["features"] = features
        for start in range(0, len(rows), _LOADED_AT_ONCE):
            part = range(start, min(start + _LOADED_AT_ONCE, len(rows)))
            self._client.mset({self.key(number): rows[number].tobytes() for number in part})

    def key(self, entity: int) -> bytes:
        """The key of an entity."""
        return b"%0*d" % (self._key_bytes, entity)

    def to_dicts(self, entities: Sequence[int], keys: Sequence[bytes]) -> list[dict[str, Any]]:
        """One dict for each entity, with its key and its features."""
        rows = self._row.iter_unpack(b"".join(self._read(keys)))
        return [dict(zip(self._names, (entity, *row))) for entity, row in zip(entities, rows)]  # noqa: B905

    def to_numpy(self, keys: Sequence[bytes]) -> Matrix:
        """A matrix of the features, one row for each key."""
        return np.frombuffer(b"".join(self._read(keys)), self._dtype)["features"].copy()

    def _read(self, keys: Sequence[bytes]) -> Sequence[bytes]:
        return cast("Sequence[bytes]", self._client.mget(keys))


def sizes_in_use(url: str) -> tuple[int, int]:
    """The most frequent sizes of a key and of its row in a database, defaults where it holds none."""
    client = redis.Redis.from_url(url)
    keys = [key for _, key in zip(range(1_000), client.scan_iter(_type="string", count=1_000), strict=False)]
    if not keys:
        return DEFAULT_KEY_BYTES, DEFAULT_ROW_BYTES
    sizes = Counter((len(key), len(row)) for key, row in zip(keys, client.mget(keys), strict=True) if row)
    return sizes.most_common(1)[0][0]
