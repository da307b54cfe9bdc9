"""Generations that are not served are given back, whatever happened; rows that the online store lost come back."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis

import featurestore as fs
from featurestore.errors import OnlineStoreUnavailableError
from featurestore.protocols.records import RunKind
from featurestore.testing.servers import RedisServer
from tests.store.conftest import HOUR, NOON, Arrivals, online_values
from tests.store.test_killed import materialize_and_die

TAILS = ["A", "B"]


def kept_for_good(online_url: str) -> set[int]:
    """The generations with rows that nothing will reclaim."""
    if online_url.startswith("sqlite"):
        with sqlite3.connect(urlsplit(online_url).path[1:]) as connection:
            found = connection.execute(
                "SELECT DISTINCT name FROM spaces JOIN rows ON space = id WHERE spaces.expires_at IS NULL"
            ).fetchall()
        names = [name for (name,) in found]
    else:
        with redis.Redis.from_url(online_url) as client:
            names = [key.partition(b"{")[0] for key in client.scan_iter() if client.pttl(key) == -1]
    return {int(name.removesuffix(b"pushed").rstrip(b":").rpartition(b":")[2]) for name in names} - {0}


@pytest.fixture
def filled(open_store: Callable[..., fs.FeatureStore], arrivals: Arrivals) -> fs.FeatureStore:
    for tail in TAILS:
        arrivals.add(tail, NOON, 1.0)
    store = open_store()
    store.apply([arrivals.view()])
    store.materialize(end=NOON)
    store.push("punctuality", [{"tailnum": "A", "arrived_at": NOON + HOUR, "delay": 7.0}])
    return store


@pytest.mark.parametrize("point", ["half_of_a_write", "after_publish"])
def test_what_a_killed_run_leaves_is_given_back_by_the_next_full_one(
    point: str, filled: fs.FeatureStore, online_url: str, tmp_path: Path
) -> None:
    materialize_and_die(tmp_path, online_url, "full", point)
    (report,) = filled.materialize(end=NOON + HOUR)
    latest = filled.project.registry.runs(project="flights")[0]
    assert (report.rows, latest.number) == (2, 3)
    assert kept_for_good(online_url) == {3}


def test_a_retired_view_is_given_back_with_what_killed_runs_left(
    filled: fs.FeatureStore, online_url: str, tmp_path: Path
) -> None:
    materialize_and_die(tmp_path, online_url, "full", "after_writes")
    assert kept_for_good(online_url) == {1, 2}
    filled.retire(["punctuality"])
    assert kept_for_good(online_url) == set()


def test_a_store_that_fails_after_the_publication_is_cleared_later(
    filled: fs.FeatureStore, online_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(filled.project.online, "retire", _unavailable)
        with pytest.raises(OnlineStoreUnavailableError):
            filled.materialize(end=NOON)
    assert online_values(filled, TAILS, NOON + HOUR) == [7.0, 1.0]
    filled.materialize(end=NOON)
    assert kept_for_good(online_url) == {3}


def _unavailable(**_: object) -> None:
    raise OnlineStoreUnavailableError("The online store went away.")


def test_an_incremental_run_fills_anew_a_store_that_has_lost_everything(
    arrivals: Arrivals,
    redis_to_break: RedisServer,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    registry = f"sqlite:///{tmp_path}/registry.db"
    with fs.FeatureStore(registry=registry, online=redis_to_break.url, project="flights") as store:
        for tail in TAILS:
            arrivals.add(tail, NOON, 1.0)
        store.apply([arrivals.view()])
        store.materialize(end=NOON)
        assert store.materialize_incremental(end=NOON)[0].kind is RunKind.INCREMENTAL
        redis_to_break.kill()
        redis_to_break.start()
        assert online_values(store, TAILS, NOON) == ["NOT_FOUND", "NOT_FOUND"]
        (report,) = store.materialize_incremental(end=NOON + HOUR)
        assert (report.kind, report.rows) == (RunKind.FULL, 2)
        assert online_values(store, TAILS, NOON + HOUR) == [1.0, 1.0]
        assert "does not hold all that was published of view punctuality" in caplog.text
        assert store.materialize_incremental(end=NOON + HOUR)[0].kind is RunKind.INCREMENTAL


def test_an_incremental_run_fills_anew_a_replica_that_has_missed_the_last_rows(
    arrivals: Arrivals,
    redis_to_break: RedisServer,
    tmp_path: Path,
) -> None:
    options = {"registry": f"sqlite:///{tmp_path}/registry.db", "project": "flights"}
    arrivals.add("A", NOON, 1.0)
    arrivals.add("B", NOON, 1.0)
    with (
        RedisServer.start_new() as replica,
        fs.FeatureStore(online=redis_to_break.url, **options) as store,
        fs.FeatureStore(online=replica.url, **options) as failed_over,
        redis.Redis.from_url(redis_to_break.url) as primary,
        redis.Redis.from_url(replica.url) as client,
    ):
        store.apply([arrivals.view()])
        store.materialize(end=NOON)
        for key in primary.scan_iter():  # as a replica that was cut off at this moment has it
            client.restore(key, 0, primary.dump(key))
        arrivals.add("A", NOON + HOUR, 2.0)
        store.materialize_incremental(end=NOON + HOUR)
        redis_to_break.kill()
        assert online_values(failed_over, TAILS, NOON + HOUR) == [1.0, 1.0]
        assert failed_over.materialize_incremental(end=NOON + HOUR)[0].kind is RunKind.FULL
        assert online_values(failed_over, TAILS, NOON + HOUR) == [2.0, 1.0]


def test_a_store_whose_file_is_deleted_goes_on_in_the_new_one(arrivals: Arrivals, tmp_path: Path) -> None:
    options = {"registry": f"sqlite:///{tmp_path}/registry.db", "online": f"sqlite:///{tmp_path}/online.db"}
    arrivals.add("A", NOON, 1.0)
    with fs.FeatureStore(project="flights", **options) as store:
        store.apply([arrivals.view()])
        store.materialize(end=NOON)
        for file in tmp_path.glob("online.db*"):
            file.unlink()
        store.push("punctuality", [{"tailnum": "B", "arrived_at": NOON, "delay": 7.0}])
        with fs.FeatureStore(project="flights", **options) as other:
            assert online_values(other, ["A", "B"], NOON) == ["NOT_FOUND", 7.0]
            assert store.materialize_incremental(end=NOON)[0].kind is RunKind.FULL
            assert online_values(store, ["A"], NOON) == [1.0]
            assert online_values(other, ["A"], NOON) in (
                [1.0],
                ["NOT_FOUND"],
            )  # before or after its next look


def test_a_registry_that_is_away_is_not_asked_at_each_read(
    filled: fs.FeatureStore, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans = filled._reader._plans
    monkeypatch.setattr(plans, "_refresh", 0.2)
    assert online_values(filled, TAILS, NOON + HOUR) == [7.0, 1.0]
    monkeypatch.setattr(filled.project.registry, "revision", _unavailable)
    began = time.monotonic()
    while time.monotonic() < began + 1:
        assert online_values(filled, TAILS, NOON + HOUR) == [7.0, 1.0]
    assert 1 <= caplog.text.count("could not be renewed") <= 5
