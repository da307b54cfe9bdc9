"""What each aggregation function makes of ranges of inputs: one Arrow array, a value for each range."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from featurestore.protocols.offline import WindowColumn
from featurestore.windows import frequent, holistic, lists, sketches
from featurestore.windows.arrays import Floats, Int64s, Values
from featurestore.windows.column import Column
from featurestore.windows.decay import DECAYED, decayed
from featurestore.windows.integers import divided, integer_sums
from featurestore.windows.moments import Moments, range_moments
from featurestore.windows.ranges import Ranges, reduce_ranges

_REST = 2**11 - 1  # the bits that a float has no place for in an integer of 64 bits
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
        return pa.array(integer_sums(column.given, ranges).as_int64())
    return pa.array(_float_sums(column, ranges))


def _float_sums(column: Column, ranges: Ranges) -> Floats:
    sums = np.zeros(len(ranges))
    filled = ranges.filled
    sums[filled] = reduce_ranges(np.add, _floats(column.given), ranges.select(filled))
    return sums


def _floats(values: pa.Array) -> Floats:
    floats: Floats = values.to_numpy(zero_copy_only=False).astype(np.float64, copy=False)
    return floats


def _mean(column: Column, ranges: Ranges, _: WindowColumn) -> pa.Array:
    if _is_integer(column):
        means = divided(integer_sums(column.given, ranges), ranges.lengths)
    else:
        means = _float_sums(column, ranges) / ranges.lengths
    return pa.array(means, mask=~ranges.filled)


def _var(column: Column, ranges: Ranges, _: WindowColumn) -> pa.Array:
    return pa.array(_variances(column, ranges), mask=~ranges.filled)


def _stddev(column: Column, ranges: Ranges, _: WindowColumn) -> pa.Array:
    return pa.array(np.sqrt(_variances(column, ranges)), mask=~ranges.filled)


def _variances(column: Column, ranges: Ranges) -> Floats:
    filled = ranges.filled
    moments = range_moments(Moments.of(*_high_and_low(column.given)), ranges.select(filled))
    variances = np.zeros(len(ranges))
    variances[filled] = moments.squares / moments.count
    return variances


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


def _extreme(ufunc: np.ufunc) -> Compute:
    def extreme(column: Column, ranges: Ranges, _: WindowColumn) -> pa.Array:
        filled = ranges.filled
        keys = np.zeros(len(ranges), np.int64)
        keys[filled] = reduce_ranges(ufunc, column.keys.keys, ranges.select(filled))
        return column.keys.decode(keys, ~filled)

    return extreme


def _first(column: Column, ranges: Ranges, _: WindowColumn) -> pa.Array:
    return column.take(ranges.start, ~ranges.filled)


def _last(column: Column, ranges: Ranges, _: WindowColumn) -> pa.Array:
    return column.take(ranges.stop - 1, ~ranges.filled)


def _true_counts(column: Column, ranges: Ranges) -> Int64s:
    return integer_sums(column.given.cast(pa.int8()), ranges).as_int64()


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
    "min": _extreme(np.minimum),
    "max": _extreme(np.maximum),
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
