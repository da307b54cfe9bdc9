"""Several processes at one registry: opening, committing, beginning runs, and dying."""

from __future__ import annotations

import multiprocessing

import pytest

from featurestore.errors import LeaseHeldError
from featurestore.protocols.records import RunStatus
from featurestore.protocols.registry import Registry
from featurestore.testing.registry_suite.base import PROJECT, VIEW, begin, change, commit, make_view
from featurestore.testing.registry_suite.workers import OpenRegistry, apply_one, begin_and_hang, begin_one

PROCESSES = 20
RUNNERS = 6
SECONDS = 60
_SPAWN = multiprocessing.get_context("spawn")


class ProcessCases:
    """What holds between processes."""

    def test_processes_that_open_and_commit_at_once_lose_nothing(self, open_registry: OpenRegistry) -> None:
        """None has opened the registry before: its tables are made in the crowd as well."""
        names = [f"e{number}" for number in range(PROCESSES)]
        start = _SPAWN.Barrier(PROCESSES)
        processes = [_SPAWN.Process(target=apply_one, args=(open_registry, start, name)) for name in names]
        for process in processes:
            process.start()
        for process in processes:
            process.join(SECONDS)
        assert [process.exitcode for process in processes] == [0] * PROCESSES
        registry = open_registry()
        revision, stored = registry.definitions(project=PROJECT)
        registry.close()
        assert sorted(s.name for s in stored) == sorted(names)
        assert revision == PROCESSES

    def test_of_runs_that_begin_at_once_one_does(
        self, registry: Registry, open_registry: OpenRegistry
    ) -> None:
        commit(registry, change(make_view()))
        registry.publish_run(run=begin(registry), rows=1)
        start = _SPAWN.Barrier(RUNNERS)
        pipes = [_SPAWN.Pipe(duplex=False) for _ in range(RUNNERS)]
        processes = [
            _SPAWN.Process(target=begin_one, args=(open_registry, start, answer)) for _, answer in pipes
        ]
        for process in processes:
            process.start()
        numbers = [receiver.recv() for receiver, _ in pipes]
        for process in processes:
            process.join(SECONDS)
        for receiver, answer in pipes:
            receiver.close()
            answer.close()
        assert [process.exitcode for process in processes] == [0] * RUNNERS
        assert sorted(numbers) == [0] * (RUNNERS - 1) + [2]
        assert [run.number for run in registry.runs(project=PROJECT)] == [2, 1]

    def test_the_lease_of_a_killed_process_is_taken_at_once(
        self, registry: Registry, open_registry: OpenRegistry
    ) -> None:
        commit(registry, change(make_view()))
        receiver, answer = _SPAWN.Pipe(duplex=False)
        process = _SPAWN.Process(target=begin_and_hang, args=(open_registry, answer))
        process.start()
        try:
            assert receiver.recv() == 1
            with pytest.raises(LeaseHeldError, match=rf"run 1\b.*{process.pid}"):
                begin(registry)
            assert registry.view_state(project=PROJECT, view=VIEW, version=1).filling == (1,)
        finally:
            process.kill()
            process.join(SECONDS)
            receiver.close()
            answer.close()
        (lost,) = registry.runs(project=PROJECT)
        assert (lost.number, lost.status) == (1, RunStatus.INTERRUPTED)
        assert registry.view_state(project=PROJECT, view=VIEW, version=1).filling == ()
        assert begin(registry).number == 2
        assert registry.runs(project=PROJECT)[1].status is RunStatus.INTERRUPTED
