"""Feast as a contender; run by the Python of its own environment (`feast_env`)."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, ValueType
from feast.repo_config import RepoConfig
from feast.types import Float64, Int64

from benchmarks import answer, rows
from benchmarks.data import END, FEATURES, SCALES, START, Scale
from benchmarks.protocol import Job, Measurement, Run, serve, timed, timed_calls
from benchmarks.used_memory import UsedMemory

VIEW = "customer_measurements"
REFERENCES = [f"{VIEW}:{name}" for name in FEATURES]
_NO_LIMIT = timedelta(0)


def prepare(job: Job) -> Run:
    """Apply the definitions to a registry of its own; the run is the timed part."""
    scale = SCALES[job["scale"]]
    directory = Path(job["directory"])
    config = RepoConfig(
        project="benchmark",
        provider="local",
        registry=str(directory / "registry.db"),
        offline_store={"type": job["engine"]},
        online_store={"type": "redis", "connection_string": _connection(job["online"])},
        entity_key_serialization_version=3,
    )
    store = FeatureStore(config=config, repo_path=directory)
    if job["benchmark"] == "memory":
        return _memory(store, scale, job)
    served = job["benchmark"] == "online"
    store.apply(
        _served_definitions(scale, _served_views(job["width"]))
        if served
        else _definitions(scale.source(job["order"]))
    )
    runs: dict[str, Callable[[FeatureStore, Scale], Run]] = {
        "historical": _historical,
        "materialize": lambda store, _: _materialize(store),
        "online": partial(_online, width=job.get("width", rows.WIDTH)),
    }
    return runs[job["benchmark"]](store, scale)


def _connection(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port},db={parts.path.lstrip('/') or 0}"


def _definitions(source: Path) -> list[Any]:
    entity = Entity(name="customer", join_keys=["entity_id"], value_type=ValueType.INT64)
    rows = FileSource(
        name="measurements",
        path=str(source),
        timestamp_field="event_timestamp",
        created_timestamp_column="created_timestamp",
    )
    view = FeatureView(
        name=VIEW,
        entities=[entity],
        source=rows,
        ttl=_NO_LIMIT,
        schema=[Field(name="entity_id", dtype=Int64), *(Field(name=f, dtype=Float64) for f in FEATURES)],
    )
    return [entity, rows, view]


def _historical(store: FeatureStore, scale: Scale) -> Run:
    entity_rows = pd.read_parquet(scale.entity_frame)

    def run(_: Job) -> Measurement:
        table, measured = timed(lambda: store.get_historical_features(entity_rows, REFERENCES).to_arrow())
        return measured | {"rows": table.num_rows, "answer": answer.of_features(table)}

    return run


def _materialize(store: FeatureStore) -> Run:
    def run(_: Job) -> Measurement:
        measured = timed(lambda: store.materialize(START, END))[1]
        return measured | {"answer": _checked(store, answer.CHECKED_ENTITIES)}

    return run


def _served_definitions(scale: Scale, served: dict[str, tuple[str, ...]]) -> list[Any]:
    entity = Entity(name="customer", join_keys=[rows.KEY], value_type=ValueType.INT64)
    source = FileSource(name="rows", path=str(rows.path(scale)), timestamp_field=rows.EVENT)
    views = [
        FeatureView(
            name=view,
            entities=[entity],
            source=source,
            ttl=_NO_LIMIT,
            schema=[Field(name=rows.KEY, dtype=Int64), *(Field(name=name, dtype=Float64) for name in names)],
        )
        for view, names in served.items()
    ]
    return [entity, source, *views]


def _served_views(width: int) -> dict[str, tuple[str, ...]]:
    starts = range(0, len(rows.NAMES), width)
    return {f"part_{number}": rows.NAMES[start : start + width] for number, start in enumerate(starts)}


def _online(store: FeatureStore, scale: Scale, *, width: int) -> Run:
    """Written by `write_to_online_store`: what is measured are the reads, not a materialization."""
    frame, views = pd.read_parquet(rows.path(scale)), _served_views(width)
    for view, names in views.items():
        store.write_to_online_store(view, frame[[rows.KEY, rows.EVENT, *names]])

    def run(message: Job) -> Measurement:
        rng = random.Random(message["seed"])
        count, population = message["entities"], range(scale.entities)
        asked = list(views.items())[: message["views"]]
        references = [f"{view}:{name}" for view, names in asked for name in names]
        calls = [rng.choices(population, k=count) for _ in range(message["calls"])]
        requests = [[{rows.KEY: entity} for entity in some] for some in calls]
        measured = timed_calls(lambda request: _read(store, references, request), requests)
        measured["cpu_us_per_value"] = measured["cpu_us_per_call"] / (count * len(references))
        checked = _read(store, references, [{rows.KEY: entity} for entity in range(count)])
        names = rows.NAMES[: len(references)]
        return measured | {"answer": answer.of_matrix(np.array([checked[name] for name in names]).T)}

    return run


def _memory(store: FeatureStore, scale: Scale, job: Job) -> Run:
    """Written by `write_to_online_store`, which stores what a materialization does."""
    names = rows.NAMES[: job["features"]]
    store.apply(_served_definitions(scale, {VIEW: names}))
    frame = pd.read_parquet(rows.path(scale))[[rows.KEY, rows.EVENT, *names]]
    used = UsedMemory(job["online"])

    def run(_: Job) -> Measurement:
        measured = timed(lambda: store.write_to_online_store(VIEW, frame))[1]
        request = [{rows.KEY: entity} for entity in range(answer.CHECKED_ENTITIES)]
        read = _read(store, [f"{VIEW}:{name}" for name in names], request)
        checked = answer.of_matrix(np.array([read[name] for name in names]).T)
        return measured | used.since(scale.entities) | {"answer": checked}

    return run


def _read(store: FeatureStore, references: list[str], request: list[dict[str, int]]) -> dict[str, list[Any]]:
    values: dict[str, list[Any]] = store.get_online_features(references, request).to_dict()
    return values


def _checked(store: FeatureStore, entities: int) -> str:
    """The checksum of the first entities, read back."""
    values = _read(store, REFERENCES, [{"entity_id": entity} for entity in range(entities)])
    return answer.of_matrix(np.array([values[name] for name in FEATURES], dtype=np.float64).T)


if __name__ == "__main__":
    serve(prepare, ("feast", "duckdb", "dask", "pandas", "pyarrow", "numpy", "redis", "hiredis"))
