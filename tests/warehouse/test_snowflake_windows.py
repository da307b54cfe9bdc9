"""Aggregations in Snowflake: rule 5 to the letter, everything at once, and the law on generated cases."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings

import featurestore as fs
from featurestore.definitions.types import List
from featurestore.errors import RequestError, SourceError
from featurestore.testing.judge import check_historical, check_latest, check_visible
from featurestore.testing.plans import entity_table, plan_view, run_historical
from featurestore.testing.strategies import Case, window_cases
from featurestore_connectors.snowflake import SnowflakeEngine
from tests.law import test_window_rules, test_windows_dense
from tests.warehouse.aggregating import Over, over_snowflake, without_refused
from tests.warehouse.snowflake_loading import as_snowflake, rows_of_query

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
pytestmark = [pytest.mark.snowflake, pytest.mark.timeout(600)]

# What both local engines and the oracle have to do is asked of this one too.
globals().update(
    {
        name: test
        for name, test in vars(test_window_rules).items()
        if name.startswith("test_") and name != "test_a_sum_that_does_not_fit_names_the_entity"
    }
)


def possible(aggregation: fs.Aggregation) -> bool:
    """Whether Snowflake has an aggregation."""
    refused = ("approx_", "mode")
    has_type = aggregation.input_type != fs.Float32
    return (
        has_type
        and not isinstance(aggregation.dtype, List | fs.Map)
        and not aggregation.function.startswith(refused)
    )


@pytest.fixture(scope="module")
def engine(snowflake_server_url: str) -> Over:
    return over_snowflake()


@pytest.fixture
def compute(engine: Over, snowflake_url: str) -> Any:
    def rows_of(view: fs.FeatureView, entities: Sequence[Any], **options: Any) -> list[list[Any]]:
        plan = plan_view(view, **options)
        found = run_historical(engine, [plan], entity_table([plan], entities))
        return [list(row.values()) for row in found.to_pylist()]

    return rows_of


@pytest.fixture
def dense(monkeypatch: pytest.MonkeyPatch, snowflake_url: str) -> None:
    """Of everything at once what Snowflake has."""
    every = test_windows_dense.aggregations
    monkeypatch.setattr(
        test_windows_dense, "aggregations", lambda chance: list(filter(possible, every(chance)))
    )


@pytest.mark.usefixtures("dense")
@pytest.mark.parametrize("seed", range(12))
def test_everything_at_once(engine: Over, seed: int):
    test_windows_dense.test_everything_at_once(engine, seed)


@pytest.mark.parametrize("seed", range(2))
def test_long_windows(engine: Over, snowflake_url: str, seed: int):
    test_windows_dense.test_long_windows(engine, seed)


@pytest.mark.slow
@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
@given(case=window_cases())
def test_it_is_the_oracle(snowflake_url: str, case: Case):
    stored = as_snowflake(case)
    asked = None if stored is None else without_refused(SnowflakeEngine(), stored)
    assume(asked is not None)
    assert asked is not None
    check_historical(SnowflakeEngine(), asked)
    check_latest(SnowflakeEngine(), asked)
    check_visible(SnowflakeEngine(), asked)


def computed(source: fs.Source, *features: fs.Aggregation, **fields: Any) -> list[dict[str, Any]]:
    """Values a day after noon."""
    card = fs.Entity("card", join_keys={"k": fs.Int64})
    view = fs.FeatureView("v", **{"entities": [card], "source": source, "features": features, **fields})
    plan = plan_view(view)
    asked = entity_table([plan], [{"k": 1, "event_timestamp": NOON + timedelta(days=1)}])
    rows: list[dict[str, Any]] = run_historical(SnowflakeEngine(), [plan], asked).to_pylist()
    return rows


def integers(*values: int) -> fs.SnowflakeSource:
    listed = ", ".join(f"(1, {value})" for value in values)
    query = f"SELECT k, x, '2024-05-01 12:00:00'::TIMESTAMP_NTZ AS at FROM (VALUES {listed}) AS v(k, x)"
    return rows_of_query(query)


INTEGERS = [
    (2**63 - 1, 2**63 - 1, -(2**63)),
    (2**63 - 1,),
    (-(2**63), -(2**63)),
    (2**53 + 1, 2**53 + 3, 2**53 + 2),
    (-(2**53) - 1, -(2**53) - 3),
    (2**62, 2**61 + 1, 5, 7, 11),
    (*[2**50 + 1] * 15, 2),
    (2**60 + 1, 2**60 + 10**6, -3),
]


@pytest.mark.parametrize("values", INTEGERS)
def test_means_of_integers_divide_once(snowflake_url: str, values: tuple[int, ...]):
    [found] = computed(
        integers(*values), fs.Aggregation("x", "mean", fs.LIFETIME, input_type=fs.Int64, name="m")
    )
    assert found["m"] == sum(values) / len(values)


def test_a_sum_that_does_not_fit_names_the_entity(snowflake_url: str):
    total = fs.Aggregation("x", "sum", fs.LIFETIME, input_type=fs.Int64, name="total")
    with pytest.raises(
        SourceError,
        match=r"^View 'v': the sum 'total' of entity k=1 does not fit into 64 bits: 9223372036854775808",
    ):
        computed(integers(2**63 - 1, 1), total)
    with pytest.raises(
        SourceError, match="the sum 'total' of entity the one row of all does not fit into 64 bits"
    ):
        computed(integers(2**63 - 1, 1), total, entities=[])
    assert computed(integers(2**63 - 1, 0), total, entities=[]) == [{"total": 2**63 - 1}]


def test_integers_of_38_digits_are_checked(snowflake_url: str):
    least = fs.Aggregation("x", "min", fs.LIFETIME, input_type=fs.Int8, name="least")
    assert computed(integers(127, -128), least) == [{"least": -128}]
    with pytest.raises(SourceError, match="128 is not an int8"):
        computed(integers(128), least)


def test_sums_of_many_do_not_drift(snowflake_url: str):
    query = (
        "SELECT 1 AS k, DATEADD(SECOND, seq4() % 7, '2024-05-01 12:00:00'::TIMESTAMP_NTZ) AS at, 0.1::FLOAT AS x "
        "FROM TABLE(GENERATOR(ROWCOUNT => 300000))"
    )
    functions = ("sum", "mean", "var")
    [found] = computed(
        rows_of_query(query),
        *(fs.Aggregation("x", f, fs.LIFETIME, input_type=fs.Float64, name=f) for f in functions),
    )
    assert found["sum"] == pytest.approx(30_000, rel=1e-12)
    assert found["mean"] == pytest.approx(0.1, rel=1e-12)
    assert found["var"] < 1e-30


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        ("last_n(3)", "a list, whose items Snowflake turns into JSON"),
        ("approx_count_distinct", "a summary that SQL does not make"),
    ],
)
def test_what_it_has_not_is_refused(snowflake_url: str, function: str, reason: str):
    with pytest.raises(RequestError, match=reason):
        computed(integers(1), fs.Aggregation("x", function, fs.LIFETIME, input_type=fs.Int64))


def lists(*rows: str, **roles: Any) -> fs.SnowflakeSource:
    """Rows of one event at noon; each is the JSON of a list, or NULL."""
    values = ", ".join(f"(1, 'e', {row})" for row in rows)
    query = (
        "SELECT k, id, PARSE_JSON(x)::ARRAY AS x, '2024-05-01 12:00:00'::TIMESTAMP_NTZ AS at "
        f"FROM (VALUES {values}) AS v(k, id, x)"
    )
    return rows_of_query(query, **roles)


def test_lists_are_counted_where_no_order_of_them_matters(snowflake_url: str):
    given = fs.Aggregation("x", "count", fs.LIFETIME, input_type=fs.List(fs.Int64), name="given")
    assert computed(lists("'[1]'", "'[2]'", "NULL"), given) == [{"given": 2}]
    with pytest.raises(RequestError, match=r"has features of type list<int64>"):
        computed(lists("'[1]'", "NULL", event_id="id"), given)
