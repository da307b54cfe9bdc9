"""A store over each kind of registry, and a view to make versions of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

import featurestore as fs
from tests.store.conftest import HOUR, NOON, Arrivals

OpenStore = Callable[[], fs.FeatureStore]


@pytest.fixture(params=["sqlite", "postgresql"])
def registry_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path}/registry.db"


@pytest.fixture
def open_store(registry_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenStore]:
    monkeypatch.chdir(tmp_path)
    opened: list[fs.FeatureStore] = []

    def open_one() -> fs.FeatureStore:
        opened.append(
            fs.FeatureStore(
                registry=registry_url, online=f"sqlite:///{tmp_path}/online.db", project="flights"
            )
        )
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: OpenStore) -> fs.FeatureStore:
    return open_store()


@pytest.fixture
def arrivals(tmp_path: Path) -> Arrivals:
    """Plane A was 5 late at 9:00 and 7 late at 11:30."""
    import pyarrow.parquet  # noqa: F401 (makes pa.parquet)

    made = Arrivals(tmp_path / "arrivals.parquet")
    made.add("A", NOON - 3 * HOUR, 5.0)
    made.add("A", NOON - HOUR / 2, 7.0)
    return made


def hours(count: int) -> timedelta:
    return count * HOUR


def delay_of_a(store: fs.FeatureStore, features: object, now: datetime = NOON) -> object:
    """The value of plane A online; None if there is none."""
    answer = store.get_online_features(features, [{"tailnum": "A"}], now=now)  # type: ignore[arg-type]
    return answer.to_dict()["delay"][0]
