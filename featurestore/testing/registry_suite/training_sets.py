"""Training sets in the registry: recorded once, annotated at any time, found by what they were made from."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from featurestore.errors import NotFoundError, RequestError
from featurestore.protocols.registry import Registry
from featurestore.protocols.training_sets import TrainingSetRecord
from featurestore.testing.registry_suite.base import (
    HOUR,
    PROJECT,
    VIEW,
    change,
    commit,
    make_view,
    new_version,
)

THREADS = 8


def manifest(*versions: int, view: str = VIEW, **more: Any) -> dict[str, Any]:
    """A manifest of a training set that was made from these versions of a view."""
    views = [{"name": view, "version": version} for version in versions]
    return {"content_hash": "c" * 64, "views": views, "text": "naïve ✈ 'quoted'", **more}


def add(registry: Registry, name: str, made: dict[str, Any]) -> TrainingSetRecord:
    """Record a training set."""
    return registry.add_training_set(project=PROJECT, name=name, manifest=made, folder="sets")


def with_views(registry: Registry) -> None:
    """Two versions of one view, and one of another."""
    commit(registry, change(make_view()), change(make_view("other")))
    commit(registry, new_version(make_view(ttl=HOUR), 2))


class TrainingSetCases:
    """What `TrainingSetRegistry` promises."""

    def test_a_training_set_comes_back_as_it_was(self, registry: Registry, another: Registry) -> None:
        with_views(registry)
        made = add(registry, "one-2024", manifest(1))
        assert (made.name, made.folder, made.content_hash) == ("one-2024", "sets", "c" * 64)
        assert made.manifest == manifest(1)
        assert (made.tags, made.notes) == ({}, ())
        assert len(made.manifest_id) == 64
        assert made.author
        assert abs(datetime.now(UTC) - made.created_at) < timedelta(minutes=5)
        for name in ("one-2024", made.manifest_id, made.manifest_id[:12]):
            assert another.training_set(project=PROJECT, name=name) == made

    def test_what_is_not_there(self, registry: Registry) -> None:
        with_views(registry)
        made = add(registry, "one", manifest(1))
        with pytest.raises(NotFoundError, match=r"'on' was not found in project 'flights'; there are: one"):
            registry.training_set(project=PROJECT, name="on")
        for project, name in (("other", "one"), (PROJECT, made.manifest_id[:11]), (PROJECT, "%" * 12)):
            with pytest.raises(NotFoundError):
                registry.training_set(project=project, name=name)
        with pytest.raises(NotFoundError):
            registry.annotate_training_set(project=PROJECT, name="two", note="x")

    def test_a_name_is_given_once(self, registry: Registry) -> None:
        with_views(registry)
        made = add(registry, "one", manifest(1))
        with pytest.raises(RequestError, match="'one' in project 'flights' already"):
            add(registry, "one", manifest(2))
        assert registry.training_set(project=PROJECT, name="one") == made

    def test_a_version_that_is_not_there_leaves_no_training_set(self, registry: Registry) -> None:
        with_views(registry)
        with pytest.raises(NotFoundError, match="no version 7"):
            add(registry, "one", manifest(1, 7))
        assert registry.training_sets(project=PROJECT) == []
        assert all(entry.kind != "training_set" for entry in registry.audit(project=PROJECT))

    def test_they_are_found_by_the_view_that_they_were_made_from(self, registry: Registry) -> None:
        with_views(registry)
        for name, made in (
            ("one", manifest(1)),
            ("two", manifest(1, 2, 2)),
            ("three", manifest(1, view="other")),
        ):
            add(registry, name, made)
        names = [record.name for record in registry.training_sets(project=PROJECT)]
        assert names == ["three", "two", "one"]
        assert [record.name for record in registry.training_sets(project=PROJECT, view=VIEW)] == [
            "two",
            "one",
        ]
        assert [record.name for record in registry.training_sets(project=PROJECT, limit=1)] == ["three"]
        assert registry.training_sets(project="other") == []

    def test_tags_and_notes_change_the_manifest_does_not(self, registry: Registry) -> None:
        with_views(registry)
        made = add(registry, "one", manifest(1))
        registry.annotate_training_set(project=PROJECT, name="one", tags={"a": "1", "b": "2"}, note="first")
        found = registry.annotate_training_set(
            project=PROJECT, name="one", tags={"a": None, "b": "3"}, note="ü"
        )
        assert found.tags == {"b": "3"}
        assert [note.text for note in found.notes] == ["first", "ü"]
        assert found.notes[0].at <= found.notes[1].at
        assert (found.manifest_id, found.manifest, found.created_at) == (
            made.manifest_id, made.manifest, made.created_at,
        )  # fmt: skip
        entries = registry.audit(project=PROJECT, name="one")
        assert [entry.action for entry in entries] == ["annotate", "annotate", "create"]
        assert entries[0].effect == {"tags": {"a": None, "b": "3"}, "note": "ü"}
        assert entries[2].effect == {"manifest": made.manifest_id, "content": "c" * 64}

    def test_of_several_that_take_one_name_at_once_one_does(self, registry: Registry) -> None:
        with_views(registry)

        def attempt(number: int) -> bool:
            try:
                add(registry, "one", manifest(1, number=number))
            except RequestError:
                return False
            return True

        with ThreadPoolExecutor(THREADS) as pool:
            won = list(pool.map(attempt, range(THREADS)))
        assert won.count(True) == 1
        assert registry.training_set(project=PROJECT, name="one").manifest["number"] == won.index(True)

    def test_annotations_at_once_are_all_kept(self, registry: Registry) -> None:
        with_views(registry)
        add(registry, "one", manifest(1))

        def annotate(number: int) -> None:
            tags = {f"t{number}": "x"}
            registry.annotate_training_set(project=PROJECT, name="one", tags=tags, note=f"n{number}")

        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(annotate, range(THREADS)))
        found = registry.training_set(project=PROJECT, name="one")
        assert set(found.tags) == {f"t{number}" for number in range(THREADS)}
        assert {note.text for note in found.notes} == {f"n{number}" for number in range(THREADS)}

    def test_profiles_of_parts_are_read_as_they_were_recorded(
        self, registry: Registry, another: Registry
    ) -> None:
        with_views(registry)
        profiles: dict[str, dict[str, Any]] = {
            "train": {"rows": 2**40, "text": "ü \0 '\""},
            "test": {"rows": 0},
        }
        registry.add_training_set(
            project=PROJECT, name="one", manifest=manifest(1), folder="sets", profiles=profiles
        )
        made = add(registry, "two", manifest(2))
        assert another.training_set_profiles(project=PROJECT, name="one") == profiles
        assert another.training_set_profiles(project=PROJECT, name=made.manifest_id) == {}
        with pytest.raises(NotFoundError):
            registry.training_set_profiles(project=PROJECT, name="three")
