"""Moments of whole arrays: exact totals of integers and decimals, deviations from the arrays' own means."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from featurestore.statistics.moments import Moments

Floats = npt.NDArray[np.float64]
_EXACT: Final = 2**53
_LOW: Final = 2**32 - 1


def float_moments(numbers: Floats) -> Moments:
    """Of finite floats."""
    with np.errstate(over="ignore", invalid="ignore"):
        return Moments(len(numbers), float(numbers.sum()), float(numbers.var() * len(numbers)))


def integer_moments(numbers: npt.NDArray[Any], low: int, high: int) -> tuple[Floats, Moments]:
    """Integers as floats, and their moments, given the smallest and the largest."""
    floats = numbers.astype(np.float64)
    if max(-low, high) < _EXACT:
        total = (
            int(numbers.sum(dtype=np.int64)) if max(-low, high) * len(numbers) < 2**63 else wide_sum(numbers)
        )
        return floats, Moments(len(numbers), total, float(floats.var() * len(numbers)))
    # Distances from the smallest, which 64 bits hold exactly, so that what a float loses is small beside them.
    apart = (numbers.astype(np.uint64) - np.uint64(low % 2**64)).astype(np.float64)
    return floats, Moments(len(numbers), wide_sum(numbers), float(apart.var() * len(numbers)))


def decimal_moments(values: pa.Decimal128Array) -> tuple[Floats, Moments]:
    """Decimals as floats, and their moments."""
    floats = values.cast(pa.float64()).to_numpy(zero_copy_only=False)
    octets = np.frombuffer(values.buffers()[1], np.int64, 2 * len(values), offset=16 * values.offset)
    low, high = octets[0::2].view(np.uint64), octets[1::2]
    unscaled = (wide_sum(high) << 64) + wide_sum(low)
    digits = tuple(int(digit) for digit in str(abs(unscaled)))
    total = Decimal((int(unscaled < 0), digits, -values.type.scale))
    return floats, Moments(len(values), total, float(floats.var() * len(values)))


def wide_sum(numbers: npt.NDArray[Any]) -> int:
    """The sum of integers of 64 bits, which may need more."""
    shifted = numbers >> numbers.dtype.type(32)
    return (int(shifted.sum()) << 32) + int((numbers & numbers.dtype.type(_LOW)).sum())
