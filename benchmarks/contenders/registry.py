"""What people and services ask of a registry, each time with a store of its own: opening it is part of the time."""

from __future__ import annotations

import gc
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

import featurestore as fs
from benchmarks.protocol import Job, Measurement, Run, peak_bytes
from benchmarks.registries.rows import PROJECT, SIZES, Size, changed_view, newest_view
from featurestore.cli import documents

Act = Callable[[fs.FeatureStore, int], object]


def prepare(job: Job) -> Run:
    """Choose the act; one call goes before, so that no import is in the time."""
    size = SIZES[job["size"]]
    act = _acts(size)[job["act"]]
    online = f"sqlite:///{Path(job['directory']) / 'online.db'}"

    def call(number: int) -> float:
        start = perf_counter()
        with fs.FeatureStore(registry=job["registry"], online=online, project=PROJECT) as store:
            act(store, number % size.views)
            return perf_counter() - start

    call(0)

    def run(_: Job) -> Measurement:
        gc.collect()
        latencies = [call(17 + 31 * number) * 1e6 for number in range(job["calls"])]
        return {"latencies": latencies, "peak_bytes": peak_bytes(), "registry_mb": job["megabytes"]}

    return run


def _acts(size: Size) -> dict[str, Act]:
    return {
        "plan": lambda store, number: _check(len(store.plan([changed_view(size, number)]).changes) == 1),
        "plan without a change": lambda store, number: _check(
            not store.plan([newest_view(size, number)]).changes
        ),
        "history": lambda store, number: _check(len(store.history(f"view_{number}")) == size.versions),
        "diff": lambda store, number: store.diff(f"view_{number}"),
        "describe": lambda store, number: documents.descriptions(store.project, f"view_{number}", None),
        "first online read": lambda store, number: store.get_online_features(
            f"view_{number}", [{f"key_{number % size.entities}": 1}]
        ),
        "latest runs": lambda store, _: _check(len(documents.runs(store.project, limit=20)["runs"]) == 20),
        "audit of a view": lambda store, number: _check(len(store.audit(f"view_{number}", limit=20)) == 20),
        "status of all views": lambda store, _: _check(
            len(documents.status(store.project, now=datetime.now(UTC))["views"]) == size.views
        ),
    }


def _check(right: bool) -> None:
    if not right:
        raise RuntimeError("the registry did not answer what it was filled with")
