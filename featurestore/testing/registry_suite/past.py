"""What a registry says of the past: history, activations, audit; and going back to it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from featurestore.errors import RegistryError, StaleRegistryError
from featurestore.protocols.records import ChangeAction, CodeState
from featurestore.protocols.registry import Registry
from featurestore.testing.registry_suite.base import (
    HOUR,
    PLANE,
    PROJECT,
    VIEW,
    active_version,
    begin,
    change,
    commit,
    make_view,
    new_version,
)

CODE = CodeState("0123456789abcdef0123456789abcdef01234567", dirty=True)


def with_versions(registry: Registry, count: int, *, online: bool = False) -> None:
    """Commit versions 1 to `count` of the view, by default offline ones, the last of them active."""
    for number in range(1, count + 1):
        view = make_view(ttl=number * HOUR, online=online)
        made = change(view, activate=not online) if number == 1 else None
        commit(registry, made or new_version(view, number, activate=not online))


def fill(registry: Registry, version: int, end_us: int = 1_000) -> None:
    """Publish a full run of a version."""
    registry.publish_run(run=begin(registry, version=version, end_us=end_us), rows=1)


def go(registry: Registry, action: ChangeAction, version: int, *, online: bool = False) -> int:
    """Promote, roll back to or retire a version."""
    view = make_view(ttl=version * HOUR, online=online)
    return commit(registry, change(view, action, version=version))


class PastCases:
    """What `history`, `activations` and `audit` promise, and the changes that go back to what was."""

    def test_history_tells_who_made_each_version_when_why_and_from_which_code(
        self, registry: Registry
    ) -> None:
        commit(registry, change(PLANE))
        registry.commit(
            project=PROJECT, expected_revision=1, changes=[change(make_view())], message="first", code=CODE
        )
        commit(registry, change(make_view(owner="ops"), ChangeAction.METADATA))
        commit(registry, new_version(make_view(ttl=HOUR), 2))
        first, described, second = registry.history(project=PROJECT, kind="feature_view", name=VIEW)
        assert [r.action for r in (first, described, second)] == ["create", "metadata", "new version"]
        assert [r.stored.version for r in (first, described, second)] == [1, 1, 2]
        assert [r.revision for r in (first, described, second)] == [2, 3, 4]
        assert (first.message, first.code, described.code) == ("first", CODE, None)
        assert first.stored.payload["owner"] == ""
        assert described.stored.payload["owner"] == "ops"
        assert first.stored.data_hash == described.stored.data_hash != second.stored.data_hash
        assert first.author == second.author != ""
        assert abs(datetime.now(UTC) - first.committed_at) < timedelta(minutes=5)
        assert registry.history(project=PROJECT, kind="feature_view", name="other") == []
        assert registry.history(project="other", kind="feature_view", name=VIEW) == []

    def test_history_shows_what_was_retired(self, registry: Registry) -> None:
        with_versions(registry, 3)
        go(registry, ChangeAction.RETIRE_VERSION, 1)
        retired = [r.retired_at for r in registry.history(project=PROJECT, kind="feature_view", name=VIEW)]
        assert retired[0] is not None
        assert retired[1:] == [None, None]

    def test_activations_come_latest_first_and_only_when_the_version_changes(
        self, registry: Registry
    ) -> None:
        with_versions(registry, 2, online=True)
        for version, end_us in ((1, 1_000), (1, 2_000), (2, 3_000), (2, 4_000)):
            fill(registry, version, end_us)
        activations = registry.activations(project=PROJECT, view=VIEW, limit=10)
        assert [version for version, _ in activations] == [2, 1]
        assert activations[0][1] >= activations[1][1]
        assert registry.activations(project=PROJECT, view=VIEW, limit=1) == activations[:1]

    def test_a_promoted_version_is_the_active_one(self, registry: Registry) -> None:
        with_versions(registry, 3)
        revision = registry.revision(project=PROJECT)
        assert go(registry, ChangeAction.PROMOTE, 1) == revision + 1
        assert active_version(registry) == 1
        assert registry.version(project=PROJECT, kind="feature_view", name=VIEW).version == 1

    def test_a_version_that_was_never_filled_cannot_be_served(self, registry: Registry) -> None:
        with_versions(registry, 2, online=True)
        fill(registry, 1)
        with pytest.raises(RegistryError, match=r"punctuality@2 .*never filled.*\n.*materialize"):
            go(registry, ChangeAction.PROMOTE, 2, online=True)
        assert active_version(registry) == 1

    @pytest.mark.parametrize("action", [ChangeAction.PROMOTE, ChangeAction.RETIRE_VERSION])
    def test_only_versions_that_are_there_can_be_promoted_or_retired(
        self, registry: Registry, action: ChangeAction
    ) -> None:
        with_versions(registry, 3)
        go(registry, ChangeAction.RETIRE_VERSION, 1)
        for version in (1, 4):
            with pytest.raises(RegistryError, match=rf"no version {version} .*there are: 2, 3"):
                go(registry, action, version)

    @pytest.mark.parametrize(("version", "which"), [(1, "active"), (2, "newest")])
    def test_neither_the_active_nor_the_newest_version_is_retired_alone(
        self, registry: Registry, version: int, which: str
    ) -> None:
        with_versions(registry, 2)
        go(registry, ChangeAction.PROMOTE, 1)
        with pytest.raises(RegistryError, match=f"version {version} cannot be retired: it is the {which}"):
            go(registry, ChangeAction.RETIRE_VERSION, version)

    def test_a_rollback_goes_to_the_version_before_and_is_undone_by_another(self, registry: Registry) -> None:
        with_versions(registry, 3)
        for expected in (2, 3, 2):
            go(registry, ChangeAction.ROLLBACK, expected)
            assert active_version(registry) == expected

    @pytest.mark.parametrize("version", [1, 3])
    def test_a_rollback_to_any_other_version_is_stale(self, registry: Registry, version: int) -> None:
        with_versions(registry, 3)
        with pytest.raises(StaleRegistryError, match=f"rolled back to version {version}"):
            go(registry, ChangeAction.ROLLBACK, version)
        assert active_version(registry) == 3

    def test_runs_do_not_take_a_rollback_back_but_a_new_version_becomes_active(
        self, registry: Registry
    ) -> None:
        with_versions(registry, 2, online=True)
        fill(registry, 1)
        fill(registry, 2, 2_000)
        go(registry, ChangeAction.ROLLBACK, 1, online=True)
        fill(registry, 2, 3_000)
        fill(registry, 1, 3_000)
        assert active_version(registry) == 1
        commit(registry, new_version(make_view(ttl=3 * HOUR), 3))
        fill(registry, 3, 4_000)
        assert active_version(registry) == 3

    def test_an_old_version_filled_for_the_first_time_does_not_become_active(
        self, registry: Registry
    ) -> None:
        with_versions(registry, 2, online=True)
        fill(registry, 2)
        fill(registry, 1)
        assert active_version(registry) == 2
        assert registry.view_state(project=PROJECT, view=VIEW, version=1).generation is not None

    def test_of_two_promotions_at_once_one_is_stale(self, registry: Registry, another: Registry) -> None:
        with_versions(registry, 3)
        seen = registry.revision(project=PROJECT)

        def attempt(version: int, through: Registry) -> bool:
            wanted = change(make_view(online=False), ChangeAction.PROMOTE, version=version)
            try:
                through.commit(project=PROJECT, expected_revision=seen, changes=[wanted])
            except StaleRegistryError:
                return False
            return True

        with ThreadPoolExecutor(2) as pool:
            won = list(pool.map(attempt, (1, 2), (registry, another)))
        assert sorted(won) == [False, True]
        assert active_version(registry) == (1, 2)[won.index(True)]

    def test_the_audit_holds_every_change_and_its_effect(self, registry: Registry) -> None:
        with_versions(registry, 2, online=True)
        fill(registry, 1)
        fill(registry, 2, 2_000)
        registry.fail_run(run=begin(registry, version=2, end_us=3_000), error="out of luck")
        go(registry, ChangeAction.ROLLBACK, 1, online=True)
        commit(registry, change(make_view(ttl=2 * HOUR), ChangeAction.RETIRE, version=2))
        entries = registry.audit(project=PROJECT)[::-1]
        assert [(entry.action, entry.version) for entry in entries] == [
            ("create", 1), ("new version", 2), ("publish", 1), ("publish", 2), ("fail", 2), ("rollback", 1),
            ("retire", 2),
        ]  # fmt: skip
        assert [entry.effect.get("active") for entry in entries[2:6]] == [
            {"from": None, "to": 1}, {"from": 1, "to": 2}, None, {"from": 2, "to": 1},
        ]  # fmt: skip
        assert entries[3].effect["rows"] == 1
        assert entries[4].effect["error"] == "out of luck"
        assert entries[6].effect == {"retired": [1, 2]}
        assert [entry.revision for entry in entries] == [1, 2, None, None, None, 3, 4]
        assert all(entry.author and entry.host for entry in entries)
        assert {(entry.kind, entry.name) for entry in entries} == {("feature_view", VIEW)}
        assert entries[0].message == "why not"

    def test_the_audit_can_be_asked_for_one_name_and_for_the_latest(self, registry: Registry) -> None:
        commit(registry, change(PLANE), change(make_view()))
        with_versions(registry, 0)
        assert [e.name for e in registry.audit(project=PROJECT, name="plane")] == ["plane"]
        assert [e.name for e in registry.audit(project=PROJECT, limit=1)] == [VIEW]
        assert registry.audit(project="other") == []

    def test_a_commit_that_fails_leaves_nothing_in_the_audit(self, registry: Registry) -> None:
        with_versions(registry, 1)
        before = registry.audit(project=PROJECT)
        with pytest.raises(RegistryError):
            commit(registry, change(PLANE), change(make_view(), ChangeAction.PROMOTE, version=9))
        assert registry.audit(project=PROJECT) == before
