"""A child that is forked while other threads of its parent read and look into the registry reads as they do."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import featurestore as fs
from featurestore import forks
from tests.store.conftest import NOON, Arrivals, online_values

SECONDS = 60


def ended_well(child: int) -> bool:
    """Whether the child ends by itself, and without an error."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


# From Python 3.12 on it warns of every fork beside other threads.
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_children_of_a_process_whose_threads_are_busy(
    online_url: str, arrivals: Arrivals, tmp_path: Path
) -> None:
    config = tmp_path / "feature_store.toml"
    config.write_text(
        f'project = "flights"\nregistry = "sqlite:///{tmp_path}/registry.db"\nonline = "{online_url}"\n'
        "refresh_seconds = 0.001\n"  # threads renew plans all the time
    )
    tails = [f"N{number}" for number in range(12)]
    for number, tail in enumerate(tails):
        arrivals.add(tail, NOON, float(number))
    expected: list[object] = [float(number) for number in range(12)]
    with fs.FeatureStore(config=config) as store:
        store.apply([arrivals.view()])
        store.materialize(end=NOON)
        stop = threading.Event()

        def read_on() -> None:
            while not stop.is_set():
                assert online_values(store, tails, NOON) == expected

        threads = [threading.Thread(target=read_on, daemon=True) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(10):
                child = os.fork()
                if child == 0:
                    _read_and_exit(lambda: online_values(store, tails, NOON), expected)
                assert ended_well(child)
        finally:
            stop.set()
            for thread in threads:
                thread.join()


def _read_and_exit(values: Callable[[], list[object]], expected: list[object]) -> None:
    code = 1
    try:
        code = int(values() != expected or values() != expected)
    finally:
        os._exit(code)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_fork_waits_for_those_inside_and_lets_nobody_in() -> None:
    events: list[str] = []
    inside, go_on = threading.Event(), threading.Event()

    def stay_inside() -> None:
        with forks.held_off():
            inside.set()
            go_on.wait()
            time.sleep(0.05)
            with forks.held_off():  # who is inside already does not wait for the fork, which waits for it
                events.append("left")

    thread = threading.Thread(target=stay_inside)
    thread.start()
    inside.wait()
    go_on.set()
    before = forks.count()
    child = os.fork()
    if child == 0:
        with forks.held_off():
            os._exit(int(forks.count() != before + 1))
    events.append("forked")
    assert ended_well(child)
    thread.join()
    assert events == ["left", "forked"]
    assert forks.count() == before
