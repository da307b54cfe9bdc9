"""Reads from the embedded store: one process alone, and many while one writes."""

from __future__ import annotations

import multiprocessing
import random
import statistics
import time
from collections.abc import Callable
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import answer, rows
from benchmarks.data import END, SCALES, Scale
from benchmarks.protocol import Job, Measurement, Run, peak_bytes, timed_calls

READ_SECONDS = {"smoke": 1.0, "tenth": 3.0, "full": 10.0}


def prepare(job: Job) -> Run:
    """Fill a file; each run reads from it."""
    scale, directory = SCALES[job["scale"]], Path(job["directory"])
    if job["kind"] == "ours":
        store = _open(job, directory)
        store.materialize(end=END)
        if "readers" in job:
            return lambda _: _beside_a_writer(job, directory)
        return _reads(
            lambda request: store.get_online_features(_service(job), request).to_dicts(), scale, dicts=True
        )
    return _reads(_bare(job, scale, directory).to_dicts, scale, dicts=False)


def _open(job: Job, directory: Path) -> Any:
    file = rows.path(SCALES[job["scale"]])
    return rows.open_store(
        directory, f"sqlite:///{directory / 'online.db'}", rows.definitions(file, wide=job["views"] == 1)
    )


def _service(job: Job) -> str:
    return rows.WIDE if job["views"] == 1 else rows.service(job["views"])


def _bare(job: Job, scale: Scale, directory: Path) -> Any:
    from benchmarks.floors.embedded import BareFile

    width = len(rows.NAMES) // job["views"]
    bare = BareFile(directory / "bare.db", names=rows.NAMES, width=width, lawful=job["kind"] == "lawful")
    bare.load(rows.values(rows.path(scale), len(rows.NAMES)))
    return bare


def _reads(read: Callable[[Any], list[dict[str, Any]]], scale: Scale, *, dicts: bool) -> Run:
    def request(entities: list[int]) -> Any:
        return [{rows.KEY: entity} for entity in entities] if dicts else entities

    def run(message: Job) -> Measurement:
        rng = random.Random(message["seed"])
        requests = [
            request(rng.choices(range(scale.entities), k=message["entities"]))
            for _ in range(message["calls"])
        ]
        measured = timed_calls(read, requests)
        checked = read(request(list(range(message["entities"]))))
        matrix = np.array([[row[name] for name in rows.NAMES] for row in checked])
        return measured | {"answer": answer.of_matrix(matrix)}

    return run


def _beside_a_writer(job: Job, directory: Path) -> Measurement:
    """Processes that read as fast as they can, while another fills the file anew again and again, or not."""
    context = multiprocessing.get_context("spawn")
    stop, answers = context.Event(), context.Queue()
    ready = context.Barrier(job["readers"] + job["writing"] + 1)
    others = [
        context.Process(target=_read_until_told, args=(job, directory, ready, stop, answers))
        for _ in range(job["readers"])
    ]
    if job["writing"]:
        others.append(context.Process(target=_write_until_told, args=(job, directory, ready, stop, answers)))
    for other in others:
        other.start()
    ready.wait()
    time.sleep(READ_SECONDS[job["scale"]])
    stop.set()
    found = [answers.get(timeout=300) for _ in others]
    for other in others:
        other.join()
    latencies = [latency for one in found for latency in one.get("latencies", ())]
    return {
        "latencies": latencies,
        "seconds": statistics.median(latencies) / 1e6,
        "calls_per_second": sum(one.get("rate", 0.0) for one in found),
        "rows_written": sum(one.get("written", 0) for one in found),
        "wrong": sum(one.get("wrong", 0) for one in found),
        "peak_bytes": peak_bytes(),
    }


def _read_until_told(job: Job, directory: Path, ready: Barrier, stop: Event, answers: Any) -> None:
    """Each answer is compared with the numbers that all generations have in common."""
    scale = SCALES[job["scale"]]
    expected = rows.values(rows.path(scale), len(rows.NAMES)).tolist()
    store, rng = _open(job, directory), random.Random(1)
    service, latencies, wrong = _service(job), [], 0
    store.get_online_features(service, [{rows.KEY: 0}])
    ready.wait()
    began = time.perf_counter()
    while not stop.is_set():
        entity = rng.randrange(scale.entities)
        start = time.perf_counter()
        (row,) = store.get_online_features(service, [{rows.KEY: entity}]).to_dicts()
        latencies.append((time.perf_counter() - start) * 1e6)
        wrong += list(row.values())[1:] != expected[entity]
    rate = len(latencies) / (time.perf_counter() - began)
    answers.put({"latencies": latencies, "rate": rate, "wrong": wrong})


def _write_until_told(job: Job, directory: Path, ready: Barrier, stop: Event, answers: Any) -> None:
    store, written = _open(job, directory), 0
    ready.wait()
    while not stop.is_set():
        written += sum(report.rows for report in store.materialize(end=END))
    answers.put({"written": written})
