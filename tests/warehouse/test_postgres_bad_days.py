"""PostgreSQL on bad days: each says what happened and what to do, shows no secret, and leaves nothing half-written."""

from __future__ import annotations

import os
import signal
import threading
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import psycopg
import pyarrow as pa
import pytest

import featurestore as fs
from featurestore.errors import ConfigurationError, SourceError, SourceUnavailableError
from featurestore.protocols.sources import EVERY_ROW
from featurestore.sources.arrow import read_table, source_schema
from featurestore.sources.external import external_rows
from featurestore.testing.servers import PostgresServer
from tests.warehouse.loading import URL, rows_of_query

MANY = "SELECT now() AS at, g AS k, repeat('x', 200) AS x FROM generate_series(1, 5000000) g"
plane = fs.Entity("plane", join_keys={"k": fs.Int64})


def source(**arguments: Any) -> fs.PostgresSource:
    return fs.PostgresSource("rows", **{"url": URL, "event_timestamp": "at", **arguments})


def with_password(url: str, password: str) -> str:
    parts = urlsplit(url)
    return url.replace(f":{parts.password}@", f":{quote(password, safe='')}@", 1)


def test_a_missing_table_lists_those_that_are_there(warehouse: str):
    with psycopg.connect(warehouse, autocommit=True) as connection:
        connection.execute("CREATE TABLE trips (at timestamptz)")
        connection.execute("CREATE SCHEMA rides")
        connection.execute("CREATE VIEW rides.days AS SELECT now() AS at")
    with pytest.raises(SourceError, match=r"no table 'trip'; there are: rides.days, trips") as caught:
        source_schema(source(table="trip"))
    assert "Did you mean 'trips'" in str(caught.value)
    assert source_schema(source(table="rides.days")).names == ["at"]
    with pytest.raises(SourceError, match=r"there is no table 'public\.days'"):
        source_schema(source(table="public.days"))


def test_a_missing_column_lists_those_that_are_there(warehouse: str, tmp_path: Path):
    view = fs.FeatureView(
        "v", entities=[plane], features=[fs.Feature("dely", fs.Int64)],
        source=source(query="SELECT now() AS at, 1::bigint AS k, 2::bigint AS delay"),
    )  # fmt: skip
    with pytest.raises(SourceError, match="no column 'dely'; it has: at, k, delay") as caught:
        training_frame(view, tmp_path)
    assert "Did you mean 'delay'" in str(caught.value)


def training_frame(view: fs.FeatureView, folder: Path) -> pa.Table:
    with fs.FeatureStore(registry=f"sqlite:///{folder}/r.db", online="memory://") as store:
        rows = pa.table({"k": [1], "event_timestamp": [datetime(2099, 1, 1, tzinfo=UTC)]})
        return store.get_historical_features(rows, [view]).to_arrow()


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("SELECT 1 AS at, 2 AS at", "two columns called 'at'"),
        ("SELECT now() AS at, nope", 'column "nope" does not exist'),
        ("SELEKT 1", "syntax error"),
        ("SELECT now() AS at; DROP TABLE x", "cannot insert multiple commands|syntax error"),
        ("SELECT now() AS at FROM nowhere", 'relation "nowhere" does not exist'),
    ],
)
def test_a_query_that_is_refused_says_why(warehouse: str, query: str, error: str):
    with pytest.raises(SourceError, match=error) as caught:
        source_schema(source(query=query))
    assert not caught.value.retryable


def test_a_query_may_not_write(warehouse: str):
    with psycopg.connect(warehouse, autocommit=True) as connection:
        connection.execute("CREATE SEQUENCE counted")
    with pytest.raises(SourceError, match="read-only transaction"):
        read_table(source(query="SELECT now() AS at, nextval('counted') AS x"), {"x": None})


def test_a_table_that_may_not_be_read(warehouse: str, monkeypatch: pytest.MonkeyPatch):
    with psycopg.connect(warehouse, autocommit=True) as connection:
        connection.execute("CREATE TABLE secrets (at timestamptz)")
        connection.execute("DROP ROLE IF EXISTS nobody_at_all")
        connection.execute("CREATE ROLE nobody_at_all LOGIN PASSWORD 'p'")
    parts = urlsplit(warehouse)
    monkeypatch.setenv("OTHER", f"postgresql://nobody_at_all:p@{parts.hostname}:{parts.port}{parts.path}")
    with pytest.raises(SourceError, match="permission denied") as caught:
        read_table(source(url="${OTHER}", table="secrets"), {"at": None})
    assert "GRANT SELECT" in str(caught.value)


@pytest.mark.parametrize("form", ["whole", "parts"])
def test_a_wrong_password_is_said_and_not_shown(warehouse: str, monkeypatch: pytest.MonkeyPatch, form: str):
    secret, parts = "p@ss/w%rd'", urlsplit(warehouse)
    if form == "whole":
        monkeypatch.setenv("SECRET", with_password(warehouse, secret))
        url = "${SECRET}"
    else:
        monkeypatch.setenv("SECRET", secret)
        url = f"postgresql://{parts.username}:${{SECRET}}@{parts.hostname}:{parts.port}{parts.path}"
    with pytest.raises(SourceError, match="password authentication failed") as caught:
        source_schema(source(url=url, table="t"))
    shown = "".join(traceback.format_exception(caught.value))
    assert secret not in shown
    assert quote(secret, safe="") not in shown
    assert not caught.value.retryable


def test_a_password_of_any_characters_reaches_the_server(warehouse: str, monkeypatch: pytest.MonkeyPatch):
    parts = urlsplit(warehouse)
    with psycopg.connect(warehouse, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS odd")
        connection.execute("CREATE ROLE odd LOGIN PASSWORD 'a@/:%?#é'")
    monkeypatch.setenv("ODD", "a@/:%?#é")
    url = f"postgresql://odd:${{ODD}}@{parts.hostname}:{parts.port}{parts.path}?application_name=mine"
    read = read_table(
        source(url=url, query="SELECT now() AS at, current_setting('application_name') AS x"), {"x": None}
    )
    assert read.to_pylist() == [{"x": "mine"}]


def test_an_environment_variable_that_is_not_set():
    with pytest.raises(
        ConfigurationError, match="Source 'rows' uses the environment variable 'NOT_SET_AT_ALL'"
    ):
        source_schema(source(url="postgresql://u:${NOT_SET_AT_ALL}@h/d", table="t"))


def test_a_server_that_is_not_there_may_be_tried_again():
    with pytest.raises(SourceUnavailableError, match="Connection refused") as caught:
        source_schema(source(url="postgresql://u@127.0.0.1:1/d", table="t"))
    assert caught.value.retryable


def in_mid_stream(do: Callable[[], None]) -> None:
    """Read a long stream, and do something to the server after its first batch."""
    reader = external_rows(source(query=MANY), {"k": None, "x": None}, EVERY_ROW)
    reader.read_next_batch()
    do()
    while True:
        reader.read_next_batch()


def others(url: str, what: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            f"SELECT {what}(pid) FROM pg_stat_activity "
            f"WHERE datname = current_database() AND pid <> pg_backend_pid()".encode()
        )


@pytest.mark.parametrize("what", ["pg_terminate_backend", "pg_cancel_backend"])
def test_a_query_that_is_cut_or_cancelled_in_mid_stream_may_be_made_again(warehouse: str, what: str):
    with pytest.raises(SourceUnavailableError, match="went away or cancelled") as caught:
        in_mid_stream(lambda: others(warehouse, what))
    assert "nothing has been written" in str(caught.value)


def test_a_server_that_crashes_in_mid_stream(
    postgres_to_break: PostgresServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("WAREHOUSE_URL", postgres_to_break.url)
    with pytest.raises(SourceUnavailableError):
        in_mid_stream(postgres_to_break.kill)


def test_a_statement_timeout_of_the_url(warehouse: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WAREHOUSE_URL", f"{warehouse}?options=-c%20statement_timeout%3D50")
    with pytest.raises(SourceUnavailableError, match="statement timeout"):
        read_table(source(query="SELECT now() AS at, pg_sleep(5)::text AS x"), {"x": None})


def test_a_column_that_changes_its_type_in_between(warehouse: str):
    with psycopg.connect(warehouse, autocommit=True) as connection:
        connection.execute("CREATE TABLE t (at timestamptz, x int)")
        before = source_schema(source(table="t"))
        connection.execute("ALTER TABLE t ALTER x TYPE text")
        with pytest.raises(SourceError, match="'x' was int32 when the request was planned and is string now"):
            external_rows(source(table="t"), {"x": pa.int64()}, EVERY_ROW, expected=before)
        connection.execute("ALTER TABLE t DROP x")
    with pytest.raises(SourceError, match=r"no column 'x'; it has: at"):
        external_rows(source(table="t"), {"x": pa.int64()}, EVERY_ROW, expected=before)


@pytest.mark.parametrize("engine", ["duckdb", "polars"])
def test_a_materialization_that_loses_its_server_publishes_nothing(
    warehouse: str, tmp_path: Path, engine: str
):
    with psycopg.connect(warehouse, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE t AS SELECT '2024-01-01'::timestamptz AS at, 1::bigint AS k, 1::bigint AS x"
        )
    view = fs.FeatureView(
        "v", entities=[plane], source=source(table="t"), features=[fs.Feature("x", fs.Int64)]
    )
    with fs.FeatureStore(registry=f"sqlite:///{tmp_path}/r.db", online="memory://", offline=engine) as store:
        store.apply([view])
        store.materialize(end=datetime(2024, 2, 1, tzinfo=UTC))
        with psycopg.connect(warehouse, autocommit=True) as connection:
            connection.execute("UPDATE t SET x = 2")
            connection.execute("ALTER TABLE t RENAME TO u")
            # Whoever reads the last row ends his own connection.
            connection.execute(
                "CREATE VIEW t AS SELECT at, k, x FROM u UNION ALL SELECT '2024-01-01', g, "
                "CASE WHEN g = 300000 THEN pg_terminate_backend(pg_backend_pid())::int ELSE g END "
                "FROM generate_series(2, 300000) g"
            )
        with pytest.raises(SourceUnavailableError):
            store.materialize(end=datetime(2024, 3, 1, tzinfo=UTC))
        assert store.get_online_features([view], [{"k": 1}]).to_dicts() == [{"k": 1, "x": 1}]


def test_ctrl_c_stops_the_query_on_the_server(warehouse: str):
    threading.Timer(1, os.kill, (os.getpid(), signal.SIGINT)).start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        read_table(rows_of_query("SELECT now() AS at, pg_sleep(60)::text AS x"), {"x": None})
    assert time.monotonic() - started < 10
    with psycopg.connect(warehouse, autocommit=True) as connection:
        for _ in range(50):
            running = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid() "
                "AND datname = current_database() AND state = 'active'"
            ).fetchone()
            if running == (0,):
                return
            time.sleep(0.1)
    pytest.fail("the query runs on")
