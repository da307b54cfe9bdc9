"""Every act on a registry, as it is told by name to other processes; and what a registry holds, to compare by.

Each act is done on the same arranged registry and goes through the protocol alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from featurestore.protocols.expectations import CheckResult, Outcome
from featurestore.protocols.records import ChangeAction, RunKind, RunStatus
from featurestore.protocols.registry import Registry
from featurestore.testing.registry_suite.base import (
    ARRIVALS,
    HOUR,
    PLANE,
    PROJECT,
    VIEW,
    begin,
    change,
    commit,
    make_service,
    make_view,
    new_version,
)

CHECK = CheckResult("a", "warn", Outcome.PASSED, "expected", "found")
MANIFEST = {"content_hash": "c" * 64, "views": [{"name": VIEW, "version": 1}, {"name": VIEW, "version": 2}]}


def arrange(registry: Registry) -> None:
    """A view with two filled versions, a third that is not, a service, a training set, and a run that is going on."""
    commit(registry, change(PLANE), change(ARRIVALS), change(make_view(online=False), activate=True))
    commit(registry, new_version(make_view(online=False, ttl=HOUR), 2, activate=True))
    commit(registry, change(make_service(make_view())), change(make_view("other")))
    registry.publish_run(run=begin(registry, view="other"), rows=1)
    registry.add_run_checks(run=begin(registry), results=[replace(CHECK, name="before")])
    registry.add_training_set(project=PROJECT, name="before", manifest=MANIFEST, folder="sets")


def apply(registry: Registry) -> None:
    """A new version, a new view and a description at once."""
    third = make_view(online=False, ttl=2 * HOUR)
    described = change(make_view("other", owner="ops"), ChangeAction.METADATA)
    commit(registry, new_version(third, 3, activate=True), described, change(make_view("new")))


def promote(registry: Registry) -> None:
    commit(registry, change(make_view(online=False), ChangeAction.PROMOTE, version=1))


def roll_back(registry: Registry) -> None:
    commit(registry, change(make_view(online=False), ChangeAction.ROLLBACK, version=1))


def retire(registry: Registry) -> None:
    service, view = make_service(make_view()), make_view(online=False, ttl=HOUR)
    commit(registry, change(service, ChangeAction.RETIRE), change(view, ChangeAction.RETIRE, version=2))


def retire_version(registry: Registry) -> None:
    commit(registry, change(make_view(online=False), ChangeAction.RETIRE_VERSION, version=1))


def begin_run(registry: Registry) -> None:
    begin(registry, view="other", end_us=2_000)


def begin_over_a_dead_run(registry: Registry) -> None:
    """The run that `arrange` began was of a process that is gone."""
    begin(registry, end_us=2_000)


def publish_run(registry: Registry) -> None:
    """The first publication of a version that is not active makes no other one active."""
    registry.publish_run(run=running(registry), rows=7)


def fail_run(registry: Registry) -> None:
    registry.fail_run(run=running(registry), error="out of luck")


def add_run_checks(registry: Registry) -> None:
    """What was recorded of the run before is replaced."""
    registry.add_run_checks(run=running(registry), results=[CHECK, replace(CHECK, name="b")])


def add_training_set(registry: Registry) -> None:
    profiles = {"train": {"rows": 1}, "test": {"rows": 2}}
    registry.add_training_set(
        project=PROJECT, name="set", manifest=MANIFEST, folder="sets", profiles=profiles
    )


def add_run_profile(registry: Registry) -> None:
    registry.add_run_profile(run=running(registry), profile={"rows": 7})


def annotate_training_set(registry: Registry) -> None:
    registry.annotate_training_set(project=PROJECT, name="before", tags={"a": "b"}, note="why")


def add_model_release(registry: Registry) -> None:
    registry.add_model_release(project=PROJECT, training_set="before", name="delays", version="7")


def running(registry: Registry) -> Any:
    """The run that `arrange` began, of whichever process."""
    (found,) = [
        run for run in registry.runs(project=PROJECT, view=VIEW)
        if run.status in (RunStatus.RUNNING, RunStatus.INTERRUPTED) and run.kind is RunKind.FULL
    ]  # fmt: skip
    return found


ACTS: Mapping[str, Callable[[Registry], None]] = {
    act.__name__: act
    for act in (
        apply, promote, roll_back, retire, retire_version, begin_run, begin_over_a_dead_run, publish_run,
        fail_run, add_run_profile, add_run_checks, add_training_set, annotate_training_set, add_model_release,
    )
}  # fmt: skip


def contents(connection: sa.Connection) -> dict[str, list[str]]:
    """Table to its rows, without what differs from one time to the next: clocks, and numbers of rows."""
    versions = "SELECT id, kind || ' ' || name || '@' || version FROM fs_versions"
    names = {
        "version_id": dict(map(tuple, connection.exec_driver_sql(versions))),
        "training_set_id": dict(
            map(tuple, connection.exec_driver_sql("SELECT id, name FROM fs_training_sets"))
        ),
    }
    found = {}
    for table in sorted(sa.inspect(connection).get_table_names()):
        rows = connection.exec_driver_sql(f"SELECT * FROM {table}").mappings()
        found[table] = sorted(repr({k: _lasting(k, v, names) for k, v in row.items()}) for row in rows)
    return found


def _lasting(column: str, value: Any, names: Mapping[str, Mapping[int, str]]) -> Any:
    if column in names:
        return names[column][value]
    if column in ("id", "host", "author", "process", "process_started"):
        return None
    # Of instants only whether they are set.
    return bool(value) if column.endswith("_us") else value
