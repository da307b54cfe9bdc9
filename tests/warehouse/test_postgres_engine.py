"""The engine in PostgreSQL: the engine suite, the law on generated cases, and what only it does."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, assume, given, settings

import featurestore as fs
from featurestore.definitions.source import InMemorySource
from featurestore.errors import RequestError, SourceError, SourceUnavailableError
from featurestore.testing.engine_suite.boundaries import BoundaryCases
from featurestore.testing.engine_suite.latest import LatestCases
from featurestore.testing.engine_suite.peers import PeerCases
from featurestore.testing.engine_suite.rules import RuleCases
from featurestore.testing.engine_suite.times import TimeCases
from featurestore.testing.engine_suite.values import ValueCases
from featurestore.testing.engine_suite.visible import VisibleCases
from featurestore.testing.judge import check_historical, check_latest, check_visible
from featurestore.testing.strategies import Case, cases
from featurestore_connectors.postgres import PostgresEngine
from tests.warehouse.aggregating import over_postgres
from tests.warehouse.loading import URL, as_postgres

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
plane = fs.Entity("plane", join_keys={"k": fs.Int64})


@pytest.mark.postgres
class TestPostgresEngine(
    BoundaryCases, PeerCases, RuleCases, ValueCases, TimeCases, LatestCases, VisibleCases
):
    @pytest.fixture
    def engine(self, shared_warehouse: str) -> Any:
        return over_postgres(shared_warehouse)


@pytest.mark.postgres
class TestPostgresEngineWithIndexes(BoundaryCases, RuleCases, ValueCases, TimeCases):
    @pytest.fixture
    def engine(self, shared_warehouse: str) -> Any:
        return over_postgres(shared_warehouse, indexed=True)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("indexed", [False, True], ids=["sorted", "looked up"])
@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
@given(case=cases())
def test_it_is_the_oracle(shared_warehouse: str, indexed: bool, case: Case):
    stored = as_postgres(case, shared_warehouse, indexed=indexed)
    assume(stored is not None)
    assert stored is not None
    check_historical(PostgresEngine(), stored)
    check_latest(PostgresEngine(), stored)
    check_visible(PostgresEngine(), stored)


MANY = (
    "SELECT g % 1000 AS k, '2024-05-01 00:00Z'::timestamptz + g * interval '1 second' AS at, g AS x "
    "FROM generate_series(1, 20000) g"
)


def view(**changes: Any) -> fs.FeatureView:
    fields: dict[str, Any] = {
        "source": fs.PostgresSource("rides", url=URL, query=MANY, event_timestamp="at"),
        "features": [fs.Feature("x", fs.Int32)], "entities": [fs.Entity("e", join_keys={"k": fs.Int32})],
    }  # fmt: skip
    return fs.FeatureView("v", **{**fields, **changes})


@pytest.fixture
def store(warehouse: str, tmp_path: Path) -> Iterator[fs.FeatureStore]:
    with fs.FeatureStore(
        registry=f"sqlite:///{tmp_path}/r.db", online="memory://", offline="postgres"
    ) as opened:
        yield opened


def test_the_stores_verbs_in_the_order_of_the_entity_rows(store: fs.FeatureStore):
    count = 30_000
    rows = pa.table(
        {"k": [n * 7 % 1500 for n in range(count)], "event_timestamp": [NOON] * count, "label": range(count)}
    )
    frame = store.get_historical_features(rows, [view()], engine="postgres").to_arrow()
    local = store.get_historical_features(rows, [view()], engine="duckdb").to_arrow()
    assert frame.equals(local)
    assert frame.column("label").to_pylist() == list(range(count))
    store.apply([view()])
    store.materialize(end=NOON)
    assert store.get_online_features("v", [{"k": 0}, {"k": 1500}]).to_dict()["x"] == [20000, None]
    store.materialize_incremental(end=NOON + HOUR)
    asked = store.get_historical_features("SELECT 5 AS k, '2024-05-01 12:00Z'::timestamptz AS event_timestamp, "
                                          "count(*) AS n FROM rides", ["v:x"])  # fmt: skip
    assert asked.to_arrow().to_pylist() == [{"k": 5, "event_timestamp": NOON, "n": 20000, "x": 19005}]


def test_what_it_does_is_explained(store: fs.FeatureStore):
    rows = pa.table({"k": [1], "event_timestamp": [NOON]})
    shown = store.get_historical_features(rows, [view(ttl=HOUR)]).explain()
    assert "-- View v: in PostgreSQL" in shown
    assert "FROM fs_entities AS e" in shown
    assert "generate_series(1, 20000)" in shown


def test_nothing_stays_behind_and_nothing_is_written(store: fs.FeatureStore, warehouse: str):
    with psycopg.connect(warehouse, autocommit=True) as connection:
        before = connection.execute("SELECT count(*) FROM pg_class").fetchone()
        connection.execute("CREATE SEQUENCE counted")
        rows = pa.table({"k": [1], "event_timestamp": [NOON]})
        writing = MANY.replace("g AS x", "nextval('counted')::int AS x")
        source = fs.PostgresSource("rides", url=URL, query=writing, event_timestamp="at")
        with pytest.raises(SourceError, match="read-only transaction"):
            store.get_historical_features(rows, [view(source=source)]).to_arrow()
        connection.execute("DROP SEQUENCE counted")
        assert connection.execute("SELECT count(*) FROM pg_class").fetchone() == before


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"sql": "SELECT *, x + 1 AS y FROM {source}"}, "transforms its rows"),
        ({"features": [fs.Aggregation("x", "approx_count_distinct", window=HOUR)]}, "a summary that SQL does not make"),
        ({"features": [fs.Aggregation("x", "sum", window=HOUR, by="k", keys=2)]}, "a map"),
        ({"features": [fs.Aggregation("x", "sum", window=HOUR, where="abs(x) > 1")]}, "the condition 'abs"),
        ({"source": InMemorySource("m", data=pa.table({"k": pa.array([1], pa.int32()), "x": pa.array([1], pa.int32()),
                                                       "at": [NOON]}), event_timestamp="at")},
         "reads a source of kind 'memory'"),
    ],
)  # fmt: skip
def test_what_it_cannot_do_is_refused_with_a_way_out(
    store: fs.FeatureStore, changes: dict[str, Any], what: str
):
    rows = pa.table({"k": [1], "event_timestamp": [NOON]})
    with pytest.raises(RequestError, match=what) as caught:
        store.get_historical_features(rows, [view(**changes)]).to_arrow()
    assert "engine='duckdb'" in str(caught.value)
    assert store.get_historical_features(rows, [view(**changes)], engine="duckdb").to_arrow().num_rows == 1


@pytest.mark.parametrize("features", [[fs.Feature("z", fs.Int32)], [fs.Feature("x", fs.Int16)]])
def test_columns_are_checked(store: fs.FeatureStore, features: list[fs.Feature]):
    rows = pa.table({"k": [1], "event_timestamp": [NOON]})
    with pytest.raises(
        SourceError, match=r"no column 'z'; it has: k, at, x|is int32, which does not convert to int16"
    ):
        store.get_historical_features(rows, [view(features=features)]).to_arrow()


def test_columns_under_other_names_and_bad_times(store: fs.FeatureStore):
    renamed = fs.PostgresSource(
        "rides", url=URL, query=MANY, event_timestamp="moment", mapping={"moment": "at", "n": "x"}
    )
    rows = pa.table({"k": [1, 1], "event_timestamp": [NOON, None]})
    frame = store.get_historical_features(rows, [view(source=renamed, features=[fs.Feature("n", fs.Int32)])])
    assert frame.to_arrow().column("n").to_pylist() == [19001, None]
    infinite = fs.PostgresSource("rides", url=URL, query="SELECT 1 AS k, '-infinity'::timestamptz AS at, 2 AS x",
                                 event_timestamp="at")  # fmt: skip
    with pytest.raises(SourceError, match="-infinity is out of range"):
        store.get_historical_features(rows, [view(source=infinite)]).to_arrow()


def asked_rows() -> pa.Table:
    return pa.table({"k": pa.array(range(1000), pa.int32()), "event_timestamp": [NOON] * 1000})


def test_a_user_without_the_right_to_temporary_tables(store: fs.FeatureStore, warehouse: str, monkeypatch):
    database = urlsplit(warehouse).path.lstrip("/")
    with psycopg.connect(warehouse, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS reader")
        connection.execute("CREATE ROLE reader LOGIN PASSWORD 'reading'")
        connection.execute(f"REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC".encode())
    parts = urlsplit(warehouse)
    monkeypatch.setenv(
        "WAREHOUSE_URL", f"postgresql://reader:reading@{parts.hostname}:{parts.port}{parts.path}"
    )
    with pytest.raises(SourceError, match="permission denied to create temporary tables") as caught:
        store.get_historical_features(asked_rows(), [view()]).to_arrow()
    assert "TEMPORARY" in str(caught.value)
    assert store.get_historical_features(asked_rows(), [view()], engine="duckdb").to_arrow().num_rows == 1000


def test_a_connection_that_is_cut_leaves_no_frame(store: fs.FeatureStore, tmp_path: Path):
    # Whoever reads the last row ends his own connection.
    cut = MANY.replace(
        "g AS x", "CASE WHEN g = 20000 THEN pg_terminate_backend(pg_backend_pid())::int ELSE g END AS x"
    )
    source = fs.PostgresSource("rides", url=URL, query=cut, event_timestamp="at")
    frame = store.get_historical_features(asked_rows(), [view(source=source)])
    with pytest.raises(SourceUnavailableError, match="went away"):
        frame.to_parquet(tmp_path / "frame.parquet")
    assert list(tmp_path.glob("frame*")) == []


def test_ctrl_c_stops_the_join_on_the_server(store: fs.FeatureStore, warehouse: str):
    slow = MANY.replace("g AS x", "CASE WHEN pg_sleep(0.01) IS NULL THEN 0 ELSE g END AS x")
    source = fs.PostgresSource("rides", url=URL, query=slow, event_timestamp="at")
    threading.Timer(1.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        store.get_historical_features(asked_rows(), [view(source=source)]).to_arrow()
    with psycopg.connect(warehouse, autocommit=True) as connection:
        for _ in range(50):
            running = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND pid <> pg_backend_pid() "
                "AND datname = current_database() AND state = 'active'"
            ).fetchone()
            if running == (0,):
                return
            time.sleep(0.1)
    pytest.fail("the query runs on")
