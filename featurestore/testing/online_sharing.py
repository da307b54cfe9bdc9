"""What online stores have to do that several processes can use."""

from __future__ import annotations

import multiprocessing
import operator
import os
import time
import traceback
from collections.abc import Callable, Sequence
from datetime import timedelta
from multiprocessing.process import BaseProcess

import pytest

from featurestore.protocols.online import MaterializedWrite, OnlineStore, PushedWrite
from featurestore.testing.online_cases import materialized, pushed
from featurestore.testing.online_conformance import SPACE, Opener, read, write

_KEYS = [b"%d" % number for number in range(40)]
_LAST = 200
_SECONDS = 50


class SharedStoreConformance:
    """Mix into a subclass of `OnlineStoreConformance` whose `open_store` can be pickled."""

    def test_another_instance_sees_what_was_written(self, store: OnlineStore, open_store: Opener) -> None:
        write(store, {b"a": pushed(1)}, PushedWrite())
        other = open_store()
        assert read(other, [b"a"]) == [pushed(1)]
        other.retire(space=SPACE, keep_for=timedelta(0))
        other.close()
        assert read(store, [b"a"]) == [None]

    def test_processes_that_open_it_at_the_same_moment(self, open_store: Opener) -> None:
        context = multiprocessing.get_context("spawn")
        _run_all([context.Process(target=_write_one, args=(open_store, key)) for key in _KEYS[:6]])
        store = open_store()
        assert read(store, _KEYS[:6]) == [materialized(1, payload=key) for key in _KEYS[:6]]
        store.close()

    def test_writers_in_processes(self, store: OnlineStore, open_store: Opener) -> None:
        context = multiprocessing.get_context("spawn")
        pushers = [context.Process(target=_push, args=(open_store, seed)) for seed in range(3)]
        writers = [*pushers, context.Process(target=_materialize, args=(open_store,))]
        _run_all(writers)
        newest = [pushed(2_000 + 99, run=9, payload=key) for key in _KEYS]
        assert read(store, _KEYS) == newest

    def test_readers_in_processes_while_one_writes(self, store: OnlineStore, open_store: Opener) -> None:
        write(store, _version(5), MaterializedWrite(run=5, end=5))
        context = multiprocessing.get_context("spawn")
        _run_all(
            [
                *(context.Process(target=_read_until_the_last, args=(open_store,)) for _ in range(3)),
                context.Process(target=_write_versions, args=(open_store,)),
            ]
        )
        assert read(store, _KEYS) == list(_version(_LAST).values())

    @pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
    def test_a_forked_child_has_its_own_connections(self, store: OnlineStore) -> None:
        write(store, {key: pushed(1, payload=key) for key in _KEYS}, PushedWrite())
        children = [_fork(lambda: _read_often(store)) for _ in range(3)]
        _read_often(store)
        assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
        _read_often(store)


def _run_all(processes: Sequence[BaseProcess]) -> None:
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * len(processes)


def _write_one(open_store: Opener, key: bytes) -> None:
    store = open_store()
    write(store, {key: materialized(1, payload=key)})
    store.close()


def _push(open_store: Opener, seed: int) -> None:
    store = open_store()
    for event in range(2_000 + seed, 2_100, 3):
        write(store, {key: pushed(event, run=9, payload=key) for key in _KEYS}, PushedWrite())
    store.close()


def _materialize(open_store: Opener) -> None:
    store = open_store()
    for run in range(5, 25):
        rows = {key: materialized(run, run=run, payload=key) for key in _KEYS}
        # All pushed events are later than the end of every run: none may be lost.
        write(store, rows, MaterializedWrite(run=run, end=1_999))
    store.close()


def _version(run: int) -> dict[bytes, bytes]:
    """Rows that differ in each run, and are too long to be written at once by chance."""
    return {key: materialized(run, run=run, payload=b"%d" % run * 200) for key in _KEYS}


def _write_versions(open_store: Opener) -> None:
    store = open_store()
    for run in range(6, _LAST + 1):
        write(store, _version(run), MaterializedWrite(run=run, end=run))
    store.close()


def _read_until_the_last(open_store: Opener) -> None:
    """Every row is there at every moment, whole, and never older than it was before."""
    store = open_store()
    known = {row: run for run in range(5, _LAST + 1) for row in _version(run).values()}
    seen, deadline = [5] * len(_KEYS), time.monotonic() + _SECONDS
    while min(seen) < _LAST:
        found = [known[row] for row in read(store, _KEYS) if row is not None]
        assert len(found) == len(_KEYS)
        assert all(map(operator.le, seen, found))
        assert time.monotonic() < deadline
        seen = found
    store.close()


def _read_often(store: OnlineStore) -> None:
    for _ in range(100):
        assert read(store, _KEYS) == [pushed(1, payload=key) for key in _KEYS]


def _fork(work: Callable[[], None]) -> int:
    child = os.fork()
    if child:
        return child
    try:
        work()
    except BaseException:  # noqa: BLE001 (the child must not go on as a second test run)
        traceback.print_exc()
        os._exit(1)
    os._exit(0)
