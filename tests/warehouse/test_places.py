"""Where a request is carried out: in the database if that is better, and each part where it is if they are several."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import featurestore as fs
from featurestore.definitions.database import DatabaseSource
from tests.warehouse import loading, snowflake_loading

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ROWS = 120_000
courier = fs.Entity("courier", join_keys={"k": fs.Int64})


def rides_of_postgres(url: str) -> fs.PostgresSource:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE rides AS SELECT (g % 1000)::int8 AS k, g::int8 AS x, "
            f"'2024-04-01 00:00Z'::timestamptz + g * interval '20 seconds' AS at FROM generate_series(0, {ROWS - 1}) g"
        )
        connection.execute("CREATE INDEX rides_of_a_courier ON rides (k, at)")
        connection.execute("ANALYZE rides")
    return fs.PostgresSource("rides", url=loading.URL, table="rides", event_timestamp="at")


def rides_of_snowflake() -> fs.SnowflakeSource:
    snowflake_loading.run(
        "CREATE OR REPLACE TABLE rides AS SELECT MOD(n, 1000) AS k, n AS x, "
        "DATEADD(SECOND, n * 20, '2024-04-01'::TIMESTAMP_NTZ) AS \"AT\" "
        f"FROM (SELECT seq4() AS n FROM TABLE(GENERATOR(ROWCOUNT => {ROWS})))"
    )
    return fs.SnowflakeSource("rides", url=snowflake_loading.URL, table="rides", event_timestamp="at")


@pytest.fixture(params=["postgres", "snowflake"])
def rides(request: pytest.FixtureRequest) -> DatabaseSource:
    if request.param == "postgres":
        return rides_of_postgres(request.getfixturevalue("warehouse"))
    request.getfixturevalue("snowflake_url")
    return rides_of_snowflake()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[fs.FeatureStore]:
    with fs.FeatureStore(registry=f"sqlite:///{tmp_path}/r.db", online="memory://") as opened:
        yield opened


def view(source: fs.Source, **changes: Any) -> fs.FeatureView:
    fields: dict[str, Any] = {"features": [fs.Feature("x", fs.Int64)], **changes}
    return fs.FeatureView("load", entities=[courier], source=source, **fields)


def asked(count: int = 4) -> pa.Table:
    return pa.table(
        {
            "k": [n % 1001 for n in range(count)],
            "event_timestamp": [NOON - HOUR * (n % 5) for n in range(count)],
        }
    )


def test_a_request_runs_where_its_rows_are_if_they_are_many(store: fs.FeatureStore, rides: DatabaseSource):
    frame = store.get_historical_features(asked(), [view(rides)])
    shown = frame.explain()
    assert f"on engine {rides.kind}: 4 entity rows" in shown
    assert f"database, where about {ROWS:,} rows can stay" in shown
    assert "FROM fs_entities AS e" in shown
    assert frame.to_arrow().equals(
        store.get_historical_features(asked(), [view(rides)], engine="duckdb").to_arrow()
    )
    latest = store.get_latest_features([view(rides)], at=NOON).to_arrow()
    assert latest.num_rows == 1000


def test_so_do_windows_of_few_entity_rows(store: fs.FeatureStore, rides: DatabaseSource):
    functions = ("count", "sum", "mean", "stddev", "median", "last", "count_distinct")
    features = [fs.Aggregation("x", f, "3d", name=f, where="x > 100000") for f in functions]
    loads = view(rides, features=features, schedule=fs.Schedule(HOUR))
    frame = store.get_historical_features(asked(50), [loads])
    assert f"on engine {rides.kind}: 50 entity rows" in frame.explain()
    here = store.get_historical_features(asked(50), [loads], engine="duckdb").to_arrow()
    found = frame.to_arrow()
    assert found.schema == here.schema
    for name in found.schema.names:
        if name in ("stddev", "mean"):
            assert found.column(name).to_pylist() == pytest.approx(here.column(name).to_pylist(), rel=1e-12)
        else:
            assert found.column(name).equals(here.column(name))


@pytest.mark.parametrize(
    ("change", "count", "reason"),
    [
        (
            {"features": [fs.Aggregation("x", "max", window=HOUR, name="x", by="k", keys=2)]},
            4,
            "view 'load' has the aggregation 'x', a map",
        ),
        (
            {"features": [fs.Aggregation("x", "max", window=HOUR, name="x", where="x / 2 > 1")]},
            4,
            "view 'load' has the condition 'x / 2 > 1'",
        ),
        (
            {"features": [fs.Aggregation("x", "max", window=HOUR, name="x", where="x = 'a'")]},
            4,
            "the condition \"x = 'a'\" compares the column 'x' (int64)",
        ),
        (
            {"features": [fs.Aggregation("x", "max", window=HOUR, name="x")]},
            ROWS // 1000 + 1,
            f"windows of so many entity rows over about {ROWS:,} rows are computed quickly",
        ),
        ({"sql": "SELECT k, x, at FROM {source}"}, 4, "view 'load' transforms its rows"),
        ({}, ROWS + 1, "there are more entity rows than the sources' rows, about 120,000"),
    ],
)
def test_else_it_runs_here_and_says_why(
    store: fs.FeatureStore, rides: DatabaseSource, change: dict[str, Any], count: int, reason: str
):
    shown = store.get_historical_features(asked(count), [view(rides, **change)]).explain()
    assert "on engine duckdb" in shown
    assert f"not {rides.kind}: {reason}" in shown


def test_rows_without_an_index_and_many_entity_rows_are_read_from_postgres(
    store: fs.FeatureStore, warehouse: str
):
    rides = rides_of_postgres(warehouse)

    def shown(count: int, **changes: Any) -> str:
        return store.get_historical_features(asked(count), [view(rides, **changes)]).explain()

    assert "on engine postgres" in shown(ROWS // 10)
    assert "JOIN LATERAL" in shown(4)
    many = shown(ROWS // 10 + 1)
    assert "not postgres: 12,001 entity rows take longer to look up than about 120,000 rows to read" in many
    with psycopg.connect(warehouse, autocommit=True) as connection:
        connection.execute("DROP INDEX rides_of_a_courier")
        connection.execute("CREATE INDEX ON rides (at, k)")
        connection.execute("CREATE INDEX ON rides (k, at) WHERE x > 5")
        assert (
            "not postgres: no index on join keys and event timestamp leads to the rows of view 'load'"
            in shown(4)
        )
        connection.execute("CREATE INDEX ON rides (k, at, x)")
    assert "on engine postgres" in shown(4)


def test_windows_need_no_index_but_features_beside_them_do(store: fs.FeatureStore, warehouse: str):
    rides = rides_of_postgres(warehouse)
    most = view(rides, features=[fs.Aggregation("x", "max", HOUR, name="most")]).model_copy(
        update={"name": "most"}
    )
    plain = view(rides)
    shown = store.get_historical_features(asked(), [most, plain]).explain()
    assert "on engine postgres" in shown
    assert shown.count("JOIN LATERAL") == 2  # those of the features
    with psycopg.connect(warehouse, autocommit=True) as connection:
        connection.execute("DROP INDEX rides_of_a_courier")
    assert "on engine postgres" in store.get_historical_features(asked(), [most]).explain()
    beside = store.get_historical_features(asked(), [most, plain])
    assert "not postgres: no index on join keys and event timestamp leads to the rows of view 'load'" in (
        beside.explain()
    )
    there = store.get_historical_features(asked(), [most, plain], engine="postgres")
    assert there.to_arrow().equals(beside.to_arrow())


def test_few_rows_are_read(store: fs.FeatureStore, rides: DatabaseSource):
    name = "few" if rides.kind == "snowflake" else "public.few"
    made = f"CREATE TABLE {name} AS SELECT * FROM rides ORDER BY x LIMIT 100"
    if rides.kind == "snowflake":
        snowflake_loading.run(made.replace("CREATE", "CREATE OR REPLACE"))
    else:
        with psycopg.connect(os.environ["WAREHOUSE_URL"], autocommit=True) as connection:
            connection.execute(made.encode())
            connection.execute("ANALYZE few")
    few = rides.model_copy(update={"table": name})
    shown = store.get_historical_features(asked(), [view(few)]).explain()
    assert f"not {rides.kind}: the sources have about 100 rows, which are read quickly" in shown


def test_a_user_without_temporary_tables_is_served_here(store: fs.FeatureStore, warehouse: str):
    source = rides_of_postgres(warehouse)
    database = warehouse.rpartition("/")[2]
    with psycopg.connect(warehouse, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS only_reading")
        connection.execute("CREATE ROLE only_reading LOGIN PASSWORD 'p'")
        connection.execute("GRANT SELECT ON rides TO only_reading")
        connection.execute(f"REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC".encode())
    reading = source.model_copy(update={"url": f"postgresql://only_reading:p@{warehouse.partition('@')[2]}"})
    frame = store.get_historical_features(asked(), [view(reading)])
    assert "not postgres: temporary tables cannot be made there" in frame.explain()
    assert frame.to_arrow().num_rows == 4


@pytest.mark.parametrize("engine", [None, "duckdb", "polars"])
def test_a_warehouse_and_a_file_in_one_frame(
    store: fs.FeatureStore, rides: DatabaseSource, tmp_path: Path, engine: str | None
):
    rain = pa.table({"k": pa.array([0, 1, 2]), "at": [NOON - HOUR] * 3, "rain": [0.5, None, 1.5]})
    pq.write_table(rain, tmp_path / "rain.parquet")
    files = fs.ParquetSource("rain", path=str(tmp_path / "rain.parquet"), event_timestamp="at")
    weather = fs.FeatureView(
        "weather", entities=[courier], source=files, features=[fs.Feature("rain", fs.Float64)]
    )
    rows = pa.table({"k": [0, 1, None, 2000], "event_timestamp": [NOON] * 4})
    frame = store.get_historical_features(rows, [view(rides), weather], engine=engine).to_arrow()
    # Ride x is at the (20 x)-th second of April; noon of May 1 is second 2,635,200.
    assert frame.column("x").to_pylist() == [119_000, 119_001, None, None]
    assert frame.column("rain").to_pylist() == [0.5, None, None, None]
