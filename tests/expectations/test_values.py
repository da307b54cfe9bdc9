"""Ranges and sets of values against plain Python, exactly: NaN, nulls, zeros, big integers, decimals, zones."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import featurestore as fs
from featurestore.expectations.values import not_among, outside
from featurestore.frames.types import arrow_type

INTS = [fs.Int8, fs.Int16, fs.Int32, fs.Int64, fs.UInt8, fs.UInt64]
numbers = st.one_of(
    st.integers(-(2**70), 2**70),
    st.integers(-3, 3),
    st.floats(allow_nan=False, allow_infinity=False),
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20),
    st.sampled_from([2**53, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), 0.1, Decimal("0.1"), 10**400, 0.5]),
)
bounds = st.tuples(st.none() | numbers, st.none() | numbers).filter(lambda pair: pair != (None, None))


def exact(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return value
    return Fraction(value)


def is_outside(value: Any, low: Any, high: Any) -> bool:
    if value is None:
        return False
    if isinstance(value, float) and math.isnan(value):
        return True
    if isinstance(value, float) and math.isinf(value):
        return (value < 0 and low is not None) or (value > 0 and high is not None)
    return (low is not None and exact(value) < exact(low)) or (
        high is not None and exact(value) > exact(high)
    )


def check_range(values: list[Any], dtype: fs.FeatureType, low: Any, high: Any) -> None:
    column = pa.array(values, arrow_type(dtype))
    found = outside(column, dtype, low, high)
    assert found.null_count == 0
    assert found.to_pylist() == [is_outside(value, low, high) for value in column.to_pylist()], (low, high)


@given(data=st.data(), limits=bounds, dtype=st.sampled_from(INTS))
def test_integers(data: st.DataObject, limits: Any, dtype: fs.FeatureType) -> None:
    bits = arrow_type(dtype).bit_width
    unsigned = str(dtype).startswith("u")
    low, high = (0, 2**bits - 1) if unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    values = data.draw(st.lists(st.none() | st.integers(low, high) | st.sampled_from([low, high])))
    check_range(values, dtype, *limits)


@given(values=st.lists(st.none() | st.floats()), limits=bounds)
def test_floats(values: list[Any], limits: Any) -> None:
    check_range(values, fs.Float64, *limits)


@given(
    values=st.lists(st.none() | st.floats(width=16)),
    limits=bounds,
    dtype=st.sampled_from([fs.Float16, fs.Float32]),
)
def test_short_floats(values: list[Any], limits: Any, dtype: fs.FeatureType) -> None:
    half = [None if value is None else np.float16(value) for value in values]
    check_range(half if dtype == fs.Float16 else values, dtype, *limits)


@given(values=st.lists(st.none() | st.decimals(places=2, min_value=-(10**8), max_value=10**8)), limits=bounds)
def test_decimals(values: list[Any], limits: Any) -> None:
    fitting = [value if value is None or abs(value) < 10**8 else Decimal(0) for value in values]
    check_range(fitting, fs.Decimal(10, 2), *limits)
    check_range(fitting, fs.Decimal(38, 2), *limits)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Paris", "America/New_York"])
def test_timestamps_are_instants(zone: str) -> None:
    noon = datetime(2024, 5, 1, 12, tzinfo=UTC)
    times = [noon - timedelta(microseconds=1), noon, noon + timedelta(microseconds=1), None]
    dtype = fs.ZonedTimestamp(zone)
    column = pa.array(times, arrow_type(dtype))
    same = noon.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert outside(column, dtype, same, same).to_pylist() == [True, False, True, False]
    assert not_among(column, dtype, [same]).to_pylist() == [True, False, True, False]


def test_dates() -> None:
    days: list[Any] = [date(1969, 12, 31), date(1970, 1, 1), date(2024, 2, 29), None]
    column = pa.array(days, pa.date32())
    assert outside(column, fs.Date, date(1970, 1, 1), date(2024, 2, 28)).to_pylist() == [
        True,
        False,
        True,
        False,
    ]
    assert not_among(column, fs.Date, [days[0], days[2]]).to_pylist() == [False, True, False, False]


@given(
    values=st.lists(st.none() | st.floats() | st.sampled_from([0.0, -0.0, 1.0])),
    allowed=st.lists(numbers, min_size=1),
)
def test_sets_of_floats(values: list[Any], allowed: list[Any]) -> None:
    known = {float(value) for value in allowed if abs(value) < 10**300}
    expected = [value is not None and (math.isnan(value) or value not in known) for value in values]
    assert not_among(pa.array(values, pa.float64()), fs.Float64, allowed).to_pylist() == expected


def test_a_float32_is_compared_with_what_a_value_is_as_float32() -> None:
    column = pa.array([0.1, 0.2, None], pa.float32())
    assert not_among(column, fs.Float32, [0.1]).to_pylist() == [False, True, False]


@given(values=st.lists(st.none() | st.integers(-(2**63), 2**63 - 1)), allowed=st.lists(numbers, min_size=1))
def test_sets_of_integers(values: list[Any], allowed: list[Any]) -> None:
    known = {exact(value) for value in allowed}
    for values_ in (values, [*values, *(int(v) for v in known if v.denominator == 1 and abs(v) < 2**63)]):
        expected = [value is not None and Fraction(value) not in known for value in values_]
        assert not_among(pa.array(values_, pa.int64()), fs.Int64, allowed).to_pylist() == expected


@given(
    values=st.lists(st.none() | st.decimals(places=2, min_value=-99, max_value=99)),
    allowed=st.lists(numbers, min_size=1),
)
def test_sets_of_decimals(values: list[Any], allowed: list[Any]) -> None:
    known = {exact(value) for value in allowed}
    expected = [value is not None and Fraction(value) not in known for value in values]
    assert not_among(pa.array(values, pa.decimal128(6, 2)), fs.Decimal(6, 2), allowed).to_pylist() == expected


@pytest.mark.parametrize(
    ("dtype", "values", "allowed", "failing"),
    [
        (fs.String, ["a", "A", "", None, "ä"], ["a", ""], [False, True, False, False, True]),
        (fs.Bytes, [b"a", b"\x00", None], [b"\x00"], [True, False, False]),
        (fs.Bool, [True, False, None], [True], [False, True, False]),
        (fs.String, [None, None], ["a"], [False, False]),
        (fs.String, [], ["a"], []),
        (fs.UInt64, [2**64 - 1, 0], [2**64 - 1, -1], [False, True]),
    ],
)
def test_sets(dtype: fs.FeatureType, values: list[Any], allowed: list[Any], failing: list[bool]) -> None:
    assert not_among(pa.array(values, arrow_type(dtype)), dtype, allowed).to_pylist() == failing
