"""Reads at a given rate on an event loop, while another process materializes into the same Redis, or none does.

The reads begin at random times that are drawn beforehand, whether those before have been answered or not, and
each is timed from the moment it was due: what waits because the server or this process is late counts
(Gil Tene, "How NOT to Measure Latency").
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import selectors
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from pathlib import Path
from time import perf_counter
from typing import Any

import redis

from benchmarks import answer, rows
from benchmarks.data import END, SCALES, Scale
from benchmarks.protocol import Job, Measurement, Run, keep_to_cpu, peak_bytes

_SECONDS = {"smoke": 0.5, "tenth": 4.0, "full": 10.0}
_AT_ONCE = 32
_Read = Callable[[Any], Awaitable[Any]]


def prepare(job: Job) -> Run:
    """Fill the online store; a run finds the highest rate, or reads at the one that it is given."""
    scale = SCALES[job["scale"]]
    store = rows.open_store(Path(job["directory"]), job["online"], rows.definitions(rows.path(scale)))
    store.materialize(end=END)
    keep_to_cpu(os.getpid(), first=True)
    # The default one rounds waiting times up to milliseconds.
    runner = asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selectors.SelectSelector()))

    async def read(request: list[dict[str, int]]) -> Any:
        return (await store.get_online_features_async(rows.service(rows.VIEWS), request)).to_dicts()

    def run(message: Job) -> Measurement:
        requests = _requests(scale, message)
        if message["rate"] is None:
            return runner.run(_highest_rate(read, requests, _SECONDS[job["scale"]]))
        runner.run(_at_once(read, requests))
        with _materializing(job, message) as beside:
            latencies = runner.run(
                open_loop(read, requests, message["rate"], _SECONDS[job["scale"]], seed=message["seed"])
            )
        checked = runner.run(read([{rows.KEY: entity} for entity in range(message["entities"])]))
        return _measured(latencies, beside.rows_per_second) | {
            "answer": answer.of_matrix(rows.matrix(checked))
        }

    return run


def _requests(scale: Scale, message: Job) -> Iterator[list[dict[str, int]]]:
    rng, population = random.Random(message["seed"]), range(scale.entities)
    while True:
        yield [{rows.KEY: entity} for entity in rng.choices(population, k=message["entities"])]


def _measured(latencies: list[float], rows_written: float) -> Measurement:
    percentiles = statistics.quantiles(latencies, n=1000)
    return {
        "latencies": latencies,
        "seconds": statistics.median(latencies) / 1e6,
        "p99_us": percentiles[989],
        "p999_us": percentiles[998],
        "rows_written_per_second": rows_written,
        "peak_bytes": peak_bytes(),
    }


async def _at_once(read: _Read, requests: Iterator[Any]) -> None:
    """So many reads that all connections are open."""
    await asyncio.gather(*(read(next(requests)) for _ in range(_AT_ONCE)))


async def _highest_rate(read: _Read, requests: Iterator[Any], seconds: float) -> Measurement:
    """As many reads as can be, so many of them under way at any moment."""
    loop, count = asyncio.get_running_loop(), 0
    until = loop.time() + seconds

    async def work() -> None:
        nonlocal count
        while loop.time() < until:
            await read(next(requests))
            count += 1

    await _at_once(read, requests)
    began = perf_counter()
    await asyncio.gather(*(work() for _ in range(_AT_ONCE)))
    return {"calls_per_second": count / (perf_counter() - began)}


async def open_loop(
    read: _Read, requests: Iterator[Any], rate: float, seconds: float, *, seed: int
) -> list[float]:
    """The time from when each read was due until it was answered, in microseconds."""
    rng = random.Random(seed)
    latencies: list[float] = []

    async def one(due: float, request: Any) -> None:
        await read(request)
        latencies.append((perf_counter() - due) * 1e6)

    due = began = perf_counter()
    async with asyncio.TaskGroup() as group:
        while due < began + seconds:
            due += rng.expovariate(rate)
            request = next(requests)
            # Also where it is late already: else those that wait would hold up the ones that are to come.
            await asyncio.sleep(max(0.0, due - perf_counter()))
            group.create_task(one(due, request))
    return latencies


@dataclass(slots=True)
class _Beside:
    rows_per_second: float = 0.0


@contextmanager
def _materializing(job: Job, message: Job) -> Iterator[_Beside]:
    """Another process that materializes again and again, from its first row to the end of this, if it is wanted."""
    beside = _Beside()
    if not message["writing"]:
        yield beside
        return
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    writer = context.Process(target=_materialize, args=(job, message["max_rows_per_second"], ready))
    writer.start()
    client: Any = redis.Redis.from_url(job["beside"])
    try:
        if not ready.wait(timeout=120):
            raise RuntimeError("the process that is to materialize did not begin")
        while not client.dbsize():
            if not writer.is_alive():
                raise RuntimeError("the process that materializes has ended; its error is above")
            time.sleep(0.01)
        began, before = perf_counter(), client.dbsize()
        yield beside
        # Nothing goes meanwhile: what a run replaces stays readable for longer.
        beside.rows_per_second = (client.dbsize() - before) / (perf_counter() - began)
    finally:
        writer.terminate()
        writer.join()
        client.flushdb()


def _materialize(job: Job, rate: float | None, ready: Event) -> None:
    """Until it is ended."""
    import duckdb  # noqa: F401  its import is not part of it

    if sys.platform == "linux":
        # Gives way at once to whoever else wants the processor, as if it were on another machine.
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    directory = Path(job["directory"]) / f"beside-{os.getpid()}"
    directory.mkdir()
    file = rows.many_path(SCALES[job["scale"]], job["rows"])
    store = rows.open_store(directory, job["beside"], rows.definitions(file, views=1))
    ready.set()
    while True:
        store.materialize(end=END, max_rows_per_second=rate)
