"""What is in the tables: nothing gets lost, and nobody edits it unnoticed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from featurestore.definitions.fingerprint import definition_payload
from featurestore.errors import RegistryIntegrityError
from featurestore.protocols.records import ChangeAction
from featurestore.testing.registry_suite.base import (
    HOUR,
    PLANE,
    PROJECT,
    VIEW,
    change,
    commit,
    make_view,
    new_version,
)
from featurestore_registry import SQLRegistry


def without_the_feature(payload: str) -> str:
    view = json.loads(payload)
    view["features"][0]["column"] = "dep_delay"
    return json.dumps(view)


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(without_the_feature, id="another definition"),
        pytest.param(lambda payload: payload[:-1], id="not JSON any more"),
        pytest.param(lambda payload: "", id="emptied"),
    ],
)
def test_a_definition_edited_by_hand_is_not_used(
    registry: SQLRegistry, engine: sa.Engine, edit: Callable[[str], str]
) -> None:
    commit(registry, change(PLANE), change(make_view()))
    with engine.begin() as connection:
        where = "WHERE payload LIKE '%delay%'"
        payload = connection.execute(sa.text(f"SELECT payload FROM fs_payloads {where}")).scalar_one()
        connection.execute(sa.text(f"UPDATE fs_payloads SET payload = :p {where}"), {"p": edit(payload)})
    named = r"feature view 'punctuality' version 1 in project 'flights'.*\n.*[Rr]estore"
    with pytest.raises(RegistryIntegrityError, match=named):
        registry.definitions(project=PROJECT)
    with pytest.raises(RegistryIntegrityError, match=named):
        registry.version(project=PROJECT, kind="feature_view", name=VIEW)
    assert registry.version(project=PROJECT, kind="entity", name="plane").name == "plane"


def test_another_layout_of_the_same_json_is_the_same_definition(
    registry: SQLRegistry, engine: sa.Engine
) -> None:
    commit(registry, change(PLANE))
    with engine.begin() as connection:
        payload = connection.execute(sa.text("SELECT payload FROM fs_payloads")).scalar_one()
        pretty = json.dumps(json.loads(payload), indent=4)
        connection.execute(sa.text("UPDATE fs_payloads SET payload = :p"), {"p": pretty})
    stored = registry.version(project=PROJECT, kind="entity", name="plane")
    assert stored.payload == definition_payload(PLANE)


def test_an_edited_hash_is_noticed(registry: SQLRegistry, engine: sa.Engine) -> None:
    commit(registry, change(PLANE))
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE fs_payloads SET metadata_hash = 'f00'"))
    with pytest.raises(RegistryIntegrityError, match="entity 'plane' version 1"):
        registry.definitions(project=PROJECT)


# A state of the past, read as the docstring of tables.py says.
AT_REVISION = """
SELECT v.name, v.version, p.payload FROM fs_versions v JOIN fs_payloads p ON p.version_id = v.id
WHERE v.created_revision <= :r AND (v.retired_revision IS NULL OR v.retired_revision > :r)
AND p.revision = (SELECT max(revision) FROM fs_payloads q WHERE q.version_id = v.id AND q.revision <= :r)
ORDER BY v.name, v.version
"""


def test_every_past_state_can_be_read_back(registry: SQLRegistry, engine: sa.Engine) -> None:
    first, described = make_view(), make_view(owner="ops")
    changed = make_view(owner="ops", ttl=HOUR)
    commit(registry, change(first))
    commit(registry, change(described, ChangeAction.METADATA))
    commit(registry, new_version(changed, 2))
    commit(registry, change(changed, ChangeAction.RETIRE, version=2))
    commit(registry, change(first))

    def state(revision: int) -> list[tuple[Any, ...]]:
        with engine.connect() as connection:
            rows = connection.execute(sa.text(AT_REVISION), {"r": revision})
            return [(row.name, row.version, json.loads(row.payload)) for row in rows]

    one, two, three = (definition_payload(view) for view in (first, described, changed))
    assert [state(revision) for revision in range(6)] == [
        [],
        [(VIEW, 1, one)],
        [(VIEW, 1, two)],
        [(VIEW, 1, two), (VIEW, 2, three)],
        [],
        [(VIEW, 3, one)],
    ]


def test_commits_say_who_when_and_why(
    registry: SQLRegistry, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "amelia")
    commit(registry, change(PLANE))
    with engine.connect() as connection:
        (row,) = connection.execute(sa.text("SELECT * FROM fs_commits")).all()
    stored = registry.version(project=PROJECT, kind="entity", name="plane")
    assert (row.project, row.revision, row.message, row.author) == (PROJECT, 1, "why not", "amelia")
    assert row.committed_us == round(stored.applied_at.timestamp() * 1e6)
