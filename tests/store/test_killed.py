"""A materialization that is killed leaves correct rows, a registry that says so, and can be run again."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import featurestore as fs
from featurestore.errors import SourceError
from featurestore.protocols.records import RunStatus
from tests.store.conftest import HOUR, NOON, Arrivals, online_values
from tests.store.killed_run import POINTS

TAILS = [f"N{number}" for number in range(50)]


def materialize_and_die(tmp_path: Path, online_url: str, kind: str, point: str) -> None:
    registry = f"sqlite:///{tmp_path}/registry.db"
    command = [sys.executable, "-m", "tests.store.killed_run", registry, online_url, kind, point]
    ended = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, cwd=Path(__file__).parents[2]
    )
    assert ended.returncode == -9, ended.stderr


@pytest.mark.parametrize("kind", ["full", "incremental"])
@pytest.mark.parametrize("point", POINTS)
def test_killed_at(
    point: str,
    kind: str,
    open_store: Callable[..., fs.FeatureStore],
    online_url: str,
    arrivals: Arrivals,
    tmp_path: Path,
) -> None:
    for number, tail in enumerate(TAILS):
        arrivals.add(tail, NOON, float(number))
    store = open_store()
    store.apply([arrivals.view()])
    store.materialize(end=NOON)
    store.push("punctuality", [{"tailnum": "pushed", "arrived_at": NOON + 2 * HOUR, "delay": 7.0}])
    for number, tail in enumerate(TAILS):
        arrivals.add(tail, NOON + HOUR, 100.0 + number)

    materialize_and_die(tmp_path, online_url, kind, point)

    before = [float(number) for number in range(50)]
    after = [100.0 + number for number in range(50)]
    serving = open_store()
    values = online_values(serving, TAILS, NOON + HOUR)
    runs = serving.project.registry.runs(project="flights", view="punctuality")
    if point == "after_publish":
        assert values == after
        assert runs[0].status is RunStatus.SUCCEEDED
    else:
        if kind == "full":
            assert values == before
        else:
            assert all(value in pair for value, *pair in zip(values, before, after, strict=True))
        begun = point != "before_begin"
        assert [run.status for run in runs] == [RunStatus.INTERRUPTED] * begun + [RunStatus.SUCCEEDED]
        state = serving.project.registry.view_state(project="flights", view="punctuality", version=1)
        assert state.watermark_us == int(NOON.timestamp() * 1e6)

    run = store.materialize if kind == "full" else store.materialize_incremental
    run(end=NOON + HOUR)
    assert online_values(store, [*TAILS, "pushed"], NOON + 2 * HOUR) == [*after, 7.0]
    assert online_values(store, ["N0", "gone"], NOON + HOUR) == [100.0, "NOT_FOUND"]
    assert store.project.registry.runs(project="flights")[0].status is RunStatus.SUCCEEDED


def test_a_failed_run_says_why_and_gives_the_lease_back(
    open_store: Callable[..., fs.FeatureStore], arrivals: Arrivals
) -> None:
    store = open_store()
    arrivals.add("A", NOON, 1.0)
    store.apply([arrivals.view()])
    store.materialize(end=NOON)
    good = arrivals.path.read_bytes()
    arrivals.path.write_bytes(good[: len(good) // 2] + b"x" * 100)
    with pytest.raises(SourceError, match="arrivals"):
        store.materialize(end=NOON)
    assert online_values(store, ["A"], NOON) == [1.0]
    arrivals.path.write_bytes(good)
    store.materialize(end=NOON)
    assert online_values(store, ["A"], NOON) == [1.0]
