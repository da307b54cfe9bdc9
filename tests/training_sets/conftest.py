"""A store over each kind of registry with a view that is applied, and entity rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import featurestore as fs
from tests.store.conftest import HOUR, NOON, Arrivals
from tests.versions.conftest import open_store, registry_url, store

__all__ = ["open_store", "registry_url", "store"]

HALVES = fs.RandomSplit({"train": 0.5, "test": 0.5})
PLANES = 40


@pytest.fixture
def arrivals(tmp_path: Path) -> Arrivals:
    """Of 40 planes one arrival at 9:00 and one at 10:00."""
    import pyarrow.parquet  # noqa: F401 (makes pa.parquet)

    made = Arrivals(tmp_path / "arrivals.parquet")
    made._rows = [
        (f"P{number}", NOON - hours * HOUR, NOON - hours * HOUR, float(number + hours))
        for number in range(PLANES)
        for hours in (3, 2)
    ]
    made.write()
    return made


@pytest.fixture
def service(store: fs.FeatureStore, arrivals: Arrivals) -> fs.FeatureService:
    made = fs.FeatureService("departures", features=["punctuality:delay"])
    store.apply([arrivals.view(online=False), made])
    return made


def entity_rows(count: int = 1_000, seed: int = 1) -> pa.Table:
    """Rows of the planes between 8:00 and 12:00, in no order, with a label and an untouched column."""
    chance = np.random.default_rng(seed)
    minutes = chance.integers(0, 240, count)
    start = np.datetime64(NOON.replace(tzinfo=None), "us") - np.timedelta64(4, "h")
    return pa.table(
        {
            "tailnum": pa.array([f"P{number}" for number in chance.integers(0, PLANES + 2, count)]),
            "event_timestamp": pa.array(start + minutes.astype("timedelta64[m]"), pa.timestamp("us")),
            "late": pa.array(chance.random(count) < 0.1),
            "row": pa.array(np.arange(count)),
        }
    )


@pytest.fixture
def training_set(store: fs.FeatureStore, service: fs.FeatureService) -> fs.TrainingSet:
    """Of two halves."""
    return store.create_training_set("late-2024", service, entity_rows(), split=HALVES, seed=3)
