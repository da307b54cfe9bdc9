"""Profiles of runs in the registry: recorded before a run is published, found with those that succeeded."""

from __future__ import annotations

from typing import Any

import pytest

from featurestore.errors import NotFoundError
from featurestore.protocols.records import Run, RunKind
from featurestore.protocols.registry import Registry
from featurestore.testing.registry_suite.base import (
    HOUR,
    PROJECT,
    VIEW,
    begin,
    change,
    commit,
    make_view,
    new_version,
)


def profile(rows: int) -> dict[str, Any]:
    """A profile of so many rows, with what has gone wrong in databases before."""
    return {"rows": rows, "features": [{"name": "ü ✈ '\" \0 %s", "minimum": -(2**64), "mean": 0.1}]}


def filled(registry: Registry, rows: int, **run: Any) -> Run:
    """A run that has published so many rows."""
    begun = begin(registry, **run)
    registry.add_run_profile(run=begun, profile=profile(rows))
    registry.publish_run(run=begun, rows=rows)
    return begun


def numbers(registry: Registry, version: int = 1, **wanted: Any) -> list[int]:
    """The numbers of the profiled runs of a version."""
    runs = registry.profiled_runs(project=PROJECT, view=VIEW, version=version, **wanted)
    return [run.number for run in runs]


class RunProfileCases:
    """What `add_run_profile`, `profiled_runs` and `run_profile` promise."""

    def test_a_profile_is_read_as_it_was_recorded(self, registry: Registry, another: Registry) -> None:
        commit(registry, change(make_view()))
        run = filled(registry, 3)
        assert another.run_profile(project=PROJECT, view=VIEW, number=run.number) == profile(3)

    def test_what_is_said_last_of_a_run_counts(self, registry: Registry) -> None:
        commit(registry, change(make_view()))
        run = begin(registry)
        for rows in (1, 2):
            registry.add_run_profile(run=run, profile=profile(rows))
        assert registry.run_profile(project=PROJECT, view=VIEW, number=1) == profile(2)

    def test_only_runs_that_succeeded_and_have_one_are_found(self, registry: Registry) -> None:
        commit(registry, change(make_view()))
        filled(registry, 1)
        failed = begin(registry)
        registry.add_run_profile(run=failed, profile=profile(2))
        registry.fail_run(run=failed, error="x")
        registry.publish_run(run=begin(registry), rows=3)
        filled(registry, 4, kind=RunKind.INCREMENTAL)
        registry.add_run_profile(run=begin(registry), profile=profile(5))
        assert numbers(registry) == [1, 4]
        found = registry.profiled_runs(project=PROJECT, view=VIEW, version=1)
        assert [(run.rows, run.kind) for run in found] == [(1, RunKind.FULL), (4, RunKind.INCREMENTAL)]

    def test_runs_are_found_by_version_and_by_the_instant_of_their_values(self, registry: Registry) -> None:
        commit(registry, change(make_view()), change(make_view("other")))
        commit(registry, new_version(make_view(ttl=HOUR), 2))
        for end in (10, 20, 30):
            filled(registry, end, end_us=end)
        filled(registry, 1, version=2, end_us=20)
        filled(registry, 1, view="other", end_us=20)
        assert numbers(registry) == [1, 2, 3]
        assert numbers(registry, since_us=10) == [2, 3]
        assert numbers(registry, until_us=20) == [1, 2]
        assert numbers(registry, since_us=10, until_us=20) == [2]
        assert numbers(registry, version=2) == [4]
        assert numbers(registry, limit=2) == [2, 3]
        assert numbers(registry, up_to=2, limit=1) == [2]
        assert numbers(registry, up_to=2, limit=9) == [1, 2]
        assert registry.profiled_runs(project="other", view=VIEW, version=1) == []

    def test_what_is_not_there(self, registry: Registry) -> None:
        commit(registry, change(make_view()))
        run = filled(registry, 1)
        registry.publish_run(run=begin(registry), rows=3)
        for project, number in ((PROJECT, 2), (PROJECT, 9), ("other", 1)):
            with pytest.raises(NotFoundError):
                registry.run_profile(project=project, view=VIEW, number=number)
        with pytest.raises(NotFoundError):
            registry.add_run_profile(run=run._replace(number=77), profile=profile(1))
