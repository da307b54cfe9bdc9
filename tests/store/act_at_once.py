"""A process that applies, promotes, rolls back and runs at one registry, in an order that its number decides.

    python -m tests.store.act_at_once REGISTRY NUMBER GO

It prints ``ready``, waits for the file GO, and then prints one JSON line for each act that was done.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import featurestore as fs
from featurestore.errors import LeaseHeldError, RequestError, StaleRegistryError
from featurestore.protocols.records import ChangeAction, RunKind

PROJECT = "crowd"
VIEWS = ("a", "b", "c")
ACTS = 8
ATTEMPTS = 20
LEASE = timedelta(minutes=5)


def view(name: str, ttl: int) -> fs.FeatureView:
    """A view that is not served online; each time to live is a version of its own."""
    return fs.FeatureView(
        name,
        entities=[fs.Entity("thing", join_keys={"id": fs.Int64})],
        source=fs.ParquetSource("things", path="things.parquet", event_timestamp="at"),
        features=[fs.Feature("value", fs.Float64)],
        ttl=timedelta(seconds=ttl),
        online=False,
    )


def main() -> None:
    """Act when told to, and tell what was done."""
    registry, number, go = sys.argv[1:]
    chance = random.Random(int(number))
    with fs.FeatureStore(registry=registry, online="memory://", project=PROJECT) as store:
        store.project.catalog()
        print("ready", flush=True)
        while not Path(go).exists():
            time.sleep(0.001)
        for turn in range(ACTS):
            name = chance.choice(VIEWS)
            act = chance.choice([apply, promote, roll_back, run, run])
            for done in act(store, name, int(number) * ACTS + turn + 1, chance):
                print(json.dumps(done), flush=True)


def apply(store: fs.FeatureStore, name: str, ttl: int, _: random.Random) -> Iterator[dict[str, Any]]:
    """A version that no other process makes."""
    (planned,) = store.apply([view(name, ttl)], message=f"ttl {ttl}").changes
    yield done(planned.change.action, name, planned.change.version, f"ttl {ttl}")


def promote(store: fs.FeatureStore, name: str, mark: int, chance: random.Random) -> Iterator[dict[str, Any]]:
    """Any version that is there; nothing is done if it is the active one."""
    versions = store.project.registry.versions(project=PROJECT, kind="feature_view", name=name)
    version = chance.choice(versions).version
    if store.promote(f"{name}@{version}", message=f"promotion {mark}").changes:
        yield done(ChangeAction.PROMOTE, name, version, f"promotion {mark}")


def roll_back(store: fs.FeatureStore, name: str, mark: int, __: random.Random) -> Iterator[dict[str, Any]]:
    """To the version before; again and again while others come in between, until there is none."""
    for _ in range(ATTEMPTS):
        try:
            plan = store.rollback(name, message=f"rollback {mark}")
        except StaleRegistryError:
            continue  # somebody else was first, which is what this is about; the attempts are counted
        except RequestError:
            return  # there is no version before
        for planned in plan.changes:
            yield done(ChangeAction.ROLLBACK, name, planned.change.version, f"rollback {mark}")
        return


def run(store: fs.FeatureStore, name: str, mark: int, chance: random.Random) -> Iterator[dict[str, Any]]:
    """A run that succeeds or fails, unless another one holds the view."""
    registry = store.project.registry
    newest = registry.versions(project=PROJECT, kind="feature_view", name=name)[-1].version
    try:
        begun = registry.begin_run(
            project=PROJECT, view=name, version=newest, kind=RunKind.FULL,
            end_us=1_000, lease=LEASE,
        )  # fmt: skip
    except LeaseHeldError:
        return
    registry.extend_lease(run=begun, lease=LEASE)
    if chance.random() < 0.7:
        registry.publish_run(run=begun, rows=mark)
        yield done("publish", name, newest, f"run {begun.number} of {mark} rows")
    else:
        registry.fail_run(run=begun, error=f"unlucky {mark}")
        yield done("fail", name, newest, f"run {begun.number}: unlucky {mark}")


def done(action: str, name: str, version: int, what: str) -> dict[str, Any]:
    """One act, told so that no other one is told like it."""
    return {"action": str(action), "name": name, "version": version, "what": what}


if __name__ == "__main__":
    main()
