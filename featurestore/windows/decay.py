"""Sums in which an input weighs half as much after each half-life.

Weights are never taken from a running product, which would leave the range of floats after a thousand
half-lives: a block of events is summed up as of its last event, a block of blocks as of its last block, and a
window, which is put together from blocks, as of the instant that is asked for. All weights are at most one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from featurestore.protocols.offline import WindowColumn
from featurestore.windows.arrays import Floats, Int64s
from featurestore.windows.column import Column
from featurestore.windows.events import earlier
from featurestore.windows.ranges import Ranges, lay

DECAYED: Final = frozenset({"decayed_sum", "decayed_count"})
_BLOCK = 16
_NOTHING = 5000
"""After so many half-lives even the largest float is less than the smallest."""


def decayed(column: Column, ranges: Ranges, window: WindowColumn, until: Int64s) -> pa.Array:
    """The decayed sum of the values of each range, or of ones."""
    if window.function == "decayed_count":
        values = np.ones(len(column.times))
    else:
        values = column.given.to_numpy(zero_copy_only=False).astype(np.float64)
    sums = np.zeros(len(ranges))
    filled = ranges.filled
    decay = _Decay(float(window.argument or 0))
    at = earlier(until, window.offset)[filled]
    sums[filled] = decay.sums(values, column.times, ranges.select(filled), at)
    return pa.array(sums)


@dataclass(frozen=True, slots=True)
class _Decay:
    half_life: float

    def sums(self, values: Floats, times: Int64s, ranges: Ranges, at: Int64s) -> Floats:
        """The sum of each range as of an instant that is not before its last time; none may be empty."""
        is_long = ranges.lengths > 2 * _BLOCK
        if not is_long.any():
            return self._short(values, times, ranges, at)
        result = np.empty(len(ranges))
        result[~is_long] = self._short(values, times, ranges.select(~is_long), at[~is_long])
        longer, at = ranges.select(is_long), at[is_long]
        first, last = -(-longer.start // _BLOCK), longer.stop // _BLOCK
        found = self.sums(*self._blocks(values, times), Ranges(first, last), at)
        for end in (Ranges(longer.start, first * _BLOCK), Ranges(last * _BLOCK, longer.stop)):
            there = end.filled
            found[there] += self._short(values, times, end.select(there), at[there])
        result[is_long] = found
        return result

    def _blocks(self, values: Floats, times: Int64s) -> tuple[Floats, Int64s]:
        """The sum of each whole block as of its last time, and that time.

        What comes of a block that holds several entities is never used.
        """
        whole = len(values) // _BLOCK * _BLOCK
        times = times[:whole].reshape(-1, _BLOCK)
        last = times[:, -1]
        sums = self._weighed(values[:whole].reshape(-1, _BLOCK), last[:, np.newaxis] - times).sum(axis=1)
        return sums, last

    def _short(self, values: Floats, times: Int64s, ranges: Ranges, at: Int64s) -> Floats:
        sums = np.empty(len(ranges))
        for laid in lay(ranges):
            age = at[laid.ranges][laid.owner] - times[laid.positions]
            weighed = self._weighed(values[laid.positions], age)
            sums[laid.ranges] = np.add.reduceat(weighed, laid.offsets[:-1])
        return sums

    def _weighed(self, values: Floats, age: Int64s) -> Floats:
        """Values times ``2 ** -(age / half-life)``: whole half-lives only change the exponent."""
        lives = np.clip(age / self.half_life, 0, _NOTHING)
        whole = np.floor(lives)
        weighed: Floats = np.ldexp(values * np.exp2(whole - lives), -whole.astype(np.int32))
        return weighed
