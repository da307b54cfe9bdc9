"""Mean and squared deviations of ranges, from centred values: parts are merged as Chan, Golub and LeVeque do.

A mean is the sum of two floats, so that integers beyond 2**53 keep their distances from it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from featurestore.windows.arrays import Floats, Mask
from featurestore.windows.ranges import BLOCK, Ranges, lay, split

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

    @classmethod
    def of(cls, high: Floats, low: Floats) -> Moments:
        """Single values ``high + low``."""
        return cls(np.ones(len(high)), high, low, np.zeros(len(high)))


def range_moments(values: Moments, ranges: Ranges) -> Moments:
    """The moments of each range; none may be empty."""
    if not len(ranges) or int(ranges.lengths.max()) <= 2 * BLOCK:
        return _short_moments(values, ranges)
    is_long = ranges.lengths > 2 * BLOCK
    head, middle, tail = split(ranges.select(is_long))
    whole = len(values.count) // BLOCK * BLOCK
    blocks = _merged_rows(values.select(slice(0, whole)).reshape(-1, BLOCK))
    parts = [_ends(values, head), range_moments(blocks, middle), _ends(values, tail)]
    merged = _merged_rows(_stack(parts))
    return _scatter(is_long, merged, _short_moments(values, ranges.select(~is_long)))


def _ends(values: Moments, ranges: Ranges) -> Moments:
    filled = ranges.filled
    zeros = np.zeros(int((~filled).sum()))
    return _scatter(
        filled, _short_moments(values, ranges.select(filled)), Moments(zeros, zeros, zeros, zeros)
    )


def _short_moments(values: Moments, ranges: Ranges) -> Moments:
    result = Moments(*(np.zeros(len(ranges)) for _ in range(4)))
    for laid in lay(ranges):
        part = values.select(laid.positions)
        begins = laid.offsets[:-1]
        merged = _merge(part, lambda x, b=begins: np.add.reduceat(x, b), lambda x, o=laid.owner: x[o])  # type: ignore[misc]
        _assign(result, laid.ranges, merged)
    return result


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
