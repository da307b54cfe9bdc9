"""Snowflake on bad days: each says what happened and what to do, shows no secret, and leaves nothing half-written."""

from __future__ import annotations

import os
import signal
import threading
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import snowflake.connector

import featurestore as fs
from featurestore.errors import SourceError, SourceUnavailableError
from featurestore.protocols.sources import EVERY_ROW
from featurestore.sources.arrow import read_table, source_schema
from featurestore.sources.external import external_rows
from featurestore_connectors.snowflake import reader
from tests.servers.snowflake_server import SnowflakeServer
from tests.warehouse.snowflake_loading import URL, run, session

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
plane = fs.Entity("plane", join_keys={"k": fs.Int64})
# No server answers this in less than minutes.
LONG = (
    "SELECT '2024-01-01'::TIMESTAMP_NTZ AS \"AT\", 1 AS k, SUM(a.n * b.n * c.n)::NUMBER(38, 0) AS x FROM "
    + ", ".join(f"(SELECT seq4() AS n FROM TABLE(GENERATOR(ROWCOUNT => 100000))) {name}" for name in "abc")
)


def source(**arguments: Any) -> fs.SnowflakeSource:
    return fs.SnowflakeSource("rows", **{"url": URL, "event_timestamp": "at", **arguments})


def view(rows: fs.SnowflakeSource, feature: str = "x", dtype: fs.FeatureType = fs.Int64) -> fs.FeatureView:
    return fs.FeatureView("v", entities=[plane], source=rows, features=[fs.Feature(feature, dtype)])


def training_frame(view: fs.FeatureView, folder: Path, engine: str) -> pa.Table:
    with fs.FeatureStore(registry=f"sqlite:///{folder}/r.db", online="memory://") as store:
        rows = pa.table({"k": [1], "event_timestamp": [NOON]})
        return store.get_historical_features(rows, [view], engine=engine).to_arrow()


def test_a_missing_table_lists_those_that_are_there(snowflake_url: str):
    run('CREATE TABLE trips_of_day ("AT" TIMESTAMP_NTZ)', 'CREATE TABLE "Odd" ("AT" TIMESTAMP_NTZ)')
    with pytest.raises(
        SourceError, match=r"no table 'trips_of_dey'; there are: .*Odd, .*trips_of_day"
    ) as caught:
        source_schema(source(table="trips_of_dey"))
    assert "Did you mean 'trips_of_day'" in str(caught.value)
    assert source_schema(source(table='"Odd"')).names == ["at"]


def test_a_view_that_cannot_be_read_is_not_said_to_be_missing(
    snowflake_url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(reader, "_MOST_TABLES", 1)
    run(
        'CREATE TABLE a_first_table ("AT" TIMESTAMP_NTZ)',
        'CREATE TABLE read_by_view ("AT" TIMESTAMP_NTZ)',
        "CREATE VIEW broken_view AS SELECT * FROM read_by_view",
        "DROP TABLE read_by_view",
    )
    with pytest.raises(SourceError, match=r"Snowflake answered: .*READ_BY_VIEW"):
        source_schema(source(table="broken_view"))
    run("DROP VIEW broken_view")


@pytest.mark.parametrize("engine", ["duckdb", "snowflake"])
def test_a_missing_column_lists_those_that_are_there(snowflake_url: str, tmp_path: Path, engine: str):
    rows = source(query="SELECT '2024-01-01'::TIMESTAMP_NTZ AS \"AT\", 1 AS k, 2 AS delay")
    with pytest.raises(SourceError, match="no column 'dely'; it has: at, k, delay"):
        training_frame(view(rows, "dely"), tmp_path, engine)


@pytest.mark.parametrize("engine", ["duckdb", "snowflake"])
def test_a_column_of_another_type(snowflake_url: str, tmp_path: Path, engine: str):
    rows = source(query="SELECT '2024-01-01'::TIMESTAMP_NTZ AS \"AT\", 1 AS k, 'a' AS x")
    with pytest.raises(SourceError, match="is string, which does not convert to int64"):
        training_frame(view(rows), tmp_path, engine)


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("SELECT nope", "NOPE"),
        ("SELEKT 1", "Snowflake answered"),
        ("SELECT 1 AS x FROM nowhere", "NOWHERE"),
        ("DROP TABLE kept", "Snowflake answered"),
    ],
)
def test_a_query_that_is_refused_says_why(snowflake_url: str, query: str, error: str):
    run("CREATE TABLE IF NOT EXISTS kept (x INTEGER)")
    with pytest.raises(SourceError, match=error) as caught:
        source_schema(source(query=query))
    assert not caught.value.retryable
    run("DESCRIBE TABLE kept")


@pytest.mark.parametrize("form", ["whole", "parts"])
def test_a_wrong_password_is_said_and_not_shown(
    snowflake_to_break: SnowflakeServer, monkeypatch: pytest.MonkeyPatch, form: str
):
    right, secret = snowflake_to_break.url, "wr0ng-pass"
    monkeypatch.setenv("SECRET", secret if form == "parts" else right.replace(":local@", f":{secret}@"))
    url = "${SECRET}" if form == "whole" else right.replace(":local@", ":${SECRET}@")
    with pytest.raises(SourceError, match="Incorrect username or password") as caught:
        source_schema(source(url=url, table="t"))
    assert secret not in "".join(traceback.format_exception(caught.value))
    assert not caught.value.retryable


def test_a_server_that_is_not_there_may_be_tried_again():
    url = "snowflake://u:${HOME}@a/d/s?host=127.0.0.1&port=1&protocol=http&login_timeout=2&platform_detection_timeout_seconds=0"
    with pytest.raises(SourceUnavailableError, match="no connection to snowflake://u:"):
        source_schema(source(url=url, table="t"))


def with_option(monkeypatch: pytest.MonkeyPatch, option: str) -> None:
    monkeypatch.setenv("SNOWFLAKE_URL", f"{os.environ['SNOWFLAKE_URL']}&{option}")


def test_a_statement_timeout_of_the_url(snowflake_url: str, monkeypatch: pytest.MonkeyPatch):
    with_option(monkeypatch, "STATEMENT_TIMEOUT_IN_SECONDS=1")
    with pytest.raises(SourceUnavailableError, match="timeout") as caught:
        read_table(source(query=LONG), {"x": None})
    assert "nothing has been written" in str(caught.value)


def test_a_warehouse_that_does_not_run(
    snowflake_to_break: SnowflakeServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    run("CREATE TABLE t AS SELECT '2024-01-01'::TIMESTAMP_NTZ AS \"AT\", 1 AS k, 1 AS x")
    with_option(monkeypatch, "warehouse=SUSPENDED")
    with pytest.raises(
        SourceUnavailableError, match="no warehouse to run this in: No active warehouse"
    ) as caught:
        training_frame(view(source(table="t")), tmp_path, "snowflake")
    assert "?warehouse=" in str(caught.value)


def test_a_column_that_changes_its_type_in_between(snowflake_url: str):
    run('CREATE TABLE changing ("AT" TIMESTAMP_NTZ, x FLOAT)')
    before = source_schema(source(table="changing"))
    run('CREATE OR REPLACE TABLE changing ("AT" TIMESTAMP_NTZ, x VARCHAR)')
    with pytest.raises(SourceError, match="'x' was double when the request was planned and is string now"):
        external_rows(source(table="changing"), {"x": pa.float64()}, EVERY_ROW, expected=before)


# Version 4 of the driver leaves its sockets open then, and fails in a thread of its own too.
@pytest.mark.filterwarnings(
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
    "ignore::pytest.PytestUnhandledThreadExceptionWarning",
)
@pytest.mark.parametrize("engine", ["duckdb", "polars", "snowflake"])
def test_a_server_that_dies_under_a_query_leaves_no_frame(
    snowflake_to_break: SnowflakeServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, engine: str
):
    version = snowflake.connector.__version__.partition(".")[0]
    with_option(monkeypatch, "network_timeout=3" if version == "4" else "request_timeout=3")
    store = fs.FeatureStore(registry=f"sqlite:///{tmp_path}/r.db", online="memory://")
    frame = store.get_historical_features(
        pa.table({"k": [1], "event_timestamp": [NOON]}), [view(source(query=LONG))], engine=engine
    )
    killer = threading.Timer(2, snowflake_to_break.kill)
    killer.start()
    with store, pytest.raises(SourceUnavailableError):
        frame.to_parquet(tmp_path / "frame.parquet")
    killer.join()
    assert list(tmp_path.glob("frame*")) == []


@pytest.mark.parametrize("engine", ["duckdb", "snowflake"])
def test_a_materialization_that_fails_publishes_nothing(snowflake_url: str, tmp_path: Path, engine: str):
    run(
        'CREATE OR REPLACE TABLE t ("AT" TIMESTAMP_NTZ, k INTEGER, x INTEGER)',
        "INSERT INTO t SELECT '2024-01-01', 1, 1",
    )
    with fs.FeatureStore(registry=f"sqlite:///{tmp_path}/r.db", online="memory://", offline=engine) as store:
        asked = view(source(query="SELECT * FROM t"), dtype=fs.Int16)
        store.apply([asked])
        store.materialize(end=datetime(2024, 2, 1, tzinfo=UTC))
        # A row that only shows what it is when it is read.
        run("UPDATE t SET x = 70000")
        with pytest.raises(SourceError):
            store.materialize(end=datetime(2024, 3, 1, tzinfo=UTC))
        assert store.get_online_features([asked], [{"k": 1}]).to_dicts() == [{"k": 1, "x": 1}]


@pytest.mark.parametrize("engine", ["duckdb", "snowflake"])
def test_ctrl_c_stops_the_query_on_the_server(snowflake_url: str, tmp_path: Path, engine: str):
    threading.Timer(2, os.kill, (os.getpid(), signal.SIGINT)).start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        training_frame(view(source(query=LONG)), tmp_path, engine)
    # The driver comes back when the server does.
    assert time.monotonic() - started < 15
    with session() as opened:
        assert opened.table("SELECT 1 AS x").num_rows == 1
