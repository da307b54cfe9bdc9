"""The distinct and the frequent values of a feature, in the forms of Apache DataSketches.

The library's sketches take one value at a time, which costs more than everything else together; so distinct hashes
and frequent values are gathered here by whole columns, and only what is left of them (at most `MOST_HASHES` and
`MOST_FREQUENT`) becomes a sketch of the library, which merges and stores it.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import Any, Final

import datasketches
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from featurestore.statistics.values import from_json_value, to_json_value
from featurestore.windows.hashes import Words

_LOG_HASHES: Final = 10
MOST_HASHES: Final = 2**_LOG_HASHES
"""Exact up to so many distinct values, then with a standard error of ``1 / sqrt(MOST_HASHES)``, 3.1 %."""
MOST_FREQUENT: Final = 512
"""So many values are kept with how often they come."""
_LOG_FREQUENT: Final = 12
"""Merged sketches are exact up to three quarters of two to this power."""
_WHOLE: Final = 2**63 - 1
_GATHERED: Final = 16_384
_SEED_HASH: Final = datasketches.update_theta_sketch().get_seed_hash()
_COMPACT, _ORDERED = 2 | 8, 16  # and read-only, which all compact ones are


class DistinctHashes:
    """The smallest hashes of a column (Bar-Yossef and others, 2002): what a Theta sketch holds."""

    def __init__(self) -> None:
        self._kept: Words = np.zeros(0, np.uint64)
        self._bound = _WHOLE

    def add(self, hashes: Words) -> None:
        """Take the hashes of more values."""
        low = hashes[hashes < np.uint64(2 * self._bound)] >> np.uint64(1)
        if not len(low):
            return
        kept = np.sort(np.concatenate([self._kept, low]))
        # Sorted and compared, which is many times faster than the hash table of numpy.unique.
        kept = kept[np.append(True, kept[1:] != kept[:-1])]
        if len(kept) > MOST_HASHES:
            self._bound = int(kept[MOST_HASHES])
            kept = kept[:MOST_HASHES]
        self._kept = kept

    def form(self) -> bytes:
        """As a compact Theta sketch (https://datasketches.apache.org/docs/Theta/ThetaSketches.html)."""
        if not len(self._kept):
            return bytes(datasketches.update_theta_sketch().compact().serialize())
        exact = self._bound == _WHOLE
        head = struct.pack(
            "<BBBBBBHII", 2 if exact else 3, 3, 3, 0, 0, _COMPACT | _ORDERED, _SEED_HASH, len(self._kept), 0
        )
        theta = b"" if exact else struct.pack("<Q", self._bound)
        return head + theta + self._kept.astype("<u8").tobytes()


def count_distinct(form: bytes) -> int:
    """About how many distinct values a Theta sketch has seen."""
    estimate: float = datasketches.compact_theta_sketch.deserialize(form).get_estimate()
    return round(estimate)


def merge_distinct(forms: Sequence[bytes]) -> bytes:
    """The Theta sketch of all that some have seen."""
    union = datasketches.theta_union(_LOG_HASHES)
    for form in forms:
        union.update(datasketches.compact_theta_sketch.deserialize(form))
    return bytes(union.get_result().serialize())


class FrequentValues:
    """Values with how often they came, of which the most frequent are kept: counts are never too large."""

    def __init__(self) -> None:
        self._pieces: list[pa.Table] = []

    def add(self, values: pa.Array, counts: npt.NDArray[np.int64]) -> None:
        """Take distinct values and how often each came."""
        self._pieces.append(pa.table({"value": values, "count": counts}))
        if sum(map(len, self._pieces)) > _GATHERED:
            self._pieces = [self._gathered().slice(0, _GATHERED // 4)]

    def form(self) -> bytes | None:
        """As a frequent-strings sketch of the values' JSON forms."""
        if not self._pieces:
            return None
        kept = self._gathered().slice(0, MOST_FREQUENT)
        sketch = _new_frequent()
        for value, count in zip(kept["value"].to_pylist(), kept["count"].to_pylist(), strict=True):
            sketch.update(json.dumps(to_json_value(value), ensure_ascii=False), count)
        return bytes(sketch.serialize())

    def _gathered(self) -> pa.Table:
        found = (
            pa.concat_tables(self._pieces).group_by("value", use_threads=False).aggregate([("count", "sum")])
        )
        table = pa.table({"value": found["value"], "count": found["count_sum"]})
        return table.sort_by([("count", "descending"), ("value", "ascending")])


def _new_frequent() -> Any:
    return datasketches.frequent_strings_sketch(_LOG_FREQUENT)


def merge_frequent(forms: Sequence[bytes]) -> bytes:
    """The frequent-strings sketch of all that some have seen."""
    merged = _new_frequent()
    for form in forms:
        merged.merge(datasketches.frequent_strings_sketch.deserialize(form))
    return bytes(merged.serialize())


def most_frequent(form: bytes, most: int, kind: str) -> tuple[tuple[Any, int], ...]:
    """The most frequent values of a type and how often they came at least; of equally frequent ones the smaller."""
    sketch = datasketches.frequent_strings_sketch.deserialize(form)
    found = sketch.get_frequent_items(datasketches.frequent_items_error_type.NO_FALSE_NEGATIVES, 0)
    values = [(from_json_value(json.loads(text), kind), low) for text, _, low, _ in found if low > 0]
    return tuple(sorted(values, key=lambda pair: (-pair[1], pair[0]))[:most])
