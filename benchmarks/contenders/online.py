"""Online reads on Redis: the library, and a bare MGET with a bare decode."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Protocol

import numpy as np
import redis

from benchmarks import answer, rows
from benchmarks.data import END, SCALES, Scale
from benchmarks.protocol import WARM_UP, Job, Measurement, Run, peak_bytes, timed_awaits, timed_calls

Matrix = np.ndarray[tuple[int, int], np.dtype[np.float64]]


class Reader(Protocol):
    """One way to read."""

    def request(self, entities: list[int], views: int) -> Any:
        """What is known before the clock starts."""

    def read(self, request: Any, form: str) -> Any:
        """Read into a form."""

    async def read_async(self, request: Any, form: str) -> Any:
        """The same, awaited."""


def prepare(job: Job) -> Run:
    """Fill the contender's online store; each run makes many timed reads into one form."""
    scale, width = SCALES[job["scale"]], job["width"]
    reader: Reader = _Ours(job, scale) if job["kind"] == "ours" else _Bare(job, scale)
    runner = asyncio.Runner()
    server = redis.Redis.from_url(job["online"])

    def run(message: Job) -> Measurement:
        rng = random.Random(message["seed"])
        count, views, form = message["entities"], message["views"], message["form"]
        calls = [rng.choices(range(scale.entities), k=count) for _ in range(message["calls"])]
        requests = [reader.request(some, views) for some in calls]
        warm_up, before = message.get("at_once", WARM_UP), _server_cpu(server)
        if message["mode"] == "sync":
            measured = timed_calls(lambda request: reader.read(request, form), requests)
        elif at_once := message.get("at_once"):
            measured = runner.run(_together(lambda r: reader.read_async(r, form), requests, at_once))
        else:
            measured = runner.run(timed_awaits(lambda r: reader.read_async(r, form), requests))
        made = len(calls) + min(warm_up, len(calls))
        measured["server_us_per_call"] = (_server_cpu(server) - before) * 1e6 / made
        measured["cpu_us_per_value"] = measured["cpu_us_per_call"] / (count * views * width)
        checked = reader.read(reader.request(list(range(count)), views), form)
        return measured | {"answer": answer.of_matrix(_matrix(checked, views * width))}

    return run


def _server_cpu(server: redis.Redis) -> float:
    """The processor time in seconds that the server has taken so far."""
    found: Any = server.info("cpu")
    return float(found["used_cpu_user"] + found["used_cpu_sys"])


async def _together(
    read: Callable[[Any], Awaitable[object]], requests: list[Any], at_once: int
) -> Measurement:
    """All reads, so many of them under way at any moment."""
    waiting = iter(requests)

    async def work() -> None:
        for request in waiting:
            await read(request)

    await asyncio.gather(*(read(request) for request in requests[:at_once]))
    began, cpu = perf_counter(), process_time()
    await asyncio.gather(*(work() for _ in range(at_once)))
    seconds, cpu = perf_counter() - began, process_time() - cpu
    return {
        "seconds": seconds / len(requests),
        "calls_per_second": len(requests) / seconds,
        "cpu_us_per_call": cpu * 1e6 / len(requests),
        "peak_bytes": peak_bytes(),
    }


class _Ours:
    def __init__(self, job: Job, scale: Scale) -> None:
        self._wide = job["width"] > rows.WIDTH
        definitions = rows.definitions(rows.path(scale), wide=self._wide)
        self._store = rows.open_store(Path(job["directory"]), job["online"], definitions)
        self._store.materialize(end=END)

    def request(self, entities: list[int], views: int) -> tuple[str, list[dict[str, int]]]:
        service = rows.WIDE if self._wide else rows.service(views)
        return service, [{rows.KEY: entity} for entity in entities]

    def read(self, request: Any, form: str) -> Any:
        answered = self._store.get_online_features(*request)
        return answered.to_dicts() if form == "dicts" else answered.to_numpy()

    async def read_async(self, request: Any, form: str) -> Any:
        answered = await self._store.get_online_features_async(*request)
        return answered.to_dicts() if form == "dicts" else answered.to_numpy()


class _Bare:
    def __init__(self, job: Job, scale: Scale) -> None:
        from benchmarks.floors.online import BareRows, sizes_in_use

        key_bytes, row_bytes = sizes_in_use(job["model"])
        width, views = job["width"], len(rows.NAMES) // job["width"]
        self._rows = {
            count: BareRows(
                job["online"], key_bytes=key_bytes, row_bytes=row_bytes,
                names=rows.NAMES[: count * width], width=width,
            )
            for count in {1, views}
        }  # fmt: skip
        self._rows[views].load(rows.values(rows.path(scale), len(rows.NAMES)))

    def request(self, entities: list[int], views: int) -> Any:
        bare = self._rows[views]
        return bare, entities, [bare.key(view, entity) for view in range(views) for entity in entities]

    def read(self, request: Any, form: str) -> Any:
        bare, entities, keys = request
        decode = bare.to_dicts if form == "dicts" else bare.to_numpy
        return decode(entities, bare.read(keys))

    async def read_async(self, request: Any, form: str) -> Any:
        bare, entities, keys = request
        decode = bare.to_dicts if form == "dicts" else bare.to_numpy
        return decode(entities, await bare.read_async(keys))


def _matrix(read: Any, features: int) -> Matrix:
    """The features of one read, whatever form they are in."""
    if isinstance(read, np.ndarray):
        return read
    return rows.matrix(read, rows.NAMES[:features])
