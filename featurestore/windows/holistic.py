"""Functions that need all inputs of a window at once: distinct values, percentiles, the most frequent value.

Distinct values and percentiles cost (inputs + points)·log. The cost of the most frequent value grows with the
inputs within the windows, added up over all points; the memory does not, because the windows are laid side by side
batch by batch.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from featurestore.protocols.offline import WindowColumn
from featurestore.windows import sweep
from featurestore.windows.arrays import Int64s, Mask
from featurestore.windows.column import Column
from featurestore.windows.ranges import Laid, Ranges, lay


def sorted_places(column: Column, ranges: Ranges) -> Iterator[tuple[Laid, Int64s]]:
    """The values of each range in their order, as places among the column's distinct values."""
    distinct, ranks = column.ranks
    for laid in lay(ranges):
        packed = laid.owner * len(distinct) + ranks[laid.positions]
        packed.sort()
        yield laid, packed - laid.owner * len(distinct)


def first_of_runs(laid: Laid, places: Int64s) -> Mask:
    """Where in each range a value comes first, given its values in their order."""
    first = np.ones(len(places), np.bool_)
    first[1:] = (places[1:] != places[:-1]) | (laid.owner[1:] != laid.owner[:-1])
    return first


def count_distinct(column: Column, ranges: Ranges, _: WindowColumn) -> pa.Array:
    """How many values differ: one NaN, and −0.0 is not 0.0."""
    return pa.array(sweep.count_distinct(column.ranks[1], ranges))


def percentile(column: Column, ranges: Ranges, window: WindowColumn) -> pa.Array:
    """In proportion between the two values around the place ``(n − 1) · fraction``."""
    fraction = 0.5 if window.argument is None else float(window.argument)
    values = column.keys.decode(column.ranks[0], np.zeros(len(column.ranks[0]), np.bool_))
    numbers = values.to_numpy(zero_copy_only=False).astype(np.float64)
    filled = ranges.filled
    some = ranges.select(filled)
    place = (some.lengths - 1) * fraction
    below = np.floor(place).astype(np.int64)
    above = np.minimum(below + 1, some.lengths - 1)
    both = Ranges(np.tile(some.start, 2), np.tile(some.stop, 2))
    nth = sweep.nth_smallest(column.ranks[1], both, np.concatenate([below, above]))
    low, high = numbers[nth].reshape(2, -1)
    part = place - below
    result = np.zeros(len(ranges))
    result[filled] = np.where((part == 0) | (low == high), low, low + (high - low) * part)
    return pa.array(result, mask=~filled)


def mode(column: Column, ranges: Ranges, _: WindowColumn) -> pa.Array:
    """The most frequent value; of several the smallest."""
    keys = np.zeros(len(ranges), np.int64)
    for laid, places in sorted_places(column, ranges):
        first = np.flatnonzero(first_of_runs(laid, places))
        if not len(first):
            continue
        times = np.diff(np.append(first, len(places)))
        owner = laid.owner[first]
        begins = np.flatnonzero(np.append(True, owner[1:] != owner[:-1]))
        most = np.maximum.reduceat(times, begins)
        best = np.flatnonzero(times == np.repeat(most, np.diff(np.append(begins, len(owner)))))
        found, chosen = np.unique(owner[best], return_index=True)
        keys[laid.ranges][found] = column.ranks[0][places[first[best[chosen]]]]
    return column.keys.decode(keys, ~ranges.filled)
