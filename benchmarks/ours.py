"""The library under test, used the way its users do: through the public interface only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import featurestore as fs
from benchmarks.data import FEATURES

SERVICE = "benchmark"


def definitions(source: Path) -> list[Any]:
    """The definitions over one Parquet file of the generated source."""
    entity = fs.Entity("customer", join_keys={"entity_id": fs.Int64})
    rows = fs.ParquetSource(
        "measurements",
        path=str(source),
        event_timestamp="event_timestamp",
        created_timestamp="created_timestamp",
    )
    view = fs.FeatureView(
        "customer_measurements",
        entities=[entity],
        source=rows,
        features=[fs.Feature(name, fs.Float64) for name in FEATURES],
    )
    return [entity, rows, view, fs.FeatureService(SERVICE, features=[view])]


def open_store(directory: Path, source: Path, *, online: str, engine: str) -> fs.FeatureStore:
    """A store with a registry of its own and the definitions applied."""
    store = fs.FeatureStore(
        registry=f"sqlite:///{directory / 'registry.db'}",
        online=online,
        offline=engine,
        project="benchmark",
    )
    store.apply(definitions(source))
    return store
