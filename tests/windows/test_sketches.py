"""Approximate functions: hashes and sweeps against brute force, estimates against the truth."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import featurestore as fs
from featurestore.definitions import types as t
from featurestore.frames.types import arrow_type
from featurestore.protocols.offline import WindowColumn
from featurestore.testing import oracle
from featurestore.testing.compare import assert_rows
from featurestore.testing.oracle.sketches import canonical_bytes, value_hash
from featurestore.testing.plans import entity_table, plan_view, run_historical
from featurestore.windows.column import Column
from featurestore.windows.events import Events
from featurestore.windows.hashes import value_hashes
from featurestore.windows.ranges import Ranges
from featurestore.windows.sketches import approx_count_distinct, cut
from featurestore.windows.sweep import count_below, count_distinct, nth_smallest
from tests.engines.available import ENGINES, make_engine
from tests.online.rows import SCALARS, values

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
TYPES = [*SCALARS, t.Decimal(38, 0), t.Decimal(38, 38), t.Decimal(5, 2), t.ZonedTimestamp("America/New_York")]


@pytest.fixture(params=ENGINES, scope="module")
def engine(request):
    return make_engine(request.param)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_hashes_of_columns_are_those_of_values(data: st.DataObject):
    dtype = data.draw(st.sampled_from(TYPES))
    given_values = data.draw(st.lists(values(dtype), max_size=8))
    skipped = data.draw(st.integers(0, len(given_values)))
    column = pa.array(given_values, arrow_type(dtype)).slice(skipped)
    expected = [value_hash(canonical_bytes(value, dtype)) for value in column.to_pylist()]
    assert value_hashes(column).tolist() == expected


def test_a_hash_stays_what_it_is():
    assert value_hashes(pa.array(["", "a", "fifteen letters and more"])).tolist() == [
        0,
        17217418406357275742,
        12603735725520679652,
    ]


@st.composite
def questions(draw: st.DrawFn) -> tuple[np.ndarray[Any, Any], Ranges, np.ndarray[Any, Any]]:
    numbers = draw(st.lists(st.integers(0, draw(st.sampled_from([0, 1, 5, 1000]))), max_size=30))
    edges = st.tuples(st.integers(0, len(numbers)), st.integers(0, len(numbers))).map(sorted)
    asked = draw(st.lists(edges, max_size=5))
    starts, stops = ([edge[i] for edge in asked] for i in (0, 1))
    bounds = draw(st.lists(st.integers(0, 1100), min_size=len(asked), max_size=len(asked)))
    arrays = [np.array(part, np.int64) for part in (numbers, starts, stops, bounds)]
    return arrays[0], Ranges(arrays[1], arrays[2]), arrays[3]


@settings(max_examples=300, deadline=None)
@given(case=questions())
def test_sweeps(case: tuple[np.ndarray[Any, Any], Ranges, np.ndarray[Any, Any]]):
    numbers, ranges, bounds = case
    parts = [numbers[start:stop].tolist() for start, stop in zip(ranges.start, ranges.stop, strict=True)]
    below = [sum(n < bound for n in part) for part, bound in zip(parts, bounds, strict=True)]
    assert count_below(numbers, ranges, bounds).tolist() == below
    assert count_distinct(numbers, ranges).tolist() == [len(set(part)) for part in parts]
    filled = ranges.select(ranges.filled)
    nth = bounds[ranges.filled] % filled.lengths
    expected = [sorted(part)[n] for part, n in zip(filter(None, parts), nth.tolist(), strict=True)]
    assert nth_smallest(numbers, filled, nth).tolist() == expected


@settings(max_examples=300, deadline=None)
@given(number=st.floats())
def test_numbers_are_cut_by_less_than_one_in_256(number: float):
    (found,) = cut(np.array([number])).tolist()
    if math.isfinite(number):
        assert abs(number) * (255 / 256) <= abs(found) <= abs(number)
        assert math.copysign(1, found) == math.copysign(1, number)
    else:
        assert found == number or (math.isnan(found) and math.isnan(number))


def test_small_integers_are_not_cut():
    assert cut(np.arange(-512.0, 513.0)).tolist() == list(range(-512, 513))


@pytest.mark.parametrize("kind", ["integer", "text"])
def test_many_distinct_values(engine, kind: str):
    """Up to two levels of hashes, bit for bit as the oracle says, and near to the truth."""
    chance, count = random.Random(3), 14_000
    numbers = [chance.randrange(count) for _ in range(count)]
    items: list[Any] = numbers if kind == "integer" else [f"user-{n}" for n in numbers]
    rows = [{"k": 1, "at": NOON + i * MICROSECOND, "x": item} for i, item in enumerate(items)]
    table = pa.Table.from_pylist(rows)
    spans = [timedelta(microseconds=n) for n in (5000, 10_000)]
    dtype = fs.Int64 if kind == "integer" else fs.String
    view = fs.FeatureView(
        "v",
        entities=[fs.Entity("e", join_keys={"k": fs.Int64})],
        source=fs.InMemorySource("s", data=table, event_timestamp="at"),
        features=[fs.Aggregation("x", "approx_count_distinct", [*spans, fs.LIFETIME], input_type=dtype)],
    )
    entities = [{"k": 1, "event_timestamp": NOON + i * MICROSECOND} for i in (-1, 4000, count - 1)]
    plan = plan_view(view)
    found = run_historical(engine, [plan], entity_table([plan], entities))
    assert_rows(found, oracle.historical(view, rows, entities))
    exact = len(set(items))
    (estimate,) = found.column("x_approx_count_distinct_lifetime").to_pylist()[2:]
    assert exact > 8192
    assert abs(estimate - exact) < 0.08 * exact


def test_estimates_are_as_near_as_they_are_said_to_be():
    """Twenty sets of 50 000 values: their errors spread as a standard error of 1.2 / sqrt(4096) does."""
    count, sets = 50_000, 20
    numbers = pa.array(np.arange(count * sets))
    begins = np.arange(sets) * count
    events = Events(np.zeros(count * sets, np.int64), np.arange(count * sets), None, {"x": numbers})
    found = approx_count_distinct(Column.of(events, "x", None), Ranges(begins, begins + count), plan("x"))
    errors = np.asarray(found) / count - 1
    assert abs(float(np.mean(errors))) < 0.015
    assert float(np.sqrt(np.mean(np.square(errors)))) < 0.03


def plan(column: str) -> WindowColumn:
    return WindowColumn(column, column, fs.Int64, "approx_count_distinct", None, None, 0, None, fs.Int64, 0)
