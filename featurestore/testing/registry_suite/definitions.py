"""Definitions go in and come out as they were; old versions stay."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from featurestore.definitions.entity import Entity
from featurestore.definitions.fingerprint import Registrable, data_hash, definition_payload, metadata_hash
from featurestore.definitions.types import String
from featurestore.errors import NotFoundError
from featurestore.planning.catalog import load_definition
from featurestore.protocols.records import ChangeAction
from featurestore.protocols.registry import Registry
from featurestore.testing.registry_suite.base import (
    ARRIVALS,
    HOUR,
    PLANE,
    PROJECT,
    VIEW,
    active_version,
    change,
    commit,
    make_service,
    make_view,
    new_version,
    versions_of,
)


class DefinitionCases:
    """What `definitions` and `version` return after commits."""

    def test_a_project_without_commits_is_empty(self, registry: Registry) -> None:
        assert registry.revision(project=PROJECT) == 0
        assert registry.definitions(project=PROJECT) == (0, [])
        assert registry.runs(project=PROJECT) == []

    @pytest.mark.parametrize(
        ("kind", "definition"),
        [
            ("entity", PLANE),
            ("source", ARRIVALS),
            ("feature_view", make_view(owner="ops", tags={"a": "ü"})),
            ("feature_service", make_service(make_view())),
        ],
    )
    def test_a_definition_comes_back_as_it_was(
        self, registry: Registry, kind: str, definition: Registrable
    ) -> None:
        commit(registry, change(definition))
        revision, (stored,) = registry.definitions(project=PROJECT)
        assert revision == 1
        assert (stored.kind, stored.name, stored.version) == (kind, definition.name, 1)
        assert stored.payload == definition_payload(definition)
        assert (stored.data_hash, stored.metadata_hash) == (data_hash(definition), metadata_hash(definition))
        assert not stored.active
        assert not stored.retired
        assert load_definition(stored) == definition
        assert registry.version(project=PROJECT, kind=kind, name=definition.name) == stored
        assert abs(datetime.now(UTC) - stored.applied_at) < timedelta(minutes=5)

    def test_another_opening_sees_what_was_committed(self, registry: Registry, another: Registry) -> None:
        commit(registry, change(PLANE), change(ARRIVALS))
        assert another.definitions(project=PROJECT) == registry.definitions(project=PROJECT)

    def test_one_name_may_stand_for_definitions_of_several_kinds(self, registry: Registry) -> None:
        commit(registry, change(PLANE), change(make_view("plane")))
        for kind in ("entity", "feature_view"):
            assert registry.version(project=PROJECT, kind=kind, name="plane").kind == kind

    def test_projects_do_not_see_each_other(self, registry: Registry) -> None:
        commit(registry, change(PLANE))
        other = Entity("plane", join_keys={"id": String})
        commit(registry, change(other), project="other")
        assert registry.revision(project=PROJECT) == registry.revision(project="other") == 1
        stored = registry.version(project="other", kind="entity", name="plane")
        assert load_definition(stored) == other

    def test_the_newest_version_is_the_last_and_older_ones_can_be_read(self, registry: Registry) -> None:
        views = [make_view(ttl=None if n == 1 else n * HOUR) for n in range(1, 12)]
        commit(registry, change(views[0], activate=True))
        for number, view in enumerate(views[1:], start=2):
            commit(registry, new_version(view, number))
        _, stored = registry.definitions(project=PROJECT)
        assert versions_of(stored, VIEW) == [1, 11]
        assert active_version(registry) == 1
        for number, view in enumerate(views, start=1):
            one = registry.version(project=PROJECT, kind="feature_view", name=VIEW, version=number)
            assert load_definition(one) == view
            assert one.active == (number == 1)

    def test_an_unversioned_name_is_the_active_version_or_else_the_newest(self, registry: Registry) -> None:
        commit(registry, change(make_view()))
        commit(registry, new_version(make_view(ttl=HOUR), 2))
        assert registry.version(project=PROJECT, kind="feature_view", name=VIEW).version == 2
        commit(registry, new_version(make_view(ttl=2 * HOUR), 3, activate=True))
        commit(registry, new_version(make_view(ttl=3 * HOUR), 4))
        assert registry.version(project=PROJECT, kind="feature_view", name=VIEW).version == 3

    def test_a_metadata_change_keeps_the_version(self, registry: Registry) -> None:
        commit(registry, change(make_view(), activate=True))
        before = registry.version(project=PROJECT, kind="feature_view", name=VIEW)
        described = make_view(owner="ops", description="better")
        assert commit(registry, change(described, ChangeAction.METADATA)) == 2
        _, (stored,) = registry.definitions(project=PROJECT)
        assert load_definition(stored) == described
        assert (stored.version, stored.data_hash, stored.active) == (1, before.data_hash, True)
        assert stored.metadata_hash != before.metadata_hash

    def test_what_is_retired_is_not_found_by_name_but_stays_readable(self, registry: Registry) -> None:
        commit(registry, change(make_view(), activate=True), change(PLANE))
        commit(registry, new_version(make_view(ttl=HOUR), 2))
        commit(registry, change(make_view(ttl=HOUR), ChangeAction.RETIRE, version=2))
        _, stored = registry.definitions(project=PROJECT)
        assert [s.name for s in stored] == ["plane"]
        with pytest.raises(NotFoundError, match=VIEW):
            registry.version(project=PROJECT, kind="feature_view", name=VIEW)
        for number, view in ((1, make_view()), (2, make_view(ttl=HOUR))):
            one = registry.version(project=PROJECT, kind="feature_view", name=VIEW, version=number)
            assert (load_definition(one), one.retired, one.active) == (view, True, False)

    def test_a_retired_name_that_comes_back_goes_on_counting(self, registry: Registry) -> None:
        commit(registry, change(make_view(), activate=True))
        commit(registry, change(make_view(), ChangeAction.RETIRE))
        commit(registry, change(make_view(ttl=HOUR)))
        _, (stored,) = registry.definitions(project=PROJECT)
        assert (stored.version, stored.active, stored.retired) == (2, False, False)
        assert registry.version(project=PROJECT, kind="feature_view", name=VIEW).version == 2
        assert registry.version(project=PROJECT, kind="feature_view", name=VIEW, version=1).retired

    def test_an_unknown_name_is_an_error_that_knows_better(self, registry: Registry) -> None:
        commit(registry, change(make_view()), change(PLANE))
        with pytest.raises(NotFoundError, match=r"'punctualty' was not found.*\n.*'punctuality'") as found:
            registry.version(project=PROJECT, kind="feature_view", name="punctualty")
        assert PROJECT in str(found.value)
        assert "plane" not in str(found.value)

    def test_an_unknown_version_is_an_error_that_lists_those_there_are(self, registry: Registry) -> None:
        commit(registry, change(make_view()))
        commit(registry, new_version(make_view(ttl=HOUR), 2))
        with pytest.raises(NotFoundError, match=r"'punctuality' has no version 7.*1, 2"):
            registry.version(project=PROJECT, kind="feature_view", name=VIEW, version=7)
        with pytest.raises(NotFoundError, match=r"'punctuality' has no version 7.*1, 2"):
            registry.view_state(project=PROJECT, view=VIEW, version=7)
