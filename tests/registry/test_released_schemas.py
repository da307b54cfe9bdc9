"""A registry that the first release left, with data in it, is brought up to date and goes on.

The dumps in `released` were made by that release, not by this one's idea of it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

import featurestore as fs
from featurestore.errors import RegistryError
from featurestore.protocols.records import RunKind, RunStatus
from featurestore_registry import SQLRegistry, schema

RELEASED = Path(__file__).parent / "released"
HOUR = timedelta(hours=1)
DESCRIPTION = "naïve ✈ 'quoted' \"twice\" %s :x"
plane = fs.Entity("plane", join_keys={"tailnum": fs.String}, description=DESCRIPTION)
arrivals = fs.ParquetSource(
    "arrivals", path="arrivals/*.parquet", event_timestamp="arrived_at", created_timestamp="loaded_at"
)


def view(ttl: timedelta | None = HOUR, entity: fs.Entity = plane) -> fs.FeatureView:
    """The view as the old release had it applied last."""
    return fs.FeatureView(
        "punctuality", entities=[entity], source=arrivals, ttl=ttl, owner="ops",
        features=[fs.Feature("delay", fs.Float64)],
    )  # fmt: skip


service = fs.FeatureService("departures", features=["punctuality:delay"])


@pytest.fixture
def released(registry_url: str) -> str:
    """URL of a registry as the first release left it."""
    if registry_url.startswith("sqlite"):
        with closing(sqlite3.connect(registry_url.removeprefix("sqlite:///"))) as connection:
            connection.executescript((RELEASED / "schema_0001_sqlite.sql").read_text(encoding="utf-8"))
    else:
        dump = (RELEASED / "schema_0001_postgresql.sql").read_text(encoding="utf-8")
        with psycopg.connect(registry_url) as server:
            server.execute(dump.encode())
    return registry_url


@pytest.fixture
def store(released: str) -> Iterator[fs.FeatureStore]:
    """A store over that registry, upgraded."""
    with pytest.raises(RegistryError, match=rf"schema 0001, that of an older release.*{schema.NEWEST}"):
        SQLRegistry.from_url(released)
    SQLRegistry.upgrade(released)
    with fs.FeatureStore(registry=released, online="memory://", project="flights") as opened:
        yield opened


def test_every_definition_is_read_and_is_what_it_was(store: fs.FeatureStore) -> None:
    catalog = store.project.catalog()
    assert catalog.revision == 4
    assert [(s.kind, s.name, s.version, s.active) for s in catalog.stored] == [
        ("entity", "plane", 1, False), ("entity", "route", 1, False),
        ("feature_service", "departures", 1, False), ("feature_view", "load", 1, True),
        ("feature_view", "punctuality", 1, True), ("feature_view", "punctuality", 2, False),
        ("source", "arrivals", 1, False),
    ]  # fmt: skip
    for stored in catalog.stored:
        catalog.load(stored)
    # This release gives the same definitions the same hashes.
    plan = store.plan([view(), service, plane, arrivals])
    assert (plan.changes, plan.unchanged) == ((), 4)
    assert store.project.registry.revision(project="trains") == 1


def test_the_past_is_there(store: fs.FeatureStore) -> None:
    records = store.history("punctuality")
    assert [(r.stored.version, r.action, r.revision, r.message, r.author) for r in records] == [
        (1, "create", 1, "the first ones", "ann"), (1, "metadata", 2, "it has an owner", "ann"),
        (2, "new version", 3, "shorter", "ann"),
    ]  # fmt: skip
    assert store.history("routes")[0].retired_at is not None
    assert "ttl: none → 1h" in str(store.diff("punctuality", 1, 2))
    entries = store.audit()[::-1]
    assert [(e.action, e.name, e.revision) for e in entries][-3:] == [
        ("metadata", "punctuality", 2), ("new version", "punctuality", 3), ("retire", "routes", 4),
    ]  # fmt: skip


def test_runs_and_states_are_there(store: fs.FeatureStore) -> None:
    registry = store.project.registry
    runs = registry.runs(project="flights", view="punctuality")
    assert [(r.number, r.version, r.kind, r.status, r.rows, r.error) for r in runs] == [
        (4, 2, RunKind.FULL, RunStatus.INTERRUPTED, None, None),
        (3, 2, RunKind.FULL, RunStatus.FAILED, None, "no room"),
        (2, 1, RunKind.INCREMENTAL, RunStatus.SUCCEEDED, 2, None),
        (1, 1, RunKind.FULL, RunStatus.SUCCEEDED, 5, None),
    ]  # fmt: skip
    assert registry.last_runs(project="flights", views=["punctuality", "load"]) == runs[:1]
    state = registry.view_state(project="flights", view="punctuality", version=1)
    assert (state.generation, state.watermark_us, state.last_run) == (1, 1_700_000_100_000_000, 4)


def test_who_uses_what_is_known_of_the_old_definitions_too(store: fs.FeatureStore) -> None:
    other = fs.Entity("plane", join_keys={"tailnum": fs.String, "operator": fs.String})
    changes = store.plan([other]).changes
    assert [(item.change.name, item.change.version) for item in changes] == [
        ("plane", 2), ("load", 2), ("punctuality", 3)
    ]  # fmt: skip
    assert changes[-1].services == ("departures",)
    assert [stored.name for stored in store.project.catalog().users("entity", "route")] == []


def test_it_goes_on(store: fs.FeatureStore) -> None:
    registry = store.project.registry
    run = registry.begin_run(
        project="flights", view="punctuality", version=2, kind=RunKind.FULL,
        end_us=1_700_000_200_000_000, lease=HOUR,
    )  # fmt: skip
    assert run.number == 5
    registry.publish_run(run=run, rows=7)
    assert [version for version, _ in registry.activations(project="flights", view="punctuality")] == [2, 1]
    store.rollback("punctuality")
    (change,) = store.apply([view(2 * HOUR)], message="longer").changes
    assert change.change.version == 3
    (again,) = [c.change for c in store.apply([_routes()]).changes if c.change.kind == "feature_view"]
    assert (again.action, again.version) == ("create", 2)
    kept = registry.versions(project="flights", kind="feature_view", name="routes")
    assert [(stored.version, stored.retired) for stored in kept] == [(1, True), (2, False)]


def _routes() -> fs.FeatureView:
    route = fs.Entity("route", join_keys={"origin": fs.String, "dest": fs.String})
    return fs.FeatureView(
        "routes", entities=[route], source=arrivals, features=[fs.Feature("delay", fs.Float64)]
    )
