"""What people and services ask of a registry, each time with a store of its own: opening it is part of the time."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from time import perf_counter

import featurestore as fs
from benchmarks.protocol import Job, Measurement, Run, peak_bytes
from benchmarks.registries.rows import PROJECT, SIZES, Size, changed_view, newest_view
from featurestore.cli import documents
from featurestore.protocols.records import RunKind

# Later than in the runs before, which have changed the same views.
_FRESH = count(int(time.time()))
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
        measured = {"latencies": latencies, "peak_bytes": peak_bytes(), "registry_mb": job["megabytes"]}
        return measured | {"seconds": statistics.median(latencies) / 1e6}

    return run


def _acts(size: Size) -> dict[str, Act]:
    return {
        "plan": lambda store, number: _check(len(store.plan([changed_view(size, number)]).changes) == 1),
        "plan without a change": lambda store, number: _check(
            not store.plan([newest_view(size, _even(size, number))]).changes
        ),
        "apply": lambda store, number: store.apply(
            [changed_view(size, _even(size, number) + 1, next(_FRESH))]
        ),
        "begin and publish a run": lambda store, number: _run(store, size, number),
        "history": lambda store, number: _check(len(store.history(f"view_{number}")) >= size.versions),
        "diff": lambda store, number: store.diff(f"view_{number}"),
        "describe": lambda store, number: documents.descriptions(store.project, f"view_{number}", None),
        "first online read": lambda store, number: store.get_online_features(
            f"view_{number}", [{f"key_{number % size.entities}": 1}]
        ),
        "latest runs": lambda store, _: _check(len(documents.runs(store.project, limit=20)["runs"]) == 20),
        "audit of a view": lambda store, number: _check(len(store.audit(f"view_{number}", limit=10)) == 10),
        "status of all views": lambda store, _: _check(
            len(documents.status(store.project, now=datetime.now(UTC))["views"]) == size.views
        ),
    }


def _run(store: fs.FeatureStore, size: Size, number: int) -> None:
    registry = store.project.registry
    run = registry.begin_run(
        project=PROJECT,
        view=f"view_{number}",
        version=size.versions,
        kind=RunKind.FULL,
        end_us=time.time_ns() // 1000,
        lease=timedelta(minutes=5),
    )
    registry.publish_run(run=run, rows=1)


def _even(size: Size, number: int) -> int:
    """Views of even numbers stay as they are, so that each run finds them so."""
    return number * 2 % size.views


def _check(right: bool) -> None:
    if not right:
        raise RuntimeError("the registry did not answer what it was filled with")
