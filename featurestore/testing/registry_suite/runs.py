"""Runs: how they begin, end and publish, and what is said of them."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from featurestore.definitions.instants import to_microseconds
from featurestore.errors import InvalidTimeError, NotFoundError, RegistryError
from featurestore.protocols.records import ChangeAction, RunKind, RunStatus, ViewState
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


class RunCases:
    """What `begin_run`, `publish_run`, `fail_run`, `runs` and `view_state` promise."""

    def test_a_view_that_was_never_filled(self, registry: Registry) -> None:
        commit(registry, change(make_view()))
        state = registry.view_state(project=PROJECT, view=VIEW, version=1)
        assert state == ViewState(VIEW, 1, None, (), None, 0, None)

    def test_a_full_run_fills_a_generation_and_publishes_it(self, registry: Registry) -> None:
        commit(registry, change(make_view()))
        run = begin(registry, end_us=-5)
        assert (run.project, run.view, run.version) == (PROJECT, VIEW, 1)
        assert (run.number, run.kind, run.generation) == (1, RunKind.FULL, 1)
        assert (run.start_us, run.end_us) == (None, -5)
        assert (run.status, run.ended_at, run.rows, run.error) == (RunStatus.RUNNING, None, None, None)
        assert abs(datetime.now(UTC) - run.began_at) < timedelta(minutes=5)
        assert registry.runs(project=PROJECT) == [run]
        state = registry.view_state(project=PROJECT, view=VIEW, version=1)
        assert state == ViewState(VIEW, 1, None, (1,), None, 1, None)
        assert active_version(registry) is None

        registry.publish_run(run=run, rows=3_000_000_000)
        began = to_microseconds(run.began_at, what="began_at")
        state = registry.view_state(project=PROJECT, view=VIEW, version=1)
        assert state == ViewState(VIEW, 1, 1, (), -5, 1, began)
        (ended,) = registry.runs(project=PROJECT)
        assert (ended.status, ended.rows, ended.error) == (RunStatus.SUCCEEDED, 3_000_000_000, None)
        assert ended.ended_at is not None
        assert ended.ended_at >= run.began_at
        assert active_version(registry) == 1

    def test_the_audit_keeps_the_queries_of_a_run(self, registry: Registry) -> None:
        commit(registry, change(make_view()))
        queries = {"trips": ["01b2-1", "01b2-2"], "größe": ["snapshot 7:7: in backend 9"]}
        registry.publish_run(run=begin(registry), rows=1, queries=queries)
        registry.publish_run(run=begin(registry), rows=1, queries={})
        second, first = registry.audit(project=PROJECT, name=VIEW, limit=2)
        assert first.effect["queries"] == queries
        assert "queries" not in second.effect

    def test_an_incremental_run_goes_on_from_the_watermark(self, registry: Registry) -> None:
        commit(registry, change(make_view()))
        registry.publish_run(run=begin(registry, end_us=10), rows=1)
        run = begin(registry, RunKind.INCREMENTAL, end_us=20)
        assert (run.number, run.generation, run.start_us, run.end_us) == (2, 1, 10, 20)
        during = registry.view_state(project=PROJECT, view=VIEW, version=1)
        assert (during.generation, during.filling, during.watermark_us, during.last_run) == (1, (), 10, 2)
        registry.publish_run(run=run, rows=0)
        after = registry.view_state(project=PROJECT, view=VIEW, version=1)
        assert (after.generation, after.watermark_us, after.last_run) == (1, 20, 2)
        assert after.last_run_began_us == to_microseconds(run.began_at, what="began_at")

    def test_an_incremental_run_needs_something_to_add_to(self, registry: Registry) -> None:
        commit(registry, change(make_view()))
        with pytest.raises(RegistryError, match=r"Nothing has been published.*punctuality"):
            begin(registry, RunKind.INCREMENTAL)
        assert registry.runs(project=PROJECT) == []
        assert begin(registry).number == 1

    @pytest.mark.parametrize("kind", list(RunKind))
    def test_a_run_cannot_end_before_the_watermark(self, registry: Registry, kind: RunKind) -> None:
        commit(registry, change(make_view()))
        registry.publish_run(run=begin(registry, end_us=10), rows=1)
        with pytest.raises(InvalidTimeError, match=r"00:00:00\.000009.*watermark.*00:00:00\.000010"):
            begin(registry, kind, end_us=9)
        assert [run.number for run in registry.runs(project=PROJECT)] == [1]
        assert begin(registry, kind, end_us=10).number == 2

    def test_a_failed_run_publishes_nothing_and_its_number_is_gone(self, registry: Registry) -> None:
        commit(registry, change(make_view()))
        registry.publish_run(run=begin(registry), rows=1)
        before = registry.view_state(project=PROJECT, view=VIEW, version=1)
        registry.fail_run(run=begin(registry), error="OSError: file a\0b\udcff 'é' is gone")
        failed, succeeded = registry.runs(project=PROJECT)
        assert (failed.number, failed.status, failed.rows) == (2, RunStatus.FAILED, None)
        assert failed.ended_at is not None
        assert failed.error is not None
        assert failed.error.startswith("OSError: file a")
        assert failed.error.endswith(" 'é' is gone")
        assert (succeeded.number, succeeded.status) == (1, RunStatus.SUCCEEDED)
        after = registry.view_state(project=PROJECT, view=VIEW, version=1)
        assert (after.generation, after.watermark_us, after.filling) == (before.generation, 1_000, ())
        assert after.last_run == 2
        assert begin(registry).number == 3

    def test_numbers_are_those_of_the_view_whatever_its_version(self, registry: Registry) -> None:
        commit(registry, change(make_view()), change(make_view("other")))
        commit(registry, new_version(make_view(ttl=HOUR), 2))
        registry.publish_run(run=begin(registry), rows=1)
        registry.publish_run(run=begin(registry, version=2), rows=1)
        assert begin(registry, view="other").number == 1
        assert begin(registry, version=1).number == 3

    def test_a_new_version_is_filled_beside_the_active_one(self, registry: Registry) -> None:
        commit(registry, change(make_view()))
        registry.publish_run(run=begin(registry, end_us=10), rows=1)
        served = registry.view_state(project=PROJECT, view=VIEW, version=1)
        commit(registry, new_version(make_view(ttl=HOUR), 2))
        run = begin(registry, version=2, end_us=5)
        assert registry.view_state(project=PROJECT, view=VIEW, version=2).filling == (2,)
        assert registry.view_state(project=PROJECT, view=VIEW, version=1).filling == ()
        assert active_version(registry) == 1
        registry.publish_run(run=run, rows=1)
        assert active_version(registry) == 2
        after = registry.view_state(project=PROJECT, view=VIEW, version=1)
        assert (after.generation, after.watermark_us) == (served.generation, served.watermark_us)

    def test_publishing_again_changes_nothing(self, registry: Registry) -> None:
        """The answer to the first call may have been lost on its way."""
        commit(registry, change(make_view()))
        run = begin(registry, end_us=10)
        registry.publish_run(run=run, rows=1)
        registry.publish_run(run=begin(registry, end_us=20), rows=2)
        registry.publish_run(run=run, rows=1)
        registry.fail_run(run=run, error="said after the fact")
        state = registry.view_state(project=PROJECT, view=VIEW, version=1)
        assert (state.generation, state.watermark_us) == (2, 20)
        assert [(r.status, r.rows, r.error) for r in registry.runs(project=PROJECT)] == [
            (RunStatus.SUCCEEDED, 2, None),
            (RunStatus.SUCCEEDED, 1, None),
        ]

    def test_only_versions_that_are_there_and_not_retired_are_filled(self, registry: Registry) -> None:
        commit(registry, change(make_view()))
        with pytest.raises(NotFoundError, match=r"no version 2"):
            begin(registry, version=2)
        with pytest.raises(NotFoundError, match="'punctualty' was not found"):
            begin(registry, view="punctualty")
        commit(registry, change(make_view(), ChangeAction.RETIRE))
        with pytest.raises(RegistryError, match=r"version 1.*is retired"):
            begin(registry)

    def test_a_version_retired_while_it_is_filled_is_not_published(self, registry: Registry) -> None:
        commit(registry, change(make_view()))
        run = begin(registry)
        commit(registry, change(make_view(), ChangeAction.RETIRE))
        with pytest.raises(RegistryError, match="is retired"):
            registry.publish_run(run=run, rows=1)
        assert active_version(registry) is None
        assert registry.view_state(project=PROJECT, view=VIEW, version=1).generation is None

    def test_the_latest_runs_come_first(self, registry: Registry) -> None:
        commit(registry, change(make_view()), change(make_view("other")))
        for view in (VIEW, "other", VIEW):
            registry.publish_run(run=begin(registry, view=view), rows=1)
        named = [(run.view, run.number) for run in registry.runs(project=PROJECT)]
        assert named == [(VIEW, 2), ("other", 1), (VIEW, 1)]
        assert [run.number for run in registry.runs(project=PROJECT, view=VIEW)] == [2, 1]
        assert [run.number for run in registry.runs(project=PROJECT, limit=1)] == [2]
        assert registry.runs(project="other") == []

    def test_many_views_at_once_say_what_each_says_alone(self, registry: Registry) -> None:
        views = [f"v{number}" for number in range(603)]
        commit(registry, *(change(make_view(view)) for view in views))
        registry.publish_run(run=begin(registry, view="v3"), rows=1)
        registry.fail_run(run=begin(registry, view="v4"), error="x")
        for view in ("v3", "v3", "v5"):
            # Of two at once, the second takes over what the first has left.
            registry.extend_lease(run=begin(registry, view=view, lease=SHORT), lease=SHORT)
            time.sleep(0.1)
        begin(registry, view="v6")
        versions = [(view, 1) for view in views]
        states = registry.view_states(project=PROJECT, versions=[*versions, ("v3", 1)])
        assert [(state.view, state.version) for state in states] == sorted(versions)
        for number in (3, 4, 5, 6, 7):
            alone = registry.view_state(project=PROJECT, view=f"v{number}", version=1)
            assert alone in states
        found = registry.last_runs(project=PROJECT, views=views)
        assert [(run.view, run.number, run.status) for run in found] == [
            ("v3", 3, RunStatus.INTERRUPTED), ("v4", 1, RunStatus.FAILED),
            ("v5", 1, RunStatus.INTERRUPTED), ("v6", 1, RunStatus.RUNNING),
        ]  # fmt: skip
        for run in found:
            assert registry.runs(project=PROJECT, view=run.view, limit=1) == [run]
        assert registry.last_runs(project=PROJECT, views=["v7"]) == []
        with pytest.raises(NotFoundError, match="no version 2"):
            registry.view_states(project=PROJECT, versions=[("v3", 1), ("v3", 2)])

    def test_readers_see_a_publication_whole_or_not_at_all(
        self, registry: Registry, another: Registry
    ) -> None:
        commit(registry, change(make_view()))
        done = threading.Event()
        seen: list[ViewState] = []

        def look() -> None:
            while not done.is_set():
                seen.append(another.view_state(project=PROJECT, view=VIEW, version=1))

        reader = threading.Thread(target=look)
        reader.start()
        try:
            for number in range(1, 31):
                looks = len(seen)
                registry.publish_run(run=begin(registry, end_us=number * 10), rows=number)
                while len(seen) == looks and reader.is_alive():
                    time.sleep(0)
        finally:
            done.set()
            reader.join()
        assert len(seen) >= 30
        for state in seen:
            generation = state.generation or 0
            assert (state.watermark_us or 0) == generation * 10
            assert state.filling in {(), (generation + 1,)}
            assert state.last_run == generation + len(state.filling)
