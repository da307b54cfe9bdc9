"""Aggregations in PostgreSQL: rule 5 to the letter, everything at once, and the law on generated cases."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, assume, given, settings

import featurestore as fs
from featurestore.errors import RequestError, SourceError
from featurestore.testing.compare import exact
from featurestore.testing.judge import check_historical, check_latest, check_visible
from featurestore.testing.plans import entity_table, plan_view, run_historical
from featurestore.testing.strategies import Case, window_cases
from featurestore_connectors.postgres import PostgresEngine
from tests.engines.available import make_engine
from tests.law import test_window_rules, test_windows_dense
from tests.warehouse.aggregating import Over, over_postgres, without_refused
from tests.warehouse.loading import URL, as_postgres

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(600)]

# What both local engines and the oracle have to do is asked of this one too.
globals().update(
    {
        name: test
        for name, test in vars(test_window_rules).items()
        if name.startswith("test_") and name != "test_a_sum_that_does_not_fit_names_the_entity"
    }
)


@pytest.fixture(scope="module")
def engine(shared_warehouse: str) -> Over:
    return over_postgres(shared_warehouse)


@pytest.fixture(scope="module")
def compute(engine: Over) -> Any:
    def rows_of(view: fs.FeatureView, entities: Sequence[Any], **options: Any) -> list[list[Any]]:
        plan = plan_view(view, **options)
        found = run_historical(engine, [plan], entity_table([plan], entities))
        return [list(row.values()) for row in found.to_pylist()]

    return rows_of


@pytest.fixture
def possible(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of everything at once what PostgreSQL has."""
    every = test_windows_dense.aggregations

    def kept(aggregation: fs.Aggregation) -> bool:
        return aggregation.by is None and not aggregation.function.startswith("approx_")

    monkeypatch.setattr(test_windows_dense, "aggregations", lambda chance: list(filter(kept, every(chance))))


@pytest.mark.usefixtures("possible")
@pytest.mark.parametrize("seed", range(18))
def test_everything_at_once(engine: Over, seed: int):
    test_windows_dense.test_everything_at_once(engine, seed)


@pytest.mark.parametrize("seed", range(3))
def test_long_windows(engine: Over, seed: int):
    test_windows_dense.test_long_windows(engine, seed)


@pytest.mark.slow
@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
@given(case=window_cases())
def test_it_is_the_oracle(shared_warehouse: str, case: Case):
    stored = as_postgres(case, shared_warehouse)
    asked = None if stored is None else without_refused(PostgresEngine(), stored)
    assume(asked is not None)
    assert asked is not None
    check_historical(PostgresEngine(), asked)
    check_latest(PostgresEngine(), asked)
    check_visible(PostgresEngine(), asked)


_NUMBERS = itertools.count()
INFINITE = "'-infinity'::timestamptz", "'infinity'::timestamptz"
X = "x double precision, i bigint, n numeric, u text, seen timestamptz, r real"
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def stored(*rows: str, columns: str = X, **roles: Any) -> fs.PostgresSource:
    """A table of rows in one hour, the first one at noon."""
    name = f"events_{next(_NUMBERS)}"
    with psycopg.connect(os.environ["WAREHOUSE_URL"], autocommit=True) as connection:
        connection.execute(f"CREATE TABLE {name} (k int, at timestamptz, {columns})".encode())
        for minute, row in enumerate(rows):
            moment = NOON + timedelta(minutes=minute)
            connection.execute(f"INSERT INTO {name} VALUES (1, '{moment}', {row})".encode())
    return fs.PostgresSource("s", url=URL, table=name, event_timestamp="at", **roles)


def view_of(source: fs.Source, *features: fs.Aggregation, **fields: Any) -> fs.FeatureView:
    entity = fs.Entity("e", join_keys={"k": fs.Int32})
    return fs.FeatureView("v", **{"entities": [entity], "source": source, "features": features, **fields})


def both(
    source: fs.Source,
    *features: fs.Aggregation,
    times: Sequence[datetime] = (NOON + DAY / 2,),
    **fields: Any,
) -> list[Any]:
    """What PostgreSQL and DuckDB make of the same rows."""
    plan = plan_view(view_of(source, *features, **fields))
    asked = entity_table([plan], [{"k": 1, "event_timestamp": time} for time in times])
    engines = (PostgresEngine(), make_engine("duckdb"))
    return [run_historical(engine, [plan], asked).to_pylist() for engine in engines]


def each_of(column: str, *functions: str, **arguments: Any) -> list[fs.Aggregation]:
    return [
        fs.Aggregation(column, f, "1d", name=f"{column}{i}", **arguments) for i, f in enumerate(functions)
    ]


FLOATS = [
    "1.7e308",
    "1.7e308",
    "-1.7e308",
    "-1.6e308",
    "5e-324",
    "-0.0",
    "1e-310",
    "'Infinity'",
    "'NaN'",
    "0.1",
]


@pytest.mark.parametrize("begin", range(len(FLOATS)))
@pytest.mark.parametrize("count", [1, 2, 4])
def test_floats_at_their_ends(shared_warehouse: str, begin: int, count: int):
    """Neither an overflow nor an underflow, which PostgreSQL's own functions make errors of."""
    source = stored(*(f"{x}, 0, 0, '', NULL, 0" for x in FLOATS[begin : begin + count]))
    functions = (
        "sum",
        "min",
        "max",
        "median",
        "percentile(0.25)",
        "count_distinct",
        "decayed_sum(1m)",
        "first",
    )
    ours, theirs = both(source, *each_of("x", *functions))
    [found], [wanted] = ours, theirs
    for name in found:
        if name in ("x0", "x6"):  # sums; here they may overflow on the way
            assert math.isinf(wanted[name]) or found[name] == pytest.approx(
                wanted[name], rel=1e-12, nan_ok=True
            )
        else:
            assert exact(found[name]) == exact(wanted[name]), name


def test_sums_of_millions_do_not_drift(shared_warehouse: str):
    query = (
        "SELECT 1 AS k, '2024-05-01 00:00Z'::timestamptz + g * interval '10 ms' AS at, 0.1::float8 AS x "
        "FROM generate_series(1, 1000000) g"
    )
    source = fs.PostgresSource("s", url=URL, query=query, event_timestamp="at")
    [found], _ = both(
        source, fs.Aggregation("x", "sum", "1d", name="x"), fs.Aggregation("x", "mean", "1d", name="m")
    )
    assert found["x"] == pytest.approx(1e5, rel=1e-12)
    assert found["m"] == pytest.approx(0.1, rel=1e-12)


def test_a_sum_that_does_not_fit_names_the_entity(shared_warehouse: str):
    source = stored(f"0, {2**63 - 1}, 0, '', NULL, 0", "0, 1, 0, '', NULL, 0")
    total = fs.Aggregation("i", "sum", "1d", name="total")
    with pytest.raises(
        SourceError,
        match=r"^View 'v': the sum 'total' of entity k=1 does not fit into 64 bits: 9223372036854775808",
    ):
        both(source, total)
    with pytest.raises(
        SourceError, match="the sum 'total' of entity the one row of all does not fit into 64 bits"
    ):
        both(source, total, entities=[])
    assert both(source, fs.Aggregation("i", "mean", "1d", name="m")) == [[{"m": float(2**62)}]] * 2
    assert both(source, total, entities=[], times=[NOON]) == [[{"total": 2**63 - 1}]] * 2


def test_windows_beyond_the_calendar(shared_warehouse: str):
    source = stored("1, 1, 1, 'a', NULL, 1", "2, 2, 2, 'b', NULL, 2")
    longest = timedelta(days=99_999_999)
    features = [
        fs.Aggregation("i", "sum", longest, name="long"),
        fs.Aggregation("i", "sum", DAY, name="away", offset=longest),
        fs.Aggregation("i", "sum", fs.LIFETIME, name="ever", offset=DAY),
    ]
    times = [datetime(1, 1, 1, tzinfo=UTC), NOON, NOON + DAY, datetime(9999, 12, 31, tzinfo=UTC)]
    ours, theirs = both(source, *features, times=times)
    assert ours == theirs
    assert [row["long"] for row in ours] == [0, 1, 3, 3]


def test_rows_that_are_available_always_or_never(shared_warehouse: str):
    source = stored(
        *(f"1, 1, 1, '', {seen}, 1" for seen in (*INFINITE, "NULL", f"'{NOON}'")), available_at="seen"
    )
    plan = plan_view(view_of(source, *each_of("i", "sum")))
    asked = entity_table([plan], [{"k": 1, "event_timestamp": NOON + DAY / 2}])
    assert run_historical(PostgresEngine(), [plan], asked).to_pylist() == [{"i0": 2}]


def test_numbers_without_a_precision_are_checked(shared_warehouse: str):
    fits = stored("1, 1, 5, '', NULL, 1", "1, 1, -7, '', NULL, 1")
    features = each_of("n", "sum", "max", "median", "count_distinct", input_type=fs.Int8)
    ours, theirs = both(fits, *features)
    assert ours == theirs == [{"n0": -2, "n1": 5, "n2": -1.0, "n3": 2}]
    for bad in ("1.5", "128", "'NaN'"):
        with pytest.raises(SourceError, match="is not an int8"):
            both(stored(f"1, 1, {bad}, '', NULL, 1"), *features)


CONDITIONS = [
    "x > 0", "x >= 0.5 AND i <> 2", "NOT (i = 1 OR x < -1)", "u = 'a'", "u <> 'a'", "u IN ('a', 'it''s')",
    "u NOT IN ('a')", "i BETWEEN 1 AND 2", "i NOT BETWEEN -3 AND 1", "u IS NULL", "x IS NOT NULL", "I IN (1, -5)",
    '"i" = -5', "r > 0", "r = 16777216", "i > 900719925474099",
]  # fmt: skip


def test_conditions_mean_what_they_mean_here(shared_warehouse: str):
    rows = ("1, 1, 1, 'a', NULL, 16777216", "-0.0, 2, 1, 'A', NULL, 0", "'NaN', 9007199254740993, 1, NULL, NULL, 'NaN'",
            "NULL, -5, 1, 'it''s', NULL, NULL", "-2.5, NULL, 1, ' a', NULL, 0.1")  # fmt: skip
    features = [
        fs.Aggregation("*", "count", "1d", name=f"c{i}", where=where) for i, where in enumerate(CONDITIONS)
    ]
    ours, theirs = both(stored(*rows), *features)
    assert ours == theirs
    assert len(set(ours[0].values())) > 3


@pytest.mark.parametrize(
    "where",
    [
        "u > 'a'",
        "x + 1 > 2",
        "abs(x) > 1",
        "i = x",
        "u LIKE 'a%'",
        "x > 1e3",
        "CASE WHEN x > 1 THEN true END",
        "i IN (NULL, 1)",
    ],
)
def test_other_conditions_are_refused(shared_warehouse: str, where: str):
    source = stored("1, 1, 1, 'a', NULL, 1")
    with pytest.raises(RequestError, match="of which it is not certain that it means the same there"):
        both(source, fs.Aggregation("*", "count", "1d", where=where))


@pytest.mark.parametrize("where", ["i = '1'", "u = 1", "n > 0", "r > 0.5", "u"])
def test_so_are_comparisons_of_different_types(shared_warehouse: str, where: str):
    source = stored("1, 1, 1, 'a', NULL, 1")
    with pytest.raises(RequestError, match="which databases do each in its own way"):
        both(source, fs.Aggregation("*", "count", "1d", where=where))


def test_the_stores_verbs(shared_warehouse: str, tmp_path: Path):
    source = stored("1, 1, 1, 'a', NULL, 1", "2, 2, 2, 'b', NULL, 2", "3, 3, 3, 'a', NULL, 3")
    features = [
        fs.Aggregation("i", "sum", "1h", name="total"),
        fs.Aggregation("u", "top_k(2)", "1h", name="most"),
    ]
    view = view_of(source, *features, online=True)
    with fs.FeatureStore(
        registry=f"sqlite:///{tmp_path}/r.db", online="memory://", offline="postgres"
    ) as store:
        store.apply([view])
        # Nothing new comes in the last hour; rows leave the window.
        for minutes, total, most in ((0, 1, ["a"]), (2, 6, ["a", "b"]), (61, 3, ["a"])):
            end = NOON + timedelta(minutes=minutes)
            store.materialize_incremental(end=end)
            online = store.get_online_features("v", [{"k": 1}], now=end)
            assert online.to_dicts() == [{"k": 1, "total": total, "most": most}]
        rows = pa.table(
            {"k": pa.array([1, 2, None], pa.int32()), "event_timestamp": [NOON + timedelta(minutes=1)] * 3}
        )
        frame = store.get_historical_features(rows, ["v"])
        assert frame.to_arrow().column("total").to_pylist() == [3, 0, 0]
        shown = frame.explain()
        assert "-- View v: in PostgreSQL" in shown
        assert "array_agg(r.v" in shown
        assert "FROM points AS p JOIN found AS r" in shown
