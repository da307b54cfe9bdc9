"""Which values of a column are not as expected: masks without nulls, from exact comparisons."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from featurestore.definitions.expected_values import ExpectedValue
from featurestore.definitions.instants import EPOCH, to_microseconds
from featurestore.definitions.types import FLOATS, INTEGERS, Date, FeatureType, ZonedTimestamp
from featurestore.definitions.types import Decimal as DecimalType
from featurestore.frames.types import arrow_type

_EPOCH_DAY = EPOCH.toordinal()


def outside(
    column: pa.Array, dtype: FeatureType, minimum: ExpectedValue | None, maximum: ExpectedValue | None
) -> pa.Array:
    """Values (nulls are none) that are smaller than the minimum, greater than the maximum, or NaN."""
    numbers = _as_numbers(column, dtype)
    inside = pc.is_valid(column)
    if minimum is not None:
        inside = pc.and_(inside, _at_least(numbers, _bound(minimum, dtype, up=True)))
    if maximum is not None:
        inside = pc.and_(inside, _at_most(numbers, _bound(maximum, dtype, up=False)))
    return pc.and_(pc.is_valid(column), pc.invert(inside.fill_null(False)))


def not_among(column: pa.Array, dtype: FeatureType, allowed: Iterable[ExpectedValue]) -> pa.Array:
    """Values (nulls are none) that are none of the allowed ones; NaN is none of any."""
    wanted = arrow_type(dtype)
    if isinstance(dtype, ZonedTimestamp):
        column, wanted = column.cast(pa.int64()), pa.int64()
        known = [to_microseconds(value, what="a value") for value in allowed if isinstance(value, datetime)]
        values = pa.array(known, wanted)
    elif dtype in FLOATS:
        # Adding zero makes one of the two zeros.
        column, wanted = pc.add(column.cast(pa.float64()), 0.0), pa.float64()
        floats = (value for value in map(_float, allowed) if math.isfinite(value))
        values = pa.array(list(floats), pa.float64()).cast(arrow_type(dtype), safe=False)
        values = pc.add(values.cast(pa.float64()), 0.0)
    else:
        exact = (_exact(value, dtype) for value in allowed)
        values = pa.array([value for value in exact if value is not None], wanted)
    return pc.and_(pc.is_valid(column), pc.invert(pc.is_in(column, value_set=values)))


def _exact(value: ExpectedValue, dtype: FeatureType) -> Any:
    """The value in the type of the column; None if no value of the type is equal to it."""
    if dtype in INTEGERS:
        whole = Fraction(value)  # type: ignore[arg-type]
        low, high = _limits(dtype)
        return int(whole) if whole.denominator == 1 and low <= whole <= high else None
    if isinstance(dtype, DecimalType):
        scaled = Fraction(value) * 10**dtype.scale  # type: ignore[arg-type]
        fits = scaled.denominator == 1 and abs(scaled) < 10**dtype.precision
        return _unscaled(int(scaled), dtype) if fits else None
    return value


def _as_numbers(column: pa.Array, dtype: FeatureType) -> pa.Array:
    """The column with the order that its bounds have."""
    if dtype in FLOATS:
        return column.cast(pa.float64())
    if isinstance(dtype, ZonedTimestamp):
        return column.cast(pa.int64())
    return column.cast(pa.int32()) if dtype == Date else column


def _bound(value: ExpectedValue, dtype: FeatureType, *, up: bool) -> Any:
    """The nearest value of the type that is not less (`up`) or not greater; infinite where there is none."""
    if isinstance(value, datetime):
        return pa.scalar(to_microseconds(value, what="a bound"))
    if isinstance(value, date):
        return pa.scalar(value.toordinal() - _EPOCH_DAY, pa.int32())
    if dtype in FLOATS:
        return pa.scalar(_nearest_float(value, up=up), pa.float64())
    exact = Fraction(value)  # type: ignore[arg-type]
    scale = dtype.scale if isinstance(dtype, DecimalType) else 0
    scaled = exact * 10**scale
    whole = math.ceil(scaled) if up else math.floor(scaled)
    low, high = _limits(dtype)
    if not low <= whole <= high:
        return math.inf if whole > high else -math.inf
    return pa.scalar(
        whole if not isinstance(dtype, DecimalType) else _unscaled(whole, dtype), arrow_type(dtype)
    )


def _limits(dtype: FeatureType) -> tuple[int, int]:
    if isinstance(dtype, DecimalType):
        return 1 - 10**dtype.precision, 10**dtype.precision - 1
    bits = arrow_type(dtype).bit_width
    return (0, 2**bits - 1) if str(dtype).startswith("u") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def _unscaled(whole: int, dtype: DecimalType) -> Decimal:
    digits = tuple(map(int, str(abs(whole))))
    return Decimal((int(whole < 0), digits, -dtype.scale))


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _nearest_float(value: Any, *, up: bool) -> float:
    near = _float(value)
    if math.isinf(near):
        # A number beyond all floats: the bound on its side of them.
        largest = math.nextafter(math.inf, 0)
        inner, outer = (-largest, math.inf) if up else (largest, -math.inf)
        return (outer if near > 0 else inner) if up else (inner if near > 0 else outer)
    wrong_side = Fraction(near) < Fraction(value) if up else Fraction(near) > Fraction(value)
    return math.nextafter(near, math.inf if up else -math.inf) if wrong_side else near


def _at_least(numbers: pa.Array, bound: Any) -> pa.Array:
    if isinstance(bound, float):
        return pa.scalar(bound < 0)
    return pc.greater_equal(numbers, bound)


def _at_most(numbers: pa.Array, bound: Any) -> pa.Array:
    if isinstance(bound, float):
        return pa.scalar(bound > 0)
    return pc.less_equal(numbers, bound)
