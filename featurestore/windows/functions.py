"""What each aggregation function makes of ranges of inputs: one Arrow array, a value for each range."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from featurestore.protocols.offline import WindowColumn
from featurestore.windows import frequent, holistic, lists, sketches
from featurestore.windows.arrays import Floats, Int64s
from featurestore.windows.column import Column
from featurestore.windows.decay import DECAYED, decayed
from featurestore.windows.integers import divided
from featurestore.windows.ranges import BlockTree, Ranges

Compute = Callable[[Column, Ranges, WindowColumn], pa.Array]


def compute(column: Column, ranges: Ranges, window: WindowColumn, until: Int64s) -> pa.Array:
    """The values of one aggregation at the instants `until`.

    Raises:
        SumOverflowError: if an integer sum does not fit into 64 bits.
    """
    with np.errstate(all="ignore"):  # infinities and NaN are values
        if window.function in DECAYED:
            return decayed(column, column.ranges(ranges), window, until)
        return _FUNCTIONS[window.function](column, column.ranges(ranges), window)


def _count(_: Column, ranges: Ranges, __: WindowColumn) -> pa.Array:
    return pa.array(ranges.lengths)


def _is_integer(column: Column) -> bool:
    return bool(pa.types.is_integer(column.given.type))


def _sum(column: Column, ranges: Ranges, _: WindowColumn) -> pa.Array:
    if _is_integer(column):
        return pa.array(column.totals.sums(ranges).as_int64())
    return pa.array(_float_sums(column, ranges))


def _float_sums(column: Column, ranges: Ranges) -> Floats:
    sums = np.zeros(len(ranges))
    filled = ranges.filled
    sums[filled] = column.sums.reduce(ranges.select(filled))
    return sums


def _mean(column: Column, ranges: Ranges, _: WindowColumn) -> pa.Array:
    if _is_integer(column):
        means = divided(column.totals.sums(ranges), ranges.lengths)
    else:
        means = _float_sums(column, ranges) / ranges.lengths
    return pa.array(means, mask=~ranges.filled)


def _var(column: Column, ranges: Ranges, _: WindowColumn) -> pa.Array:
    return pa.array(_variances(column, ranges), mask=~ranges.filled)


def _stddev(column: Column, ranges: Ranges, _: WindowColumn) -> pa.Array:
    return pa.array(np.sqrt(_variances(column, ranges)), mask=~ranges.filled)


def _variances(column: Column, ranges: Ranges) -> Floats:
    filled = ranges.filled
    moments = column.moments.moments(ranges.select(filled))
    variances = np.zeros(len(ranges))
    variances[filled] = moments.squares / moments.count
    return variances


def _min(column: Column, ranges: Ranges, _: WindowColumn) -> pa.Array:
    return _extreme(column, ranges, column.smallest)


def _max(column: Column, ranges: Ranges, _: WindowColumn) -> pa.Array:
    return _extreme(column, ranges, column.largest)


def _extreme(column: Column, ranges: Ranges, tree: BlockTree) -> pa.Array:
    filled = ranges.filled
    keys = np.zeros(len(ranges), np.int64)
    keys[filled] = tree.reduce(ranges.select(filled))
    return column.keys.decode(keys, ~filled)


def _first(column: Column, ranges: Ranges, _: WindowColumn) -> pa.Array:
    return column.take(ranges.start, ~ranges.filled)


def _last(column: Column, ranges: Ranges, _: WindowColumn) -> pa.Array:
    return column.take(ranges.stop - 1, ~ranges.filled)


def _true_counts(column: Column, ranges: Ranges) -> Int64s:
    return column.totals.sums(ranges).as_int64()


def _any(column: Column, ranges: Ranges, _: WindowColumn) -> pa.Array:
    return pa.array(_true_counts(column, ranges) > 0, mask=~ranges.filled)


def _all(column: Column, ranges: Ranges, _: WindowColumn) -> pa.Array:
    return pa.array(_true_counts(column, ranges) == ranges.lengths, mask=~ranges.filled)


_FUNCTIONS: dict[str, Compute] = {
    "count": _count,
    "sum": _sum,
    "mean": _mean,
    "var": _var,
    "stddev": _stddev,
    "min": _min,
    "max": _max,
    "first": _first,
    "last": _last,
    "count_distinct": holistic.count_distinct,
    "median": holistic.percentile,
    "percentile": holistic.percentile,
    "mode": holistic.mode,
    "any": _any,
    "all": _all,
    "first_n": lists.first_n,
    "last_n": lists.last_n,
    "first_distinct_n": lists.first_distinct_n,
    "last_distinct_n": lists.last_distinct_n,
    "top_k": frequent.top_k,
    "approx_count_distinct": sketches.approx_count_distinct,
    "approx_percentile": sketches.approx_percentile,
}
