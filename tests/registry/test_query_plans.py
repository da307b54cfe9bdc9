"""No query that people wait for reads a table that grows with the registry: each finds its rows by an index."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import featurestore as fs
from featurestore.protocols.expectations import CheckResult, Outcome
from featurestore.protocols.records import RunKind
from featurestore.protocols.registry import Registry
from featurestore.testing.registry_suite.base import PLANE, PROJECT, make_view
from featurestore_registry import SQLRegistry

HOUR = timedelta(hours=1)
VIEWS = 30
CHECK = CheckResult("a", "warn", Outcome.PASSED, "expected", "found")
GROWING = (
    "fs_commits|fs_versions|fs_payloads|fs_uses|fs_active_versions|fs_activations|fs_audit|fs_runs|fs_leases"
    "|fs_view_states|fs_training_sets|fs_training_set_views|fs_training_set_notes|fs_model_releases"
    "|fs_run_checks|fs_run_profiles|fs_training_set_profiles"
)
# What is listed newest first ends with its limit, however much there is.
STREAMED = ("fs_audit_project", "fs_runs_began")


def definition(number: int, **changes: Any) -> fs.FeatureView:
    return make_view(f"v{number}", online=False, **changes)


def service(number: int) -> fs.FeatureService:
    return fs.FeatureService(f"s{number}", features=[definition(number)])


@pytest.fixture
def filled(registry_url: str, tmp_path: Path) -> Iterator[fs.FeatureStore]:
    """A store with some of everything."""
    with fs.FeatureStore(registry=registry_url, online="memory://", project=PROJECT) as store:
        numbers = range(VIEWS)
        store.apply([*map(definition, numbers), *map(service, numbers)])
        store.apply([definition(number, ttl=HOUR) for number in numbers])
        registry = store.project.registry
        for number in numbers:
            run = registry.begin_run(
                project=PROJECT, view=f"v{number}", version=1, kind=RunKind.FULL, end_us=1, lease=HOUR
            )
            registry.add_run_checks(run=run, results=[CHECK] * 5)
            registry.add_run_profile(run=run, profile={})
            registry.publish_run(run=run, rows=1)
            manifest = {
                "content_hash": "c",
                "views": [{"name": f"v{number}", "version": 1}],
                "number": number,
            }
            registry.add_training_set(
                project=PROJECT, name=f"t{number}", manifest=manifest, folder="sets", profiles={"all": {}}
            )
            registry.add_model_release(
                project=PROJECT, training_set=f"t{number}", name="m", version=str(number)
            )
        yield store


def plan_one(store: fs.FeatureStore) -> None:
    assert store.plan([definition(3, ttl=2 * HOUR)]).changes[0].models == ("m@3",)


def follow_an_entity(store: fs.FeatureStore) -> None:
    store.plan([PLANE])


def apply_one(store: fs.FeatureStore) -> None:
    store.apply([definition(4, ttl=2 * HOUR)])


def promote_and_roll_back(store: fs.FeatureStore) -> None:
    store.promote("v5@1")
    store.rollback("v5")


def retire(store: fs.FeatureStore) -> None:
    store.retire(["v6@1"])
    store.retire(["s6", "v6"])


def begin_and_publish(store: fs.FeatureStore) -> None:
    registry = store.project.registry
    for end in (registry.publish_run, registry.fail_run):
        run = registry.begin_run(
            project=PROJECT, view="v7", version=2, kind=RunKind.FULL, end_us=9, lease=HOUR
        )
        registry.extend_lease(run=run, lease=HOUR)
        registry.add_run_checks(run=run, results=[CHECK])
        end(run=run, **({"rows": 1} if end == registry.publish_run else {"error": "x"}))


def look(store: fs.FeatureStore) -> None:
    registry: Registry = store.project.registry
    store.history("v8")
    store.diff("v8")
    store.audit()
    store.audit("v8")
    registry.version(project=PROJECT, kind="feature_view", name="v8")
    registry.view_state(project=PROJECT, view="v8", version=2)
    registry.activations(project=PROJECT, view="v8")
    registry.runs(project=PROJECT)
    registry.runs(project=PROJECT, view="v8")
    registry.run_checks(project=PROJECT, view="v8")
    registry.run_checks(project=PROJECT, view="v8", version=1, number=1)


def status(store: fs.FeatureStore) -> None:
    registry: Registry = store.project.registry
    registry.view_states(project=PROJECT, versions=[(f"v{number}", 1) for number in range(10)])
    registry.last_runs(project=PROJECT, views=[f"v{number}" for number in range(10)])


def training_sets(store: fs.FeatureStore) -> None:
    registry: Registry = store.project.registry
    record = registry.training_set(project=PROJECT, name="t9")
    registry.training_set(project=PROJECT, name=record.manifest_id[:12])
    registry.training_sets(project=PROJECT, view="v9", limit=5)
    registry.annotate_training_set(project=PROJECT, name="t9", note="x")
    registry.model_releases(project=PROJECT, training_set="t9")
    registry.model_releases(project=PROJECT, name="m", version="9")
    registry.reached(project=PROJECT, kind="feature_service", name="s9")


def statistics(store: fs.FeatureStore) -> None:
    registry: Registry = store.project.registry
    registry.profiled_runs(project=PROJECT, view="v9", version=1, since_us=0, until_us=9)
    registry.run_profile(project=PROJECT, view="v9", number=1)
    registry.training_set_profiles(project=PROJECT, name="t9")
    store.personal_features("v9")


def resolve(store: fs.FeatureStore) -> None:
    catalog = store.project.catalog()
    found = catalog.service("s10")
    assert found is not None
    catalog.view("v10")


ACTS = [
    plan_one, follow_an_entity, apply_one, promote_and_roll_back, retire, begin_and_publish, look, status,
    training_sets, statistics, resolve,
]  # fmt: skip


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.__name__)
def test_every_query_finds_its_rows_by_an_index(
    filled: fs.FeatureStore, act: Callable[[fs.FeatureStore], None]
) -> None:
    registry = filled.project.registry
    assert isinstance(registry, SQLRegistry)
    filled.project.forget()
    statements: list[tuple[str, Any]] = []

    def note(_: object, __: object, statement: str, parameters: Any, *___: object) -> None:
        statements.append((statement, parameters))

    # The class: a transaction that writes uses an engine of its own, with other options.
    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        act(filled)
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)
    read = [
        pair
        for pair in statements
        if re.match(r"\s*((WITH|SELECT) .*(FROM|JOIN) fs_|UPDATE|DELETE)", pair[0], re.DOTALL)
    ]
    assert read
    with registry._database.writing() as connection:
        explain = _sqlite if connection.dialect.name == "sqlite" else _postgresql
        wrong = {line for statement, values in read for line in explain(connection, statement, values)}
    assert not wrong


def _sqlite(connection: sa.Connection, statement: str, values: Any) -> Iterator[str]:
    names = dict(re.findall(rf"\b({GROWING}) AS (\w+)", statement))
    growing = f"{GROWING}|{'|'.join(names.values())}" if names else GROWING
    for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", _first(values)):
        step = row[-1]
        if re.match(rf"SCAN ({growing})\b", step) or (
            re.match(rf"SEARCH ({growing})\b.*\(project=\?\)$", step) and not _streamed(step)
        ):
            yield f"{step}: {' '.join(statement.split())}"


def _postgresql(connection: sa.Connection, statement: str, values: Any) -> Iterator[str]:
    # Without this every table of a test is small enough to be read as a whole.
    connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
    for (step,) in connection.exec_driver_sql(f"EXPLAIN {statement}", _first(values)):
        if re.search(rf"Seq Scan on ({GROWING})\b", step):
            yield f"{step.strip()}: {' '.join(statement.split())}"


def _first(values: Any) -> Any:
    return values[0] if isinstance(values, list) else values


def _streamed(step: str) -> bool:
    return any(name in step for name in STREAMED)
