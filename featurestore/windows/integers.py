"""Exact sums of integers: differences of running totals, which lose nothing in 128 bits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from featurestore.windows.arrays import Floats, Int64s, Values
from featurestore.windows.ranges import Ranges

if TYPE_CHECKING:
    import pyarrow as pa

_HALF = 32
_LOW = 2**_HALF - 1
_EXACT = 2**53


class SumOverflowError(Exception):
    """The sum of a range is no 64-bit integer.

    Attributes:
        range: the number of the range.
        output: what the sum is called, where that is known.
    """

    def __init__(self, found: int, output: str = "") -> None:
        super().__init__(f"the sum of range {found} does not fit into 64 bits")
        self.range, self.output = found, output


@dataclass(frozen=True, slots=True)
class IntegerSums:
    """Exact sums: ``high · 2**32 + low`` with 0 <= low < 2**32, or `low` alone where high is None."""

    high: Int64s | None
    low: Int64s

    def as_int64(self) -> Int64s:
        """The sums as 64-bit integers.

        Raises:
            SumOverflowError: if one does not fit.
        """
        if self.high is None:
            return self.low
        outside = (self.high < -(2**31)) | (self.high >= 2**31)
        if outside.any():
            raise SumOverflowError(int(outside.argmax()))
        return (self.high << _HALF) + self.low


class RunningTotals:
    """The running totals of a column of integers, in 128 bits where they need them."""

    def __init__(self, values: pa.Array) -> None:
        numbers: Values = values.to_numpy(zero_copy_only=False)
        largest = max(abs(int(numbers.max())), abs(int(numbers.min()))) if len(numbers) else 0
        self._high: Int64s | None = None
        if largest * len(numbers) < 2**63:
            self._low = _running(numbers)
        else:
            self._high, self._low = _running(numbers >> _HALF), _running(numbers & _LOW)

    def sums(self, ranges: Ranges) -> IntegerSums:
        """The exact sum of each range, 0 for an empty one."""
        low: Int64s = self._low[ranges.stop] - self._low[ranges.start]
        if self._high is None:
            return IntegerSums(None, low)
        high: Int64s = self._high[ranges.stop] - self._high[ranges.start]
        return IntegerSums(high + (low >> _HALF), low & _LOW)


def _running(numbers: Values) -> Int64s:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(numbers.astype(np.int64, copy=False))])


def divided(sums: IntegerSums, by: Int64s) -> Floats:
    """The sums divided once, each correctly rounded; NaN for a division by 0."""
    small = sums.low if sums.high is None else (sums.high << _HALF) + sums.low
    if sums.high is None:
        large = np.abs(small) > _EXACT
    else:
        large = (sums.high >= _EXACT >> _HALF) | (sums.high < -(_EXACT >> _HALF))
    quotients: Floats = small / by
    # Sums beyond what a float holds are rare: Python divides them exactly.
    for i in np.flatnonzero(large & (by > 0)).tolist():
        exact = int(sums.low[i]) + (0 if sums.high is None else int(sums.high[i]) << _HALF)
        quotients[i] = exact / int(by[i])
    return quotients
