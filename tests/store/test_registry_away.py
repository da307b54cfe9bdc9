"""A service whose registry goes away, on a real PostgreSQL server that is stopped."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

import featurestore as fs
from featurestore.errors import RegistryUnavailableError
from featurestore.materialize.generations import Generations
from featurestore.online import serving
from featurestore.online.layout import ViewLayout
from featurestore.testing.servers.postgres import PostgresServer
from tests.store.conftest import NOON, Arrivals

ROWS = [{"tailnum": "A"}, {"tailnum": "B"}]
EXPECTED = [{"tailnum": "A", "delay": 1.0}, {"tailnum": "B", "delay": 2.0}]


@pytest.fixture
def service(
    postgres_to_break: PostgresServer, online_url: str, arrivals: Arrivals, monkeypatch: pytest.MonkeyPatch
) -> Iterator[fs.FeatureStore]:
    """A store that has served once, and whose plans are renewed and old soon."""
    monkeypatch.setattr(serving, "STALE_SECONDS", 0.4)
    arrivals.add("A", NOON, 1.0)
    arrivals.add("B", NOON, 2.0)
    with fs.FeatureStore(registry=postgres_to_break.url, online=online_url, project="flights") as store:
        store.apply([arrivals.view()])
        store.materialize(end=NOON)
        monkeypatch.setattr(store._reader._plans, "_refresh", 0.1)
        assert store.get_online_features("punctuality", ROWS, now=NOON).to_dicts() == EXPECTED
        yield store


def _read_for(seconds: float, service: fs.FeatureStore) -> None:
    began = time.monotonic()
    while time.monotonic() < began + seconds:
        assert service.get_online_features("punctuality", ROWS, now=NOON).to_dicts() == EXPECTED


def test_what_was_published_is_served_on(service: fs.FeatureStore, postgres_to_break: PostgresServer) -> None:
    postgres_to_break.stop()
    _read_for(1.5, service)
    time.sleep(0.5)  # nobody has looked for longer than a plan is good for
    read = asyncio.run(service.get_online_features_async("punctuality", ROWS, now=NOON))
    assert read.to_dicts() == EXPECTED
    with pytest.raises(RegistryUnavailableError):
        service.get_online_features(["punctuality:delay"], ROWS, now=NOON)  # never asked before


def test_what_may_have_been_reclaimed_is_not(
    service: fs.FeatureStore, postgres_to_break: PostgresServer, arrivals: Arrivals
) -> None:
    layout = ViewLayout.of(arrivals.view(), project="flights", version=1)
    postgres_to_break.stop()
    # As another process does that still reaches the registry and has published again.
    Generations(service.project.online, layout).give_back([1])
    with pytest.raises(RegistryUnavailableError):
        _read_for(5, service)


def test_many_that_ask_at_once_build_one_plan(service: fs.FeatureStore) -> None:
    asked: list[str] = []
    revision = service.project.registry.revision

    def slow(*, project: str) -> int:
        asked.append(project)
        time.sleep(0.2)
        return revision(project=project)

    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(8) as threads:
        patch.setattr(service.project.registry, "revision", slow)
        reads = [
            threads.submit(service.get_online_features, ["punctuality:delay"], ROWS, now=NOON)
            for _ in range(8)
        ]
        assert [read.result().to_dicts() for read in reads] == [EXPECTED] * 8
    assert len(asked) < 4  # and one or two that renewed it since
