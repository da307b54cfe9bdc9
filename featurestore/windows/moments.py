"""Mean and squared deviations of ranges, from centred values: parts are merged as Chan, Golub and LeVeque do.

A mean is the sum of two floats, so that integers beyond 2**53 keep their distances from it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from featurestore.windows.arrays import Floats, Mask, Values
from featurestore.windows.ranges import BLOCK, Ranges, lay, split

if TYPE_CHECKING:
    import pyarrow as pa

_REST = 2**11 - 1  # the bits that a float has no place for in an integer of 64 bits
Total = Callable[[Floats], Floats]


@dataclass(frozen=True, slots=True)
class Moments:
    """Of each part: how many values, their mean ``high + low``, and the sum of squared deviations from it."""

    count: Floats
    high: Floats
    low: Floats
    squares: Floats

    def select(self, chosen: object) -> Moments:
        """Some of the parts."""
        return Moments(*(part[chosen] for part in self._parts()))  # type: ignore[call-overload]

    def reshape(self, *shape: int) -> Moments:
        """The same in another shape."""
        return Moments(*(part.reshape(shape) for part in self._parts()))

    def _parts(self) -> tuple[Floats, Floats, Floats, Floats]:
        return self.count, self.high, self.low, self.squares


class MomentTree:
    """Single values, or blocks of them, whose blocks are merged once for all ranges that are asked for."""

    def __init__(self, parts: Moments) -> None:
        self._parts = parts

    @classmethod
    def of(cls, values: pa.Array) -> MomentTree:
        """Over a column of numbers without nulls."""
        high, low = _high_and_low(values)
        return cls(Moments(np.ones(len(high)), high, low, np.zeros(len(high))))

    @cached_property
    def _blocks(self) -> MomentTree:
        whole = len(self._parts.count) // BLOCK * BLOCK
        return MomentTree(_merged_rows(self._parts.select(slice(0, whole)).reshape(-1, BLOCK)))

    def moments(self, ranges: Ranges) -> Moments:
        """The moments of each range; none may be empty."""
        if not len(ranges) or int(ranges.lengths.max()) <= 2 * BLOCK:
            return self._short(ranges)
        is_long = ranges.lengths > 2 * BLOCK
        head, middle, tail = split(ranges.select(is_long))
        merged = _merged_rows(_stack([self._end(head), self._blocks.moments(middle), self._end(tail)]))
        return _scatter(is_long, merged, self._short(ranges.select(~is_long)))

    def _end(self, ranges: Ranges) -> Moments:
        filled = ranges.filled
        zeros = np.zeros(int((~filled).sum()))
        return _scatter(filled, self._short(ranges.select(filled)), Moments(zeros, zeros, zeros, zeros))

    def _short(self, ranges: Ranges) -> Moments:
        result = Moments(*(np.zeros(len(ranges)) for _ in range(4)))
        for laid in lay(ranges):
            part = self._parts.select(laid.positions)
            begins = laid.offsets[:-1]
            merged = _merge(part, lambda x, b=begins: np.add.reduceat(x, b), lambda x, o=laid.owner: x[o])  # type: ignore[misc]
            _assign(result, laid.ranges, merged)
        return result


def _high_and_low(values: pa.Array) -> tuple[Floats, Floats]:
    """Numbers as sums of two floats each, exactly."""
    numbers: Values = values.to_numpy(zero_copy_only=False)
    if numbers.dtype.kind == "f" or numbers.dtype.itemsize < 8:
        return numbers.astype(np.float64), np.zeros(len(numbers))
    rest = numbers & _REST
    exact = (numbers < 2**53) & (numbers > (0 if numbers.dtype.kind == "u" else -(2**53)))
    low = np.where(exact, 0, rest).astype(np.float64)
    high = np.where(exact, numbers, numbers - rest).astype(np.float64)
    return high, low


def _merged_rows(parts: Moments) -> Moments:
    return _merge(parts, lambda x: x.sum(axis=1), lambda x: x[:, np.newaxis])


def _merge(parts: Moments, total: Total, spread: Total) -> Moments:
    """The moments of groups of parts: `total` sums over each group, `spread` gives each part its group's value."""
    count = total(parts.count)
    center = total(parts.high * (parts.count / spread(count)))
    deviation = (parts.high - spread(center)) + parts.low
    shift = total(deviation * parts.count) / count
    deviation = deviation - spread(shift)
    rest = total(deviation * parts.count) / count
    squares = total(parts.squares) + total(parts.count * deviation * deviation) - count * rest * rest
    return Moments(count, center, shift + rest, np.maximum(squares, 0.0))


def _stack(parts: list[Moments]) -> Moments:
    columns = ("count", "high", "low", "squares")
    return Moments(*(np.column_stack([getattr(part, name) for part in parts]) for name in columns))


def _scatter(where: Mask, chosen: Moments, others: Moments) -> Moments:
    result = Moments(*(np.zeros(len(where)) for _ in range(4)))
    _assign(result, where, chosen)
    _assign(result, ~where, others)
    return result


def _assign(result: Moments, where: Mask | slice, parts: Moments) -> None:
    for name in ("count", "high", "low", "squares"):
        getattr(result, name)[where] = getattr(parts, name)
