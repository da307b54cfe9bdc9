"""The floors of writing, and how reads under load are timed."""

from __future__ import annotations

import asyncio
import itertools
import time

import numpy as np
import pytest
import redis

from benchmarks.contenders.load import open_loop
from benchmarks.floors.writes import BareWriter, sized_like
from benchmarks.used_memory import UsedMemory

ENTITIES = np.arange(250)


@pytest.fixture
def writer(redis_url: str) -> BareWriter:
    return BareWriter(redis_url, key_bytes=40, row_bytes=100, width=8)


def _features(value: float) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    return np.full((len(ENTITIES), 8), value)


def test_rows_and_keys_are_as_large_as_those_that_they_stand_for(writer: BareWriter, redis_url: str) -> None:
    pairs = writer.pairs(ENTITIES, _features(1.0))
    assert len(pairs) == len(ENTITIES)
    assert {(len(key), len(row)) for key, row in pairs.items()} == {(40, 100)}
    writer.replace(pairs)
    again = sized_like(redis_url, redis_url, width=8)
    assert again.pairs(ENTITIES, _features(1.0)) == pairs
    assert (again.read(ENTITIES) == 1.0).all()


def test_the_newest_row_wins_by_the_script_alone(writer: BareWriter) -> None:
    writer.keep_newest(writer.pairs(ENTITIES, _features(2.0), event=2))
    writer.keep_newest(writer.pairs(ENTITIES, _features(1.0), event=1))
    assert (writer.read(ENTITIES) == 2.0).all()
    writer.keep_newest(writer.pairs(ENTITIES, _features(3.0), event=300))
    assert (writer.read(ENTITIES) == 3.0).all()
    writer.replace(writer.pairs(ENTITIES, _features(1.0), event=1))
    assert (writer.read(ENTITIES) == 1.0).all()


def test_memory_of_rows_is_counted_from_when_it_was_asked(writer: BareWriter, redis_url: str) -> None:
    used = UsedMemory(redis_url)
    writer.replace(writer.pairs(ENTITIES, _features(1.0)))
    found = used.since(len(ENTITIES))
    assert (found["name_bytes"], found["payload_bytes"]) == (40, 100)
    assert found["memory_usage"] >= 140
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
        client.hset("h", mapping={"abcd": b"12345678", "efgh": b"1234"})
    assert UsedMemory(redis_url).since(1)["payload_bytes"] == 20


def test_reads_that_wait_for_one_before_them_are_timed_from_when_they_were_due() -> None:
    begun: list[float] = []

    async def read(_: object) -> None:
        begun.append(time.perf_counter())
        if len(begun) == 1:
            time.sleep(0.1)  # noqa: ASYNC251  as a loop that is held up

    began = time.perf_counter()
    latencies = asyncio.run(open_loop(read, itertools.repeat(None), 1_000, 0.2, seed=1))
    assert len(latencies) == len(begun) >= 150
    # Those that were due in the tenth of a second in which nothing went on: most of a hundred.
    assert sum(latency > 20_000 for latency in latencies) >= 50
    assert begun[-1] - began >= 0.15
