"""Rule 8 with several at work: pushes and runs at the same time, and reads while a run publishes."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Self

import pytest

import featurestore as fs
from featurestore.errors import InvalidTimeError, LeaseHeldError
from featurestore.protocols.records import Run, RunStatus
from featurestore.testing import oracle
from tests.law.histories import FEATURES, MICROSECOND, MINUTE, NOON, Row, write
from tests.law.stores import ENGINES, Stores

CLOCKS = timedelta(milliseconds=5)  # how far the registry's clock may differ from ours
ENTITIES = range(4)


def view_over(path: Path, name: str = "view", ttl: timedelta | None = None) -> fs.FeatureView:
    source = fs.ParquetSource(
        f"source_of_{name}", path=str(path), event_timestamp="at", created_timestamp="made"
    )
    entity = fs.Entity("e", join_keys={"a": fs.Int64})
    return fs.FeatureView(name, entities=[entity], source=source, features=FEATURES, ttl=ttl)


def row(key: int, at: datetime, number: int) -> Row:
    columns = {"a": key, "b": None, "at": at, "made": at, "seen": None, "id": None}
    return {**columns, "n": number, "x": float(number), "s": None}


# -------------------------------------------------------------------------------- pushes and runs at once


@dataclass(frozen=True)
class Pushed:
    row: Row
    began: datetime
    ended: datetime

    def fate(self, run: Run) -> bool | None:
        """Whether the row survives a run; None if it was pushed as the run began."""
        if self.row["at"] > oracle.from_instant(run.end_us) or self.began > run.began_at + CLOCKS:
            return True
        return False if self.ended < run.began_at - CLOCKS else None


def push_some(store: fs.FeatureStore, chance: random.Random, first: int) -> list[Pushed]:
    """Events tell pushed rows apart, and often equal an event of the source."""
    done = []
    for number in range(first, first + 20):
        event = NOON + chance.randrange(10) * MINUTE + chance.choice([0, number]) * MICROSECOND
        made = {"made": event + number * MICROSECOND}
        pushed = {**row(chance.choice(ENTITIES), event, number), **made}
        began = datetime.now(UTC)
        store.push("view", [pushed])
        done.append(Pushed(pushed, began, datetime.now(UTC)))
        time.sleep(chance.random() / 50)
    return done


def run_some(store: fs.FeatureStore, chance: random.Random) -> None:
    for minute in range(1, 9, 2):
        end = NOON + (minute + chance.randrange(2)) * MINUTE
        run = chance.choice([store.materialize, store.materialize_incremental])
        try:
            run(end=end)
        except (LeaseHeldError, InvalidTimeError):
            time.sleep(chance.random() / 20)  # another store is at it, or is ahead


def allowed(last: oracle.Latest | None, pushed: list[Pushed], runs: list[Run]) -> list[object]:
    """The values that the law allows for an entity: with each push whose fate is open, and without."""
    fates = [(each, [each.fate(run) for run in runs]) for each in pushed]
    alive = [each.row for each, fate in fates if all(f is True for f in fate)]
    unsure = [each.row for each, fate in fates if False not in fate and None in fate]
    best = max(alive, key=_age, default=None)
    found: list[object] = []
    if last is not None and (best is None or best["at"] <= oracle.from_instant(last.event)):
        found.append(last.values["n"])
        unsure = [each for each in unsure if each["at"] > oracle.from_instant(last.event)]
    else:
        found.append(None if best is None else best["n"])
        unsure = [each for each in unsure if best is None or _age(each) > _age(best)]
    return found + [each["n"] for each in unsure]


def _age(pushed: Row) -> tuple[datetime, datetime]:
    return pushed["at"], pushed["made"]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("seed", range(4))
def test_stores_that_push_and_materialize_at_once(stores: Stores, engine: str, seed: int) -> None:
    project, chance = stores.new_project(), random.Random(seed)
    path = stores.folder / f"{project}.parquet"
    rows = [row(k, NOON + minute * MINUTE, -minute - 1) for k in ENTITIES for minute in range(k, 10, 2)]
    write(rows, path)
    view = view_over(path)
    with ExitStack() as opened, ThreadPoolExecutor(4) as threads:
        each = [opened.enter_context(stores.open(engine, project)) for _ in range(4)]
        each[0].apply([view])
        each[0].materialize(end=NOON)
        seeds = [random.Random(chance.random()) for _ in each]
        pushes = [threads.submit(push_some, each[i], seeds[i], 1 + 100 * i) for i in (0, 1)]
        running = [threads.submit(run_some, each[i], seeds[i]) for i in (2, 3)]
        for future in running:
            future.result()
        pushed = [one for future in pushes for one in future.result()]
        runs = each[0].project.registry.runs(project=project, view="view")
        assert {run.status for run in runs} == {RunStatus.SUCCEEDED}
        last = oracle.latest(view, rows, oracle.from_instant(runs[0].end_us))
        now = NOON + 20 * MINUTE
        answer = each[1].get_online_features("view", [{"a": k} for k in ENTITIES], now=now)
        each[1].close()
    for key, value in zip(ENTITIES, answer.to_dict()["n"], strict=True):
        its_own = [one for one in pushed if one.row["a"] == key]
        assert value in allowed(last.get((key,)), its_own, runs), f"entity {key}, {its_own}, {runs}"


# --------------------------------------------------------------------------- reads while a run publishes


KEYS, GENERATIONS = 300, 8


def generation(number: int) -> list[Row]:
    """All values are the generation's number, and a third of the entities is missing, another one each time."""
    return [row(key, NOON + number * MINUTE, number) for key in range(KEYS) if key % 3 != number % 3]


class Readers:
    """Threads that read until they are stopped; what they raise is raised at the end."""

    def __init__(self, reads: Sequence[Callable[[random.Random, int], int]]) -> None:
        self._reads = reads
        self._stop = threading.Event()
        self._threads = ThreadPoolExecutor(len(reads))

    def __enter__(self) -> Self:
        self._running = [self._threads.submit(self._go_on, read, i) for i, read in enumerate(self._reads)]
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        with self._threads:
            self.counts = [future.result() for future in self._running]

    def _go_on(self, read: Callable[[random.Random, int], int], seed: int) -> int:
        chance, count, seen = random.Random(seed), 0, 0
        while not self._stop.is_set():
            seen = read(chance, seen)
            count += 1
        return count


def read_one_generation(store: fs.FeatureStore, chance: random.Random, seen: int) -> int:
    """Both views' answers are complete generations, not older than what was seen before."""
    keys = chance.sample(range(KEYS), 30)
    found = store.get_online_features(
        ["one", "two"], {"a": keys}, full_feature_names=True, now=NOON + 100 * MINUTE
    ).to_dict()
    numbers: list[int] = []
    for name in ("one__n", "two__n"):
        (number,) = {value for value in found[name] if value is not None}
        assert found[name] == [None if key % 3 == number % 3 else number for key in keys]
        numbers.append(number)
    assert min(numbers) >= seen, "an older generation came back"
    return min(numbers)


@pytest.mark.parametrize("engine", ENGINES)
def test_reads_see_one_generation_while_runs_publish(
    stores: Stores, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also while each third run activates a new version."""
    project = stores.new_project()
    path = stores.folder / f"{project}.parquet"
    write(generation(0), path)
    with stores.open(engine, project) as writing, quick(stores, engine, project) as serving:
        writing.apply([view_over(path, "one"), view_over(path, "two")])
        writing.materialize(end=NOON)
        reads = [partial(read_one_generation, store) for store in (writing, writing, serving, serving)]
        with Readers(reads) as readers:
            for number in range(1, GENERATIONS):
                write(generation(number), path)
                if number % 3 == 0:
                    ttl = timedelta(days=1000 + number)
                    writing.apply([view_over(path, name, ttl) for name in ("one", "two")])
                writing.materialize(end=NOON + number * MINUTE)
                assert read_one_generation(writing, random.Random(number), number) == number
            time.sleep(0.2)
            assert read_one_generation(serving, random.Random(0), 0) == GENERATIONS - 1
        assert min(readers.counts) > GENERATIONS


def quick(stores: Stores, engine: str, project: str) -> fs.FeatureStore:
    """A store that looks for what has been published a hundred times a second."""
    config = stores.folder / f"{project}.toml"
    config.write_text(
        f'project = "{project}"\nregistry = "sqlite:///{stores.folder}/registry.db"\n'
        f'online = "{stores.online}"\noffline = "{engine}"\nrefresh_seconds = 0.01\n'
    )
    return fs.FeatureStore(config=config)
