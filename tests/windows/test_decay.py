"""Decayed sums: their definitions, and weights that a float barely holds."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

import featurestore as fs
from featurestore.errors import DefinitionError
from featurestore.testing import oracle
from featurestore.testing.compare import assert_rows
from featurestore.testing.plans import entity_table, plan_view, run_historical
from tests.engines.available import ENGINES, make_engine

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
Row = dict[str, object]


@pytest.fixture(params=ENGINES, scope="module")
def engine(request):
    return make_engine(request.param)


def check(
    engine, values: list[float], ages: list[timedelta], functions: list[str], window: Any = fs.LIFETIME
):
    """Events of these values and ages, and one of another entity, against the oracle at noon and later."""
    rows: list[Row] = [
        {"k": 1, "at": NOON - age, "x": value} for age, value in zip(ages, values, strict=True)
    ]
    rows.append({"k": 0, "at": NOON, "x": 1.0})
    table = pa.Table.from_pylist(rows)
    view = fs.FeatureView(
        "v",
        entities=[fs.Entity("e", join_keys={"k": fs.Int64})],
        source=fs.InMemorySource("s", data=table, event_timestamp="at"),
        features=[
            fs.Aggregation("x", f, window, name=f"f{i}", input_type=fs.Float64)
            for i, f in enumerate(functions)
        ],
    )
    entities = [{"k": 1, "event_timestamp": NOON + timedelta(hours=hours)} for hours in (0, 0, 1, 1000)]
    plan = plan_view(view)
    found = run_historical(engine, [plan], entity_table([plan], entities))
    assert_rows(found, oracle.historical(view, rows, entities))
    return found.column("f0").to_pylist()


def test_a_half_after_each_half_life(engine):
    halves = check(engine, [8.0], [timedelta(0)], ["decayed_sum(1h)"])
    assert halves == [8.0, 8.0, 4.0, 8.0 * 2.0**-1000]


def test_values_and_weights_at_the_ends_of_what_floats_hold(engine):
    largest = 1.7e308
    ages = [timedelta(hours=hours) for hours in (0, 1030, 1060, 1074, 2000, 2100, 10**5)]
    for value in (largest, 1.0, 5e-324, -largest):
        check(engine, [value] * len(ages), ages, ["decayed_sum(1h)", "decayed_count(1h)"])


def test_far_more_events_than_a_half_life_has(engine):
    chance = random.Random(1)
    count = 3000
    values = [chance.uniform(-1e6, 1e6) for _ in range(count)]
    ages = [chance.randrange(10**9) * MICROSECOND for _ in range(count)]
    functions = [
        "decayed_sum(1us)",
        "decayed_sum(3us)",
        "decayed_count(7ms)",
        "decayed_sum(1d)",
        "decayed_count(9w)",
    ]
    check(engine, values, ages, functions)
    check(engine, values, ages, functions, timedelta(minutes=7))


@pytest.mark.parametrize("special", [math.inf, -math.inf, math.nan])
def test_nan_and_infinities_never_fade(engine, special: float):
    ages = [timedelta(hours=hours) for hours in (0, 3000, 1)]
    found = check(engine, [1.0, special, 2.0], ages, ["decayed_sum(1h)"])
    assert found == [special] * 4 or all(map(math.isnan, found))


def test_names_and_texts():
    one = fs.Aggregation("x", "decayed_sum(168h)", "30d")
    assert (one.function, one.name, one.needs_type) == ("decayed_sum(7d)", "x_decayed_sum_7d_30d", True)
    rows = fs.Aggregation("*", "decayed_count(1w)", fs.LIFETIME)
    assert (rows.name, rows.dtype, rows.empty) == ("decayed_count_7d_lifetime", fs.Float64, 0.0)
    assert fs.Aggregation.from_json(one.to_json()) == one


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("decayed_sum", r"expected decayed_sum\(7d\), found 'decayed_sum'"),
        ("decayed_sum(0d)", "must be longer than zero"),
        ("decayed_sum(7)", "'7' is not a duration"),
    ],
)
def test_half_lives_that_are_none(text: str, expected: str):
    with pytest.raises(DefinitionError, match=expected):
        fs.Aggregation("x", text, "1d")


def test_only_counts_take_rows():
    with pytest.raises(DefinitionError, match="needs the name of a column"):
        fs.Aggregation("*", "decayed_sum(7d)", "1d")
