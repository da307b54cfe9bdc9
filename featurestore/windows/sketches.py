"""Approximate functions: what they give is defined by a small summary that could be stored and merged.

Two summaries of two sets of inputs make the one of all of them, and the value comes from the summary alone, so
that it is the same on every engine, in every order and however the inputs were split up.

Distinct values: the hashes of `hashes`, of which only those below ``2**(64 - level)`` are kept; the level is the
lowest at which at most `MOST_HASHES` of them are. Their number times ``2**level`` is the value (adaptive sampling
after Wegman; Flajolet, 1990): exact up to `MOST_HASHES`, then with a standard error of ``1.2 / sqrt(MOST_HASHES)``.

Percentiles: how often each number comes, cut toward zero to `SIGNIFICANT_BITS` significant bits: a number is
less than 1 part in 256 too small, and integers up to 512 are themselves.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa

from featurestore.protocols.offline import WindowColumn
from featurestore.windows.arrays import Floats, Int64s
from featurestore.windows.column import Column
from featurestore.windows.hashes import value_hashes
from featurestore.windows.order import order_keys
from featurestore.windows.ranges import Ranges
from featurestore.windows.sweep import count_distinct, nth_smallest

MOST_HASHES: Final = 4096
SIGNIFICANT_BITS: Final = 9


def approx_count_distinct(column: Column, ranges: Ranges, _: WindowColumn) -> pa.Array:
    """About how many values differ."""
    hashes, hash_of_place = np.unique(value_hashes(_distinct(column)), return_inverse=True)
    values = hash_of_place[column.ranks[1]].astype(np.int64)
    counts, level = np.zeros(len(ranges), np.int64), 0
    unsure = np.arange(len(ranges))
    while len(unsure):
        found = count_distinct(values, ranges)
        few = found <= MOST_HASHES
        counts[unsure[few]] = found[few] << level
        unsure, ranges, level = unsure[~few], ranges.select(~few), level + 1
        values, ranges = _below(values, int(np.searchsorted(hashes, np.uint64(1 << (64 - level)))), ranges)
    return pa.array(counts)


def _distinct(column: Column) -> pa.Array:
    places = column.ranks[0]
    return column.keys.decode(places, np.zeros(len(places), np.bool_))


def _below(values: Int64s, bound: int, ranges: Ranges) -> tuple[Int64s, Ranges]:
    """The values below a bound, and the ranges among them."""
    kept = values < bound
    before = np.concatenate([np.zeros(1, np.int64), np.cumsum(kept)])
    return values[kept], Ranges(before[ranges.start], before[ranges.stop])


def approx_percentile(column: Column, ranges: Ranges, window: WindowColumn) -> pa.Array:
    """The cut number at the place ``(n − 1) · fraction``, rounded down."""
    numbers = cut(_distinct(column).to_numpy(zero_copy_only=False).astype(np.float64))
    keys = order_keys(pa.array(numbers))
    cuts, cut_of_place = np.unique(keys.keys, return_inverse=True)
    filled = ranges.filled
    some = ranges.select(filled)
    nth = np.floor((some.lengths - 1) * float(window.argument or 0)).astype(np.int64)
    found = np.zeros(len(ranges), np.int64)
    found[filled] = cuts[nth_smallest(cut_of_place[column.ranks[1]].astype(np.int64), some, nth)]
    return keys.decode(found, ~filled)


def cut(numbers: Floats) -> Floats:
    """Numbers cut toward zero to `SIGNIFICANT_BITS` significant bits."""
    fraction, exponent = np.frexp(numbers)
    scale = 2.0**SIGNIFICANT_BITS
    whole: Floats = np.ldexp(np.trunc(fraction * scale) / scale, exponent)
    return whole
