"""Ranges of positions: what a ufunc makes of each, and the positions themselves side by side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from featurestore.windows.arrays import Int64s, Mask, Values

BLOCK = 64
BATCH = 1 << 20
"""How many positions are laid side by side at a time."""


@dataclass(frozen=True, slots=True)
class Ranges:
    """Half-open ranges of positions whose starts and stops never decrease; a range may be empty."""

    start: Int64s
    stop: Int64s

    def __len__(self) -> int:
        return len(self.start)

    @property
    def lengths(self) -> Int64s:
        """How many positions each has."""
        return self.stop - self.start

    @property
    def filled(self) -> Mask:
        """Which are not empty."""
        return self.stop > self.start

    def select(self, chosen: Mask | slice) -> Ranges:
        """Some of them."""
        return Ranges(self.start[chosen], self.stop[chosen])


class BlockTree:
    """Values whose blocks are reduced once, level by level, for all ranges that are asked for.

    A long range is put together from its two ends and, recursively, from whole blocks: no result comes from
    more than a few hundred steps, so that floats do not drift, and none is the difference of two others.
    """

    def __init__(self, ufunc: np.ufunc, values: Values) -> None:
        self._ufunc = ufunc
        self._values = values
        # One more at the end, so that a range may stop there.
        self._padded = np.append(values, values[:1])

    @cached_property
    def _blocks(self) -> BlockTree:
        whole = self._values[: len(self._values) // BLOCK * BLOCK].reshape(-1, BLOCK)
        return BlockTree(self._ufunc, self._ufunc.reduce(whole, axis=1))

    def reduce(self, ranges: Ranges) -> Values:
        """What the function makes of the values of each range; none may be empty."""
        if not len(ranges) or int(ranges.lengths.max()) <= 2 * BLOCK:
            return self._short(ranges)
        is_long = ranges.lengths > 2 * BLOCK
        result = np.empty(len(ranges), self._values.dtype)
        result[~is_long] = self._short(ranges.select(~is_long))
        head, middle, tail = split(ranges.select(is_long))
        found = self._blocks.reduce(middle)
        for end in (head, tail):
            there = end.filled
            found[there] = self._ufunc(found[there], self._short(end.select(there)))
        result[is_long] = found
        return result

    def _short(self, ranges: Ranges) -> Values:
        if not len(ranges):
            return np.empty(0, self._values.dtype)
        # Every other result is that of a gap between two ranges, which is why they have to be in order.
        pairs = np.empty(2 * len(ranges), np.int64)
        pairs[::2], pairs[1::2] = ranges.start, ranges.stop
        first, last = int(pairs[0]), int(pairs[-1])
        pairs -= first
        reduced: Values = self._ufunc.reduceat(self._padded[first : last + 1], pairs)[::2]
        return reduced


def split(ranges: Ranges) -> tuple[Ranges, Ranges, Ranges]:
    """Ranges longer than two blocks as their heads, the numbers of their whole blocks, and their tails."""
    first, last = -(-ranges.start // BLOCK), ranges.stop // BLOCK
    return Ranges(ranges.start, first * BLOCK), Ranges(first, last), Ranges(last * BLOCK, ranges.stop)


@dataclass(frozen=True, slots=True)
class Laid:
    """The positions of a run of ranges, one range after the other.

    Attributes:
        ranges: which of the ranges these are.
        positions: all their positions.
        owner: for each position the number of its range within the run.
        offsets: where each range begins among the positions, and at last their number.
    """

    ranges: slice
    positions: Int64s
    owner: Int64s
    offsets: Int64s


def lay(ranges: Ranges) -> Iterator[Laid]:
    """The positions of all ranges, in batches that hold one range at least."""
    ends = np.cumsum(ranges.lengths)
    begin = 0
    while begin < len(ranges):
        done = int(ends[begin - 1]) if begin else 0
        end = max(begin + 1, int(np.searchsorted(ends, done + BATCH, side="right")))
        lengths = ranges.lengths[begin:end]
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
        owner = np.repeat(np.arange(end - begin), lengths)
        positions = np.arange(offsets[-1]) + (ranges.start[begin:end] - offsets[:-1])[owner]
        yield Laid(slice(begin, end), positions, owner, offsets)
        begin = end
