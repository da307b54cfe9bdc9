"""Registries that older releases made, with data in them, brought up to date."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from featurestore.definitions.fingerprint import (
    Registrable,
    data_hash,
    definition_payload,
    metadata_hash,
)
from featurestore.errors import RegistryError
from featurestore.protocols.records import ChangeAction
from featurestore.protocols.training_sets import Reached
from featurestore.testing.registry_suite.base import (
    HOUR,
    PLANE,
    PROJECT,
    VIEW,
    active_version,
    change,
    commit,
    make_view,
    new_version,
)
from featurestore_registry import SQLRegistry, schema
from featurestore_registry.database import Database

FIRST = [(make_view(), 1, 1), (make_view(ttl=HOUR), 2, 3)]
"""View, version and revision in the registry of the first release."""


@pytest.fixture
def first_release(registry_url: str, engine: sa.Engine) -> None:
    """A registry of schema 0001: two versions of a view, one changed description, a retired entity, a run."""
    database = Database.from_url(registry_url)
    database.prepare_sqlite_file()
    with database.writing() as connection:
        schema.migrate(connection, "0001")
    database.close()
    with engine.begin() as connection:
        fill = _inserter(connection)
        fill("fs_projects", name=PROJECT, revision=4)
        for revision in range(1, 5):
            fill("fs_commits", project=PROJECT, revision=revision, message=f"m{revision}", author="ann",
                 committed_us=revision * 1_000_000)  # fmt: skip
        for number, (view, version, revision) in enumerate(FIRST, start=1):
            fill("fs_versions", id=number, project=PROJECT, kind="feature_view", name=VIEW, version=version,
                 data_hash=data_hash(view), created_revision=revision, applied_us=revision * 1_000_000)  # fmt: skip
            _payload(fill, number, revision, view)
        _payload(fill, 1, 2, make_view(owner="ops"))
        fill("fs_versions", id=3, project=PROJECT, kind="entity", name="plane", version=1,
             data_hash=data_hash(PLANE), created_revision=1, applied_us=1_000_000, retired_revision=4,
             retired_us=4_000_000)  # fmt: skip
        _payload(fill, 3, 1, PLANE)
        fill("fs_active_versions", project=PROJECT, view=VIEW, version_id=1)
        fill("fs_runs", project=PROJECT, view=VIEW, number=1, version_id=1, kind="full", generation=1,
             end_us=7, status="succeeded", began_us=1_500_000, ended_us=1_600_000, row_count=5)  # fmt: skip
        fill("fs_view_states", version_id=1, generation=1, watermark_us=7, run_began_us=1_500_000)
        if engine.dialect.name == "postgresql":
            connection.execute(sa.text("SELECT setval('fs_versions_id_seq', 3)"))


def _inserter(connection: sa.Connection) -> Callable[..., None]:
    def insert(table: str, **values: object) -> None:
        names = ", ".join(values)
        places = ", ".join(f":{name}" for name in values)
        connection.execute(sa.text(f"INSERT INTO {table} ({names}) VALUES ({places})"), values)

    return insert


def _payload(fill: Callable[..., None], version_id: int, revision: int, definition: Registrable) -> None:
    fill("fs_payloads", version_id=version_id, revision=revision,
         metadata_hash=metadata_hash(definition), payload=json.dumps(definition_payload(definition)))  # fmt: skip


@pytest.fixture
def upgraded(first_release: None, registry_url: str) -> SQLRegistry:
    with pytest.raises(RegistryError, match="schema 0001"):
        SQLRegistry.from_url(registry_url)
    SQLRegistry.upgrade(registry_url)
    return SQLRegistry.from_url(registry_url)


def test_what_the_first_release_wrote_is_all_there(upgraded: SQLRegistry) -> None:
    records = upgraded.history(project=PROJECT, kind="feature_view", name=VIEW)
    assert [(r.stored.version, r.action, r.revision, r.message) for r in records] == [
        (1, "create", 1, "m1"), (1, "metadata", 2, "m2"), (2, "new version", 3, "m3"),
    ]  # fmt: skip
    assert {(r.author, r.code) for r in records} == {("ann", None)}
    assert upgraded.view_state(project=PROJECT, view=VIEW, version=1).watermark_us == 7
    assert [version for version, _ in upgraded.activations(project=PROJECT, view=VIEW)] == [1]
    upgraded.close()


def test_the_audit_begins_with_the_past(upgraded: SQLRegistry) -> None:
    entries = upgraded.audit(project=PROJECT)[::-1]
    assert [(e.action, e.kind, e.version, e.revision, e.message) for e in entries] == [
        ("create", "entity", 1, 1, "m1"), ("create", "feature_view", 1, 1, "m1"),
        ("metadata", "feature_view", 1, 2, "m2"), ("new version", "feature_view", 2, 3, "m3"),
        ("retire", "entity", 1, 4, "m4"),
    ]  # fmt: skip
    assert {(e.author, e.host, e.code) for e in entries} == {("ann", None, None)}
    assert [e.at.timestamp() for e in entries] == [1, 1, 2, 3, 4]
    upgraded.close()


def test_an_upgraded_registry_goes_on(upgraded: SQLRegistry) -> None:
    commit(upgraded, new_version(make_view(ttl=2 * HOUR), 3, activate=True))
    assert active_version(upgraded) == 3
    commit(upgraded, change(make_view(), ChangeAction.ROLLBACK, version=1))
    assert active_version(upgraded) == 1
    assert [e.action for e in upgraded.audit(project=PROJECT, limit=2)] == ["rollback", "new version"]
    upgraded.close()


@pytest.mark.parametrize("statement", ["UPDATE fs_audit SET author = 'eve'", "DELETE FROM fs_audit"])
def test_the_audit_cannot_be_rewritten(registry: SQLRegistry, engine: sa.Engine, statement: str) -> None:
    commit(registry, change(PLANE))
    before = registry.audit(project=PROJECT)
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), engine.begin() as connection:
        connection.execute(sa.text(statement))
    assert registry.audit(project=PROJECT) == before


def test_training_sets_are_found_by_their_service_after_an_upgrade(registry_url: str) -> None:
    database = Database.from_url(registry_url)
    database.prepare_sqlite_file()
    with database.writing() as connection:
        schema.migrate(connection, "0003")
        fill = _inserter(connection)
        for name, service in (("one", {"name": "departures", "version": 1}), ("two", None)):
            fill("fs_training_sets", project=PROJECT, name=name, manifest_id=name, content_hash="c", folder="sets",
                 created_us=1, author="ann", manifest=json.dumps({"service": service}), tags="{}")  # fmt: skip
    database.close()
    SQLRegistry.upgrade(registry_url)
    upgraded = SQLRegistry.from_url(registry_url)
    reached = upgraded.reached(project=PROJECT, kind="feature_service", name="departures")
    upgraded.close()
    assert reached == Reached(("one",), ())
