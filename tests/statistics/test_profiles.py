"""Profiles of every type against plain Python; of parts, merged, against those of the whole."""

from __future__ import annotations

import itertools
import math
from datetime import UTC, date, datetime
from decimal import Decimal as Number
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from featurestore.definitions.types import (
    Bool,
    Bytes,
    Date,
    Decimal,
    FeatureType,
    Float64,
    Int8,
    Int64,
    List,
    Map,
    String,
    Timestamp,
    UInt64,
    Vector,
)
from featurestore.errors import RequestError
from featurestore.frames.types import arrow_type
from featurestore.testing.strategies.columns import feature_columns
from tests.statistics.plain import check, profile_of, same_again

ROWS = 300_000


@st.composite
def columns(draw: st.DrawFn) -> tuple[FeatureType, list[Any]]:
    """A type, and values of it."""
    column = draw(feature_columns())
    drawn = draw(st.lists(st.sampled_from(column.pool), max_size=60))
    return column.dtype, column.array(drawn).cast(arrow_type(column.dtype)).to_pylist()


@given(columns(), st.integers(1, 30))
def test_a_profile_is_what_plain_python_finds(found: tuple[FeatureType, list[Any]], batch: int) -> None:
    dtype, values = found
    profile = profile_of(values, dtype, batch=batch)
    check(profile, values, dtype)
    assert same_again(profile)


@given(columns(), st.lists(st.integers(0, 60), max_size=3))
def test_merged_profiles_are_that_of_all_rows(found: tuple[FeatureType, list[Any]], cuts: list[int]) -> None:
    dtype, values = found
    places = [0, *sorted(cuts), len(values)]
    parts = [values[low:high] for low, high in itertools.pairwise(places)]
    merged = profile_of(parts[0], dtype)
    for part in parts[1:]:
        merged = merged.merge(profile_of(part, dtype))
    check(merged, values, dtype)
    assert same_again(merged)


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=50))
def test_integers_are_exact_in_all_their_range(values: list[int]) -> None:
    check(profile_of(values, Int64), values, Int64)


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=50))
def test_floats_of_any_size(values: list[float]) -> None:
    profile = profile_of(values, Float64)
    finite = [value for value in values if math.isfinite(value)]
    assert (profile.missing, profile.infinite) == (sum(map(math.isnan, values)), sum(map(math.isinf, values)))
    assert (profile.minimum, profile.maximum) == (min(finite, default=None), max(finite, default=None))
    assert sum(profile.histogram.counts if profile.histogram else ()) == len(finite)
    assert same_again(profile)
    assert same_again(profile.merge(profile))


def test_a_small_spread_far_from_zero_is_told() -> None:
    values = [2**62 + number for number in (0, 1, 2, 3)] * 1000
    profile = profile_of(values, Int64)
    assert profile.standard_deviation == pytest.approx(math.sqrt(1.25), rel=1e-12)
    merged = profile_of(values[:1000], Int64).merge(profile_of(values[1000:], Int64))
    assert merged.standard_deviation == pytest.approx(math.sqrt(1.25), rel=1e-9)
    floats = profile_of([1e9 + number for number in (0.0, 1.0, 2.0, 3.0)], Float64)
    assert floats.standard_deviation == pytest.approx(math.sqrt(1.25), rel=1e-9)


def test_types_that_have_no_order_have_lengths() -> None:
    maps = profile_of([[("a", 1)], [("a", 1), ("b", None)], None, []], Map(String, Int64))
    assert (maps.distinct, maps.nulls, maps.minimum, maps.top_values) == (3, 1, None, ())
    assert maps.lengths is not None
    assert (maps.lengths.minimum, maps.lengths.mean, maps.lengths.maximum) == (0, 1.0, 2)
    other = profile_of([[("a", 1), ("b", 2)], [("b", 1), ("a", 2)], [("a", 2), ("b", 1)]], Map(String, Int64))
    assert other.distinct == 3
    vectors = profile_of([[1.0, 2.0], [2.0, 1.0], [1.0, 2.0], [0.0, math.nan], [-0.0, math.nan]], Vector(2))
    assert (vectors.distinct, vectors.lengths) == (3, profile_of([[1.0, 2.0]], List(Float64)).lengths)


def test_long_strings_are_cut() -> None:
    profile = profile_of(["z" * 1000, "a" * 201, "b", "b"], String)
    assert (profile.minimum, profile.maximum) == ("a" * 200, "z" * 200)
    assert profile.top_values == (("b", 2),)
    assert profile.lengths is not None
    assert profile.lengths.maximum == 1000


def test_characters_are_counted_in_strings_and_octets_in_bytes() -> None:
    text, octets = profile_of(["é😀"], String), profile_of(["é😀".encode()], Bytes)
    assert text.lengths is not None
    assert octets.lengths is not None
    assert (text.lengths.maximum, octets.lengths.maximum) == (2, 6)


def test_instants_beyond_what_python_has_are_taken_as_the_last() -> None:
    far = pa.array([2**62, -(2**62), 0]).cast(pa.timestamp("us", "UTC"))
    profile = profile_of(far, Timestamp)
    assert profile.maximum == datetime.max.replace(tzinfo=UTC)
    assert profile.minimum == datetime.min.replace(tzinfo=UTC)
    assert same_again(profile)


def test_what_a_profile_of_nothing_says() -> None:
    for dtype in (Int64, Float64, String, Bool, Date, Timestamp, Decimal(9, 2), List(Int64), Vector(2)):
        for values in ([], [None, None]):
            profile = profile_of(values, dtype)
            assert (profile.rows, profile.nulls, profile.distinct) == (len(values), len(values), 0)
            assert (profile.mean, profile.total, profile.quantiles) == (None, None, ())
            assert same_again(profile)
            assert profile.merge(profile).rows == 2 * len(values)


def test_profiles_of_different_types_are_not_merged() -> None:
    with pytest.raises(RequestError, match=r"x \(int64\) and x \(float64\)"):
        profile_of([1], Int64).merge(profile_of([1.0], Float64))


# Many rows ---------------------------------------------------------------------------------------------------


def _many(kind: str) -> tuple[FeatureType, pa.Array]:
    chance = np.random.default_rng(5)
    made: dict[str, tuple[FeatureType, Any]] = {
        "float": (Float64, chance.normal(5, 2, ROWS)),
        "skewed": (Float64, chance.lognormal(0, 2, ROWS)),
        "sorted": (Float64, np.sort(chance.random(ROWS))),
        "int": (Int64, chance.integers(-(2**40), 2**40, ROWS)),
        "few": (Int8, chance.integers(-3, 4, ROWS).astype(np.int8)),
        "big": (UInt64, chance.integers(2**63, 2**64 - 1, ROWS, dtype=np.uint64)),
        "instant": (Timestamp, pa.array(chance.integers(0, 10**15, ROWS)).cast(pa.timestamp("us", "UTC"))),
    }
    dtype, values = made[kind]
    return dtype, values if isinstance(values, pa.Array) else pa.array(values)


@pytest.mark.parametrize("kind", ["float", "skewed", "sorted", "int", "few", "big", "instant"])
@pytest.mark.parametrize("parts", [1, 7])
def test_many_values_are_within_the_stated_errors(kind: str, parts: int) -> None:
    dtype, array = _many(kind)
    size = -(-len(array) // parts)
    profile = profile_of(array.slice(0, size), dtype)
    for start in range(size, len(array), size):
        profile = profile.merge(profile_of(array.slice(start, size), dtype))
    numbers = np.sort(np.asarray(array.cast(pa.int64()) if kind == "instant" else array).astype(np.float64))
    assert profile.rows == len(array)
    assert (profile.minimum, profile.maximum) == (_least(array), _most(array))
    assert profile.distinct == pytest.approx(len(np.unique(np.asarray(array))), rel=0.13)
    for rank, value in profile.quantiles:
        number = value.timestamp() * 1e6 if isinstance(value, datetime) else float(value)  # type: ignore[arg-type]
        low, high = (np.searchsorted(numbers, number + side) / len(numbers) for side in (-0.5, 0.5))
        assert low - 0.014 <= rank <= high + 0.014 or kind in ("float", "skewed", "sorted")
        assert abs(np.searchsorted(numbers, number, "right") / len(numbers) - rank) < 0.014 or kind == "few"
    histogram = profile.histogram
    assert histogram is not None
    assert sum(histogram.counts) == len(array)
    if isinstance(profile.total, int):
        assert profile.total == sum(array.to_pylist())
    if kind != "instant":
        assert profile.mean == pytest.approx(numbers.mean())
        assert profile.standard_deviation == pytest.approx(numbers.std())


def _least(array: pa.Array) -> Any:
    return min(array.to_pylist())


def _most(array: pa.Array) -> Any:
    return max(array.to_pylist())


def test_frequent_values_among_many_others_are_found_and_never_overcounted() -> None:
    chance = np.random.default_rng(6)
    names = np.array([f"id{number}" for number in range(ROWS)], dtype=object)
    names[chance.random(ROWS) < 0.1] = "often"
    names[chance.random(ROWS) < 0.01] = "sometimes"
    truth = dict(zip(*np.unique(names.astype(str), return_counts=True), strict=True))
    profile = profile_of(list(names), String)
    found = dict(profile.top_values)
    assert list(found)[:2] == ["often", "sometimes"]
    assert found["often"] == truth["often"]
    assert all(count <= truth[name] for name, count in found.items())
    assert profile.distinct == pytest.approx(len(truth), rel=0.13)
    merged = profile.merge(profile_of(["rare"] * 5, String))
    assert dict(merged.top_values)["often"] == truth["often"]


def test_few_different_values_among_many_rows_are_counted_exactly() -> None:
    chance = np.random.default_rng(7)
    names = [f"n{number}" for number in chance.integers(0, 300, ROWS)]
    profile = profile_of(names, String)
    assert profile.distinct == 300
    merged = profile.merge(profile)
    for each, times in ((profile, 1), (merged, 2)):
        for name, count in each.top_values:
            assert count == times * names.count(str(name))


def test_decimals_of_many_digits_are_added_up_exactly() -> None:
    large, small = Number("9" * 28 + ".9999999999"), Number("-0.0000000001")
    profile = profile_of([large] * 3 + [small], Decimal(38, 10))
    assert profile.total == Number("2" + "9" * 28 + ".9999999996")
    assert profile.merge(profile).total == Number("5" + "9" * 28 + ".9999999992")
    assert (profile.minimum, profile.maximum) == (small, large)
    assert same_again(profile)


def test_dates_are_days() -> None:
    profile = profile_of([date(2024, 1, day) for day in range(1, 32)], Date)
    assert profile.histogram is not None
    assert profile.histogram.edges[0] == date(2024, 1, 1)
    assert sum(profile.histogram.counts) == 31
    assert dict(profile.quantiles)[0.5] == date(2024, 1, 16)
    assert profile.mean is None
