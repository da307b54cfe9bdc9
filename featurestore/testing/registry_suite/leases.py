"""Leases: one run at a time writes a view, and one that is lost does not block it for ever."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from featurestore.errors import LeaseHeldError
from featurestore.protocols.records import Run, RunStatus
from featurestore.protocols.registry import Registry
from featurestore.testing.registry_suite.base import (
    HOUR,
    PROJECT,
    SHORT,
    VIEW,
    active_version,
    begin,
    change,
    commit,
    make_view,
    new_version,
)

THREADS = 4


def outlast(*, leases: int = 2) -> None:
    """Sleep until a short lease has run out."""
    time.sleep(leases * SHORT.total_seconds())


def try_to_begin(registry: Registry) -> Run | None:
    """A run, or None if another holds the lease."""
    try:
        return begin(registry)
    except LeaseHeldError:
        return None


class LeaseCases:
    """What holds while a run is alive, and when it is not any more."""

    def test_a_second_run_of_the_view_is_refused(self, registry: Registry, another: Registry) -> None:
        commit(registry, change(make_view()))
        commit(registry, new_version(make_view(ttl=HOUR), 2))
        run = begin(registry)
        for through in (registry, another):
            for version in (1, 2):
                with pytest.raises(LeaseHeldError, match=r"'punctuality'.*'flights'.*run 1\b"):
                    begin(through, version=version)
        assert LeaseHeldError.retryable
        assert registry.runs(project=PROJECT) == [run]

    def test_other_views_and_projects_are_not_in_the_way(self, registry: Registry) -> None:
        commit(registry, change(make_view()), change(make_view("other")))
        commit(registry, change(make_view()), project="second")
        runs = [begin(registry), begin(registry, view="other"), begin(registry, project="second")]
        assert [run.number for run in runs] == [1, 1, 1]

    @pytest.mark.parametrize("end", ["publish", "fail"])
    def test_a_run_that_ends_gives_the_lease_back(self, registry: Registry, end: str) -> None:
        commit(registry, change(make_view()))
        run = begin(registry)
        if end == "publish":
            registry.publish_run(run=run, rows=1)
        else:
            registry.fail_run(run=run, error="no")
        with pytest.raises(LeaseHeldError, match="Run 1"):
            registry.extend_lease(run=run, lease=HOUR)
        assert begin(registry).number == 2

    def test_a_run_whose_lease_ran_out_is_interrupted(self, registry: Registry) -> None:
        commit(registry, change(make_view()))
        begin(registry, lease=SHORT)
        outlast()
        (lost,) = registry.runs(project=PROJECT)
        assert lost.status is RunStatus.INTERRUPTED
        assert registry.view_state(project=PROJECT, view=VIEW, version=1).filling == ()
        assert begin(registry).number == 2
        running, lost = registry.runs(project=PROJECT)
        assert running.status is RunStatus.RUNNING
        assert lost.status is RunStatus.INTERRUPTED
        assert lost.ended_at is not None
        assert registry.view_state(project=PROJECT, view=VIEW, version=1).filling == (2,)

    def test_a_run_whose_lease_was_taken_cannot_publish(self, registry: Registry, another: Registry) -> None:
        commit(registry, change(make_view()))
        old = begin(registry, lease=SHORT)
        outlast()
        new = begin(another)
        with pytest.raises(LeaseHeldError, match=r"Run 1\b.*another run took it"):
            registry.extend_lease(run=old, lease=HOUR)
        with pytest.raises(LeaseHeldError, match=r"Run 1\b.*another run took it"):
            registry.publish_run(run=old, rows=1)
        registry.fail_run(run=old, error="lost its lease")
        state = registry.view_state(project=PROJECT, view=VIEW, version=1)
        assert (state.generation, state.watermark_us, state.filling) == (None, None, (2,))
        assert active_version(registry) is None
        assert registry.runs(project=PROJECT)[1].status is RunStatus.INTERRUPTED
        # What the old run said has not set the lease of the new one free.
        with pytest.raises(LeaseHeldError):
            begin(registry)
        another.publish_run(run=new, rows=1)
        assert registry.view_state(project=PROJECT, view=VIEW, version=1).generation == 2

    def test_a_lease_that_nobody_took_can_still_be_extended_and_used(self, registry: Registry) -> None:
        commit(registry, change(make_view()))
        run = begin(registry, lease=SHORT)
        outlast()
        registry.extend_lease(run=run, lease=HOUR)
        assert registry.runs(project=PROJECT) == [run]
        with pytest.raises(LeaseHeldError):
            begin(registry)
        registry.extend_lease(run=run, lease=SHORT)
        outlast()
        registry.publish_run(run=run, rows=1)
        assert registry.view_state(project=PROJECT, view=VIEW, version=1).generation == 1

    def test_of_threads_that_begin_at_once_one_does(self, registry: Registry) -> None:
        commit(registry, change(make_view()))
        with ThreadPoolExecutor(THREADS) as pool:
            for number in range(1, 11):
                runs = [run for run in pool.map(lambda _: try_to_begin(registry), range(THREADS)) if run]
                assert [run.number for run in runs] == [number]
                registry.publish_run(run=runs[0], rows=1)

    def test_a_run_that_extends_its_lease_outlives_the_first(self, registry: Registry) -> None:
        commit(registry, change(make_view()))
        run = begin(registry, lease=10 * SHORT)
        registry.extend_lease(run=run, lease=HOUR)
        outlast(leases=12)
        assert registry.runs(project=PROJECT) == [run]
        with pytest.raises(LeaseHeldError):
            begin(registry)
