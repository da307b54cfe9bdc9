"""The store's verbs over Snowflake, and what is read of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import featurestore as fs
from featurestore.definitions.source import InMemorySource
from featurestore.errors import ConfigurationError, DefinitionError, RequestError, SourceError
from featurestore.protocols.sources import ChangedEntities, WantedRows
from featurestore_connectors.snowflake import SnowflakeReader
from featurestore_connectors.snowflake.url import driver_arguments
from tests.warehouse.snowflake_loading import URL, rows_of_query, run, session

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
plane = fs.Entity("plane", join_keys={"tailnum": fs.String})


@pytest.fixture(params=["duckdb", "polars", "snowflake"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[fs.FeatureStore]:
    with fs.FeatureStore(
        registry=f"sqlite:///{tmp_path}/r.db", online="memory://", offline=request.param
    ) as opened:
        yield opened


@pytest.fixture
def arrivals(snowflake_url: str) -> None:
    run(
        "CREATE OR REPLACE TABLE arrivals (tail VARCHAR(8), arrived_at TIMESTAMP_NTZ, loaded_at TIMESTAMP_TZ, "
        "delay FLOAT, gates INTEGER, raw VARIANT)",
        "INSERT INTO arrivals SELECT column1, column2, column3, column4, column5, PARSE_JSON(column6) FROM VALUES "
        "('N1', '2024-05-01 08:00', '2024-05-01 12:00+00:00', 5, 1, '{\"gate\": \"B4\"}'), "
        "('N1', '2024-05-01 12:00', '2024-05-01 12:00+00:00', 7, 2, '{}'), "
        "('N2', '2024-05-01 11:00', '2024-05-01 11:00+00:00', NULL, 3, NULL)",
    )


def view(**changes: Any) -> fs.FeatureView:
    # The table is of New York: 08:00 there is noon in UTC.
    source = fs.SnowflakeSource(
        "arrivals", url=URL, table="arrivals", event_timestamp="arrived_at", created_timestamp="loaded_at",
        timezone="America/New_York", mapping={"tailnum": "tail"},
    )  # fmt: skip
    fields: dict[str, Any] = {
        "entities": [plane], "source": source,
        "features": [fs.Feature("delay", fs.Float64), fs.Feature("gates", fs.Int32), fs.Feature("raw", fs.String)],
    }  # fmt: skip
    return fs.FeatureView("punctuality", **{**fields, **changes})


def online(store: fs.FeatureStore, *tails: str) -> list[Any]:
    return store.get_online_features("punctuality", [{"tailnum": tail} for tail in tails]).to_dict()["delay"]


def test_a_training_frame_of_local_times(store: fs.FeatureStore, arrivals: None) -> None:
    rows = pa.table({
        "tailnum": ["N1", "N1", "N2", "XX", None],
        "event_timestamp": [NOON, NOON - HOUR, NOON + 9 * HOUR, NOON + 9 * HOUR, NOON],
    })  # fmt: skip
    frame = store.get_historical_features(rows, [view()]).to_arrow()
    assert frame.column("delay").to_pylist() == [5.0, None, None, None, None]
    assert frame.column("gates").to_pylist() == [1, None, 3, None, None]
    assert frame.column("raw").to_pylist() == ['{"gate":"B4"}', None, None, None, None]


def test_materialize_then_only_what_has_changed(store: fs.FeatureStore, arrivals: None) -> None:
    store.apply([view()])
    store.materialize(end=NOON + HOUR)
    assert online(store, "N1", "N2", "XX") == [5.0, None, None]
    late = datetime.now(UTC).isoformat(sep=" ")
    run(f"INSERT INTO arrivals SELECT 'N1', '2024-05-01 08:30', '{late}', 3, 9, NULL")
    store.materialize_incremental(end=NOON + 2 * HOUR)
    assert online(store, "N1", "N2", "XX") == [3.0, None, None]


def test_the_rows_to_be_completed_come_from_snowflake_too(store: fs.FeatureStore, arrivals: None) -> None:
    asked = "SELECT 'N1' AS tailnum, '2024-05-01 12:00:00'::TIMESTAMP AS event_timestamp, count(*) AS n FROM arrivals"
    frame = store.get_historical_features(asked, [view()], engine="snowflake")
    assert frame.to_arrow().select(["tailnum", "n", "delay"]).to_pylist() == [
        {"tailnum": "N1", "n": 3, "delay": 5.0}
    ]


def test_what_is_registered_holds_no_secret(store: fs.FeatureStore, arrivals: None, tmp_path: Path) -> None:
    store.apply([view()])
    recorded = (tmp_path / "r.db").read_bytes().decode("latin-1")
    assert "${SNOWFLAKE_URL}" in recorded
    assert "local:local@" not in recorded
    rows = pa.table({"tailnum": ["N1"], "event_timestamp": [NOON]})
    found = store.get_historical_features(rows, ["punctuality:delay"]).to_arrow()
    assert found.column("delay").to_pylist() == [5.0]


def test_a_view_with_sql_and_windows_is_joined_by_the_local_engines(arrivals: None, tmp_path: Path) -> None:
    windows = view(
        sql="SELECT *, gates * 2 AS twice FROM {source}",
        features=[fs.Aggregation("twice", "sum", window=timedelta(days=1), name="twice")],
    )
    rows = pa.table({"tailnum": ["N1"], "event_timestamp": [NOON + 9 * HOUR]})
    with fs.FeatureStore(registry=f"sqlite:///{tmp_path}/r.db", online="memory://") as store:
        for engine in ("duckdb", "polars"):
            frame = store.get_historical_features(rows, [windows], engine=engine).to_arrow()
            assert frame.column("twice").to_pylist() == [6]
        with pytest.raises(RequestError, match="transforms its rows") as caught:
            store.get_historical_features(rows, [windows], engine="snowflake").to_arrow()
        assert "engine='duckdb'" in str(caught.value)
        memory = InMemorySource(
            "m", data=pa.table({"tailnum": ["a"], "at": [NOON], "delay": [1.0]}), event_timestamp="at"
        )
        other = view(source=memory, features=[fs.Feature("delay", fs.Float64)])
        with pytest.raises(RequestError, match="reads a source of kind 'memory'"):
            store.get_historical_features(rows, [other], engine="snowflake").to_arrow()


def test_the_join_is_explained(arrivals: None, tmp_path: Path) -> None:
    rows = pa.table({"tailnum": ["N1"], "event_timestamp": [NOON]})
    with fs.FeatureStore(registry=f"sqlite:///{tmp_path}/r.db", online="memory://") as store:
        shown = store.get_historical_features(rows, [view()], engine="snowflake").explain()
    assert "-- View punctuality: in Snowflake" in shown
    assert "ASOF JOIN placed AS p MATCH_CONDITION (e.until >= p.visible)" in shown


def test_nothing_stays_behind(arrivals: None, tmp_path: Path) -> None:
    rows = pa.table({"tailnum": ["N1"], "event_timestamp": [NOON]})
    with fs.FeatureStore(registry=f"sqlite:///{tmp_path}/r.db", online="memory://") as store:
        store.get_historical_features(rows, [view()], engine="snowflake").to_arrow()
    with session() as opened:
        with pytest.raises(SourceError, match="FS_ENTITIES"):
            opened.table("SELECT * FROM fs_entities")
        assert opened.table("SHOW STAGES").num_rows == 0


TIMES = 'SELECT column1::TIMESTAMP_NTZ AS "AT", column2 AS k, column3 AS x FROM VALUES '
ROWS = (
    TIMES + "('2024-05-01 10:00', 1, 'a'), ('2024-05-01 12:00', 2, 'b\\\\''c'), ('2024-05-01 14:00', 3, NULL)"
)


def read(source: fs.SnowflakeSource, **wanted: Any) -> list[Any]:
    found = SnowflakeReader().read(source=source, columns={"k": pa.int64()}, rows=WantedRows(**wanted))
    return sorted(found.read_all().column("k").to_pylist())


def micros(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"earliest": micros(NOON), "latest": micros(NOON)}, [2]),
        ({"latest": micros(NOON)}, [1, 2]),
        ({"earliest": -(2**63), "latest": 2**63 - 1}, [1, 2, 3]),
        ({"keys": pa.table({"k": pa.array([3, 9], pa.int64())})}, [3]),
        ({"keys": pa.table({"x": ["b\\'c", "zz"]})}, [2]),
        ({"keys": pa.table({"k": [1, 2], "x": ["a", "a"]})}, [1]),
        ({"keys": pa.table({"k": pa.array([], pa.int64())})}, []),
        ({"changed": ChangedEntities(("k",), ((micros(NOON) - 1, micros(NOON)),), 0, 0, None)}, [2]),
        ({"changed": ChangedEntities(("k",), ((0, 1),), 0, 0, pa.table({"k": [1]}))}, [1]),
    ],
)
def test_rows_that_cannot_matter_are_left_out_by_the_server(
    snowflake_url: str, wanted: Any, expected: list[int]
):
    assert read(rows_of_query(ROWS), **wanted) == expected


@pytest.mark.parametrize("kind", ["TIMESTAMP_NTZ", "TIMESTAMP_TZ", "TIMESTAMP_LTZ", "DATE"])
def test_bounds_leave_out_no_row_within_them(snowflake_url: str, kind: str):
    source = rows_of_query(f'SELECT "AT"::{kind} AS "AT", k FROM ({ROWS})')
    found = read(source, earliest=micros(NOON), latest=micros(NOON))
    assert found == ([1, 2, 3] if kind == "DATE" else [2])


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"url": "snowflake://u:secret@a/d"}, "holds a secret"),
        ({"url": "snowflake://a/d?token=secret"}, "holds a secret"),
        ({"url": "postgresql://h/d"}, "expected a URL such as"),
        ({"table": "", "query": ""}, "either table="),
    ],
)
def test_a_definition_that_cannot_be(change: dict[str, str], error: str) -> None:
    fields: dict[str, Any] = {"url": URL, "table": "t", "event_timestamp": "at", **change}
    with pytest.raises(DefinitionError, match=error) as caught:
        fs.SnowflakeSource("s", **fields)
    assert "secret@" not in str(caught.value)


def test_a_definition_is_read_back_from_its_json() -> None:
    assert fs.FeatureView.from_json(view().to_json()) == view()


def test_an_environment_variable_that_is_not_set():
    source = fs.SnowflakeSource(
        "s", url="snowflake://u:${NOT_SET_AT_ALL}@a/d", table="t", event_timestamp="at"
    )
    with pytest.raises(ConfigurationError, match="Source 's' uses the environment variable 'NOT_SET_AT_ALL'"):
        SnowflakeReader().columns(source=source)


def test_the_parts_of_a_url_are_the_drivers_arguments():
    found = driver_arguments(
        "snowflake://me:p%40ss@acme-main/lake/rides?warehouse=wh&private_key_file=%2Frun%2Fkey.p8"
        "&STATEMENT_TIMEOUT_IN_SECONDS=60&QUERY_TAG=mine&login_timeout=5",
        version="5.2.0",
    )
    expected = {"user": "me", "password": "p@ss", "account": "acme-main", "database": "lake", "schema": "rides",
                "warehouse": "wh", "private_key_file": "/run/key.p8", "login_timeout": 5}  # fmt: skip
    assert expected.items() <= found.items()
    session_parameters = {"STATEMENT_TIMEOUT_IN_SECONDS": 60, "QUERY_TAG": "mine", "TIMEZONE": "UTC"}
    assert session_parameters.items() <= found["session_parameters"].items()
    assert driver_arguments("snowflake://?connection_name=etl", version="4.1.0")["connection_name"] == "etl"
    assert "account" not in driver_arguments("snowflake://?connection_name=etl", version="4.1.0")
    source = fs.SnowflakeSource(
        "s", url="snowflake://me@a/d?private_key_file=/run/key.p8", table="t", event_timestamp="at"
    )
    assert source.url.endswith("/run/key.p8")
