"""Training sets and runs record by which queries their sources were read."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from typer.testing import CliRunner

import featurestore as fs
from featurestore.cli.app import app
from featurestore.definitions.source import Source
from featurestore.protocols.queries import query_log, recorded_queries
from featurestore_connectors.snowflake.connections import Session
from tests.warehouse import snowflake_loading
from tests.warehouse.loading import URL

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ENTITIES = pa.table({"k": [1, 2, 3], "event_timestamp": pa.array([NOON] * 3, pa.timestamp("us", "UTC"))})
plane = fs.Entity("plane", join_keys={"k": fs.Int64})
_NUMBERS = itertools.count()


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[fs.FeatureStore]:
    monkeypatch.chdir(tmp_path)
    Path("feature_store.toml").write_text(
        f'project = "p"\nregistry = "sqlite:///{tmp_path}/r.db"\nonline = "memory://"\ndefinitions = []\n'
    )
    with fs.FeatureStore() as opened:
        yield opened


@dataclass
class SeenQueries:
    """What the driver ran, by the ids that it says."""

    texts: dict[str, str]


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> SeenQueries:
    found, execute = SeenQueries({}), Session._executed

    def executed(self: Session, query: str) -> Any:
        cursor = execute(self, query)
        found.texts[cursor.sfqid] = query
        return cursor

    monkeypatch.setattr(Session, "_executed", executed)
    return found


@pytest.fixture
def in_snowflake(snowflake_url: str) -> Source:
    table = f"trips_{next(_NUMBERS)}"
    snowflake_loading.run(
        f'CREATE TABLE {table} (k INTEGER, "AT" TIMESTAMP_NTZ, x FLOAT)',
        f"INSERT INTO {table} VALUES (1, '2024-05-01 10:00', 1.5), (2, '2024-05-01 11:00', 2.5)",
    )
    return fs.SnowflakeSource("trips", url=snowflake_loading.URL, table=table, event_timestamp="at")


@pytest.fixture
def in_postgres(warehouse: str) -> Source:
    insert(warehouse, "CREATE TABLE trips (k bigint, at timestamp, x double precision)")
    insert(warehouse, "INSERT INTO trips VALUES (1, '2024-05-01 10:00', 1.5), (2, '2024-05-01 11:00', 2.5)")
    return fs.PostgresSource("trips", url=URL, table="trips", event_timestamp="at")


def insert(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


def view(source: Source, name: str = "v") -> fs.FeatureView:
    return fs.FeatureView(name, entities=[plane], source=source, features=[fs.Feature("x", fs.Float64)])


@pytest.mark.parametrize(
    ("engine", "shows"), [("snowflake", "ASOF JOIN"), ("duckdb", "AS c0"), ("polars", "AS c0")]
)
def test_a_training_set_from_snowflake_has_the_ids_of_its_queries(
    store: fs.FeatureStore, in_snowflake: Source, seen: SeenQueries, engine: str, shows: str
) -> None:
    store.apply([view(in_snowflake)])
    made = store.create_training_set("one", "v", ENTITIES, engine=engine)
    assert made.to_arrow().column("x").to_pylist() == [1.5, 2.5, None]
    (state,) = made.manifest["sources"]
    assert " changed at " in state["snapshot"]
    (query,) = state["queries"]
    assert shows in seen.texts[query]
    again = store.create_training_set("two", "v", ENTITIES, engine=engine)
    assert again.manifest["sources"][0]["queries"] != [query]
    assert made.compare(again).differences == ()  # other queries are no other data
    recreated = made.recreate()
    assert (recreated.same, recreated.causes) == (True, ())


def test_each_view_has_its_query_and_a_source_all_of_them(
    store: fs.FeatureStore, in_snowflake: Source, seen: SeenQueries
) -> None:
    local = fs.InMemorySource("m", data=pa.table({"k": [1], "at": [NOON], "x": [0.5]}), event_timestamp="at")
    views = [view(in_snowflake, "v"), view(in_snowflake, "w"), view(local, "u")]
    store.apply(views)
    wanted = ["v:x", "w:x", "u:x"]
    made = store.create_training_set("one", wanted, ENTITIES, engine="duckdb", full_feature_names=True)
    states = {state["name"]: state for state in made.manifest["sources"]}
    assert len(set(states["trips"]["queries"])) == 2
    assert "queries" not in states["m"]


@pytest.mark.parametrize("engine", ["postgres", "duckdb", "polars"])
def test_a_training_set_from_postgres_has_the_state_that_it_saw(
    store: fs.FeatureStore, in_postgres: Source, warehouse: str, engine: str
) -> None:
    store.apply([view(in_postgres)])
    made = store.create_training_set("one", "v", ENTITIES, engine=engine)
    (state,) = made.manifest["sources"]
    assert len(state["checksum"]) == 64
    (query,) = state["queries"]
    found = re.fullmatch(r"snapshot (\S+) in backend (\d+) at (\S+ \S+\+00)", query)
    assert found is not None
    assert abs(datetime.now(UTC) - datetime.fromisoformat(found[3])) < timedelta(minutes=5)
    insert(warehouse, "INSERT INTO trips VALUES (3, '2024-05-01 11:00', 3.5)")
    with psycopg.connect(warehouse) as connection:
        seen = connection.execute(
            "SELECT k, pg_visible_in_snapshot(xmin::text::xid8, %s::pg_snapshot) FROM trips ORDER BY k",
            [found[1]],
        )
        assert seen.fetchall() == [(1, True), (2, True), (3, False)]
    assert made.recreate().causes == ("source trips: 1 row more (2 → 3)",)


def test_a_materialization_and_the_audit_have_them_too(
    store: fs.FeatureStore, in_snowflake: Source, seen: SeenQueries
) -> None:
    store.apply([view(in_snowflake)])
    (report,) = store.materialize(end=NOON, engine="snowflake")
    (query,) = report.queries["trips"]
    assert "row_number()" in seen.texts[query]
    published = next(entry for entry in store.audit(name="v") if entry.action == "publish")
    assert published.effect["queries"] == {"trips": [query]}
    assert query in " ".join(shown("audit", "v").split())
    assert json.loads(shown("audit", "v", "--json"))["entries"][0]["effect"]["queries"] == {"trips": [query]}


def test_a_training_set_shows_them(store: fs.FeatureStore, in_snowflake: Source) -> None:
    store.apply([view(in_snowflake)])
    made = store.create_training_set("one", "v", ENTITIES, engine="snowflake")
    (state,) = made.manifest["sources"]
    text = shown("training-set", "show", "one")
    assert state["queries"][0] in text
    assert "changed at" in text


def shown(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "400"})
    assert result.exit_code == 0, result.output
    return result.output


def test_nothing_is_recorded_where_nobody_asks() -> None:
    assert query_log() is None
    with recorded_queries() as outer:
        with recorded_queries() as inner:
            log = query_log()
            assert log is inner
            inner.add(source="s", query="1")
            inner.add(source="s", query="2")
        assert query_log() is outer
    assert query_log() is None
    assert (inner.of("s"), inner.of("t"), outer.by_source()) == (["1", "2"], [], {})
