"""A process that materializes and kills itself with SIGKILL at a chosen point.

    python -m tests.store.killed_run REGISTRY ONLINE KIND POINT

It is killed for real: no handler runs, no lease is given back, no connection is closed.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import featurestore as fs
from featurestore.materialize import run as materialization
from tests.store.conftest import HOUR, NOON

POINTS = ["before_begin", "after_begin", "first_write", "half_of_a_write", "after_writes", "after_publish"]


def main() -> None:
    registry, online, kind, point = sys.argv[1:]
    store = fs.FeatureStore(registry=registry, online=online, project="flights")
    materialization.WRITE_ROWS = 10
    arrange(store, point)
    run = store.materialize if kind == "full" else store.materialize_incremental
    run(end=NOON + HOUR)


def arrange(store: fs.FeatureStore, point: str) -> None:
    project = store.project
    if point == "before_begin":
        kill_before(project.registry, "begin_run")
    elif point == "after_begin":
        kill_before(project.engine, "latest_features", owner=project)
    elif point == "first_write":
        kill_before(project.online, "write")
    elif point == "half_of_a_write":
        half_a_write(project.online)
    elif point == "after_writes":
        kill_before(project.registry, "publish_run")
    elif point == "after_publish":
        kill_after(project.registry, "publish_run")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def kill_before(target: Any, method: str, owner: Any = None) -> None:
    if owner is not None:
        engine = target()

        def dying(**_: object) -> None:
            die()

        engine.latest_features = dying
        owner.engine = lambda name=None: engine
        return
    setattr(target, method, lambda **_: die())


def kill_after(target: Any, method: str) -> None:
    original = getattr(target, method)

    def then_die(**arguments: object) -> None:
        original(**arguments)
        die()

    setattr(target, method, then_die)


def half_a_write(online: Any) -> None:
    original = online.write
    calls = 0

    def write(*, keys: list[bytes], rows: list[bytes], **arguments: Any) -> None:
        nonlocal calls
        calls += 1
        if calls < 3:
            original(keys=keys, rows=rows, **arguments)
            return
        original(keys=keys[:5], rows=rows[:5], **arguments)
        die()

    online.write = write


if __name__ == "__main__":
    main()
