"""Questions to ranges of small integers, all at once: the nth smallest value, and how many are below a bound.

Values are looked at bit by bit from the highest on. After each bit the positions are split into those with a 0
and those with a 1, in their order (a wavelet matrix of which only one level is kept), and each range follows
its answer into one of the two. The cost is (values + ranges) times bits, however long ranges are, which may come
in any order.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from featurestore.windows.arrays import Int64s, Mask, Values
from featurestore.windows.ranges import Ranges

Decide = Callable[[Int64s, int], Mask]
"""Given how many values of each range have a 0 at a bit: which ranges go on with those that have a 1."""


def nth_smallest(values: Int64s, ranges: Ranges, nth: Int64s) -> Int64s:
    """For each range its value at place `nth` in order, from 0 on; values are not negative."""
    left, found = nth.copy(), np.zeros(len(ranges), np.int64)

    def decide(zeros: Int64s, bit: int) -> Mask:
        ones = left >= zeros
        left[ones] -= zeros[ones]
        found[ones] |= 1 << bit
        return ones

    _descend(values, ranges, decide)
    return found


def count_below(values: Int64s, ranges: Ranges, bounds: Int64s) -> Int64s:
    """For each range how many of its values are below its bound; values are not negative."""
    highest = int(values.max(initial=0))
    counts = np.zeros(len(ranges), np.int64)
    below = np.minimum(bounds, highest)

    def decide(zeros: Int64s, bit: int) -> Mask:
        ones: Mask = (below >> bit) & 1 == 1
        counts[ones] += zeros[ones]
        return ones

    equal = _descend(values, ranges, decide)
    beyond = bounds > highest
    counts[beyond] += equal[beyond]
    return counts


def count_distinct(values: Int64s, ranges: Ranges) -> Int64s:
    """For each range how many different values it has: those that were not in the range before."""
    order = np.argsort(values, kind="stable")
    again = values[order[1:]] == values[order[:-1]]
    before = np.zeros(len(values), np.int64)
    before[order[1:][again]] = order[:-1][again] + 1
    return count_below(before, ranges, ranges.start + 1)


def _descend(values: Values, ranges: Ranges, decide: Decide) -> Int64s:
    """Follow all ranges from bit to bit; how many values are left of each at the end."""
    start, stop = ranges.start, ranges.stop
    count = len(values)
    # Numbers of 32 bits wherever they do: half the memory, and nearly half the time.
    values = values.astype(np.int32) if values.max(initial=0) < 2**31 else values
    zeros_before = np.zeros(count + 1, np.int32 if count < 2**31 else np.int64)
    for bit in range(int(values.max(initial=0)).bit_length() - 1, -1, -1):
        is_one = (values >> bit) & 1 == 1
        np.cumsum(~is_one, out=zeros_before[1:])
        first, last = zeros_before[start].astype(np.int64), zeros_before[stop].astype(np.int64)
        ones = decide(last - first, bit)
        start = np.where(ones, zeros_before[-1] + start - first, first)
        stop = np.where(ones, zeros_before[-1] + stop - last, last)
        values = np.concatenate([values[~is_one], values[is_one]])
    return stop - start
