"""Reading a part of the definitions: by name, by what they use, and as they were at a revision."""

from __future__ import annotations

from featurestore.definitions.entity import Entity
from featurestore.definitions.feature import Feature
from featurestore.definitions.fingerprint import Registrable
from featurestore.definitions.service import FeatureService
from featurestore.definitions.source import ParquetSource
from featurestore.definitions.types import Float64, String
from featurestore.definitions.view import FeatureView
from featurestore.protocols.records import Change, ChangeAction
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

MINE = ("feature_view", VIEW)
SERVICE = ("feature_service", "departures")
OTHER_SOURCE = ParquetSource("departed", path="departures.parquet", event_timestamp="left_at")


def created(*definitions: Registrable) -> list[Change]:
    """The changes that register new definitions."""
    return [change(definition) for definition in definitions]


def versions(registry: Registry, revision: int, *names: tuple[str, str]) -> list[tuple[str, int, bool]]:
    """Name, version and whether it is active, of what is there at a revision."""
    found = registry.named(project=PROJECT, revision=revision, names=names)
    return [(stored.name, stored.version, stored.active) for stored in found]


class NeighbourCases:
    """What `named` and `users` promise."""

    def test_named_is_the_part_of_all_definitions(self, registry: Registry) -> None:
        commit(registry, *created(PLANE, ARRIVALS, make_view(), make_view("other")))
        registry.publish_run(run=begin(registry), rows=1)
        revision = commit(registry, new_version(make_view(ttl=HOUR), 2), change(make_service(make_view())))
        _, everything = registry.definitions(project=PROJECT)
        names = {(stored.kind, stored.name) for stored in everything}
        assert registry.names(project=PROJECT) == sorted(names)
        assert registry.names(project="other") == []
        assert registry.named(project=PROJECT, revision=revision, names=names) == everything
        for name in names:
            part = [stored for stored in everything if (stored.kind, stored.name) == name]
            assert registry.named(project=PROJECT, revision=revision, names=[name]) == part
        absent = [("entity", VIEW), ("feature_view", "gone"), ("source", "plane")]
        assert registry.named(project=PROJECT, revision=revision, names=absent) == []
        assert registry.named(project=PROJECT, revision=revision, names=[]) == []
        assert registry.named(project="other", revision=revision, names=names) == []

    def test_hundreds_of_names_at_once(self, registry: Registry) -> None:
        entities = [Entity(f"e{number:04}", join_keys={"k": String}) for number in range(1_203)]
        revision = commit(registry, *created(*entities))
        names = [("entity", entity.name) for entity in entities]
        found = registry.named(project=PROJECT, revision=revision, names=names)
        assert [stored.name for stored in found] == [entity.name for entity in entities]

    def test_a_revision_is_read_as_it_was(self, registry: Registry) -> None:
        first = commit(registry, change(make_view(), activate=True))
        second = commit(registry, change(make_view(owner="ops"), ChangeAction.METADATA))
        third = commit(registry, new_version(make_view(ttl=HOUR), 2, activate=True))
        fourth = commit(registry, change(make_view(ttl=HOUR), ChangeAction.RETIRE, version=2))
        fifth = commit(registry, change(make_view(ttl=2 * HOUR), version=3))
        assert versions(registry, 0, MINE) == []
        assert versions(registry, first, MINE) == [(VIEW, 1, True)]
        assert versions(registry, third, MINE) == [(VIEW, 2, True)]
        assert versions(registry, fourth, MINE) == []
        assert registry.names(project=PROJECT) == [MINE]
        assert versions(registry, fifth, MINE) == [(VIEW, 3, False)]
        owners = [
            registry.named(project=PROJECT, revision=revision, names=[MINE])[0].payload["owner"]
            for revision in (first, second)
        ]
        assert owners == ["", "ops"]

    def test_what_became_active_later_was_not_active_then(self, registry: Registry) -> None:
        commit(registry, change(make_view(), activate=True))
        # A newer version that is not filled yet.
        seen = commit(registry, new_version(make_view(ttl=HOUR), 2))
        commit(registry, new_version(make_view(ttl=2 * HOUR), 3, activate=True))
        assert versions(registry, seen, MINE) == [(VIEW, 1, True), (VIEW, 2, False)]

    def test_users_are_those_of_the_newest_versions(self, registry: Registry) -> None:
        first = commit(registry, *created(PLANE, ARRIVALS, make_view(), make_service(make_view())))
        over = FeatureView("over", entities=[PLANE], source=make_view(), features=[Feature("delay", Float64)])
        second = commit(registry, change(over))
        third = commit(registry, new_version(make_view(source=OTHER_SOURCE), 2), change(OTHER_SOURCE))
        fourth = commit(registry, change(make_service(make_view()), ChangeAction.RETIRE))
        plane, arrivals = ("entity", "plane"), ("source", "arrivals")
        departed, readers = ("source", "departed"), [("feature_view", "over"), MINE]
        asked = [plane, arrivals, MINE, departed, ("entity", "gone")]

        def users(revision: int) -> dict[tuple[str, str], list[tuple[str, str]]]:
            return registry.users(project=PROJECT, revision=revision, names=asked)

        assert users(first) == {plane: [MINE], arrivals: [MINE], MINE: [SERVICE]}
        assert users(second) == {plane: readers, arrivals: readers, MINE: [SERVICE, readers[0]]}
        assert users(third) == {
            plane: readers, arrivals: [readers[0]], departed: [MINE], MINE: [SERVICE, readers[0]],
        }  # fmt: skip
        assert users(fourth)[MINE] == [readers[0]]
        assert users(0) == {}
        assert registry.users(project="other", revision=fourth, names=asked) == {}

    def test_a_service_uses_another_view_from_a_change_on(self, registry: Registry) -> None:
        commit(registry, *created(make_view(), make_view("other"), make_service(make_view())))
        changed = FeatureService("departures", features=[make_view("other")])
        last = commit(registry, new_version(changed, 2))
        names = [MINE, ("feature_view", "other")]
        assert registry.users(project=PROJECT, revision=last, names=names) == {names[1]: [SERVICE]}
        assert registry.users(project=PROJECT, revision=last - 1, names=names) == {MINE: [SERVICE]}
