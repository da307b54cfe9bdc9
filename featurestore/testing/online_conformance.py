"""What every online store has to do: subclass `OnlineStoreConformance` once per store.

    class TestMyStore(OnlineStoreConformance):
        @pytest.fixture
        def open_store(self, tmp_path):
            return functools.partial(MyStore.from_url, f"my://{tmp_path}")

A store that several processes can use has to pass `SharedStoreConformance` too. Needs pytest and hypothesis.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from featurestore.online.header import HEADER_SIZE, event_bytes, is_pushed
from featurestore.online.write_rules import row_after_write
from featurestore.protocols.online import MaterializedWrite, OnlineStore, PushedWrite, SpaceKeys
from featurestore.testing.online_cases import (
    NASTY_KEYS,
    NEIGHBOURS,
    RULE_CASES,
    RuleCase,
    materialized,
    pushed,
)

Opener = Callable[[], OnlineStore]
Write = tuple[bytes, MaterializedWrite | PushedWrite]
SPACE = b"fs1:flights:plane_load@3:17:"
RUN = MaterializedWrite(run=5, end=1_000)
SOON = timedelta(milliseconds=400)
_fresh = itertools.count()

_times = st.sampled_from([-(2**62), -257, -1, 0, 1, 127, 128, 255, 256, 999, 1_000, 1_001, 2**62])
_runs = st.sampled_from([1, 4, 5, 6, 255, 256])
_pushes: st.SearchStrategy[Write] = st.builds(
    lambda event, created, run, payload: (
        pushed(event, created=created, run=run, payload=payload),
        PushedWrite(),
    ),
    _times,
    st.none() | _times,
    _runs,
    st.sampled_from([b"", b"\0", b"a", b"\xff"]),
)
_materializations: st.SearchStrategy[Write] = st.builds(
    lambda event, run, end: (
        b"" if event is None else materialized(event, run=run),
        MaterializedWrite(run=run, end=end),
    ),
    st.none() | _times,
    _runs,
    _times,
)


def read(store: OnlineStore, keys: Sequence[bytes], space: bytes = SPACE) -> list[bytes | None]:
    """The rows of one space."""
    return store.read(requests=[SpaceKeys(space, keys)])


def write(
    store: OnlineStore,
    rows: dict[bytes, bytes],
    rule: MaterializedWrite | PushedWrite = RUN,
    *,
    spaces: Sequence[bytes] = (SPACE,),
    keep_for: timedelta | None = None,
) -> None:
    """Write rows by key."""
    store.write(spaces=spaces, keys=list(rows), rows=list(rows.values()), rule=rule, keep_for=keep_for)


class OnlineStoreConformance:
    """The tests. A subclass provides the fixture `open_store`.

    Attributes:
        reclaims_within: rows are gone this many seconds after their time at the latest; None: no promise.
    """

    reclaims_within: ClassVar[float | None] = 1.0

    @pytest.fixture
    def open_store(self) -> Opener:
        """A function that opens an empty store, or (called again) the same one once more."""
        raise NotImplementedError("Override the fixture open_store.")

    @pytest.fixture
    def store(self, open_store: Opener) -> Iterator[OnlineStore]:
        """The store under test."""
        store = open_store()
        yield store
        store.close()

    def test_nothing_is_there_at_first(self, store: OnlineStore) -> None:
        assert store.read(requests=[]) == []
        assert read(store, []) == []
        assert read(store, [b"a", b""]) == [None, None]
        assert list(store.pushed_keys(space=SPACE)) == []
        store.write(spaces=[SPACE], keys=[], rows=[], rule=RUN, keep_for=None)
        store.write(spaces=[], keys=[b"a"], rows=[pushed(1)], rule=PushedWrite(), keep_for=None)
        store.delete(spaces=[SPACE], keys=[b"a"])
        store.retire(space=SPACE, keep_for=timedelta(0))
        assert read(store, [b"a"]) == [None]

    def test_rows_come_flat_and_in_the_order_of_the_requests(self, store: OnlineStore) -> None:
        other = b"fs1:flights:weather@1:2:"
        a, b, c = materialized(1), materialized(2), materialized(3)
        write(store, {b"a": a, b"b": b})
        write(store, {b"a": c}, spaces=[other])
        requests = [
            SpaceKeys(other, [b"b", b"a"]),
            SpaceKeys(SPACE, [b"b", b"xx", b"a", b"b"]),
            SpaceKeys(b"fs1:no:thing@1:1:", [b"a"]),
            SpaceKeys(other, []),
            SpaceKeys(other, [b"a"]),
        ]
        expected = [None, c, b, None, a, b, None, c]
        assert store.read(requests=requests) == expected
        assert asyncio.run(store.read_async(requests=requests)) == expected

    def test_keys_are_any_bytes(self, store: OnlineStore) -> None:
        rows = {key: pushed(1, payload=b"row of " + key) for key in NASTY_KEYS}
        write(store, rows, PushedWrite())
        assert read(store, NASTY_KEYS) == list(rows.values())
        assert {key for keys in store.pushed_keys(space=SPACE) for key in keys} == set(NASTY_KEYS)
        store.delete(spaces=[SPACE], keys=NASTY_KEYS[::2])
        left = [None if position % 2 == 0 else row for position, row in enumerate(rows.values())]
        assert read(store, NASTY_KEYS) == left

    def test_rows_are_any_bytes(self, store: OnlineStore) -> None:
        rows = {b"%d" % i: materialized(1, payload=bytes([i]) * (i * 300)) for i in range(0, 256, 15)}
        rows[b"\r\n"] = materialized(1, payload=b"\r\n$3\r\n\0\xff" * 20_000)
        write(store, rows)
        assert read(store, list(rows)) == list(rows.values())

    def test_spaces_do_not_touch_each_other(self, store: OnlineStore) -> None:
        for space in NEIGHBOURS:
            write(store, {key: pushed(1, payload=space) for key in NASTY_KEYS}, PushedWrite(), spaces=[space])
        for space in NEIGHBOURS:
            assert read(store, NASTY_KEYS, space) == [pushed(1, payload=space)] * len(NASTY_KEYS)
        store.delete(spaces=NEIGHBOURS[:1], keys=NASTY_KEYS)
        store.retire(space=NEIGHBOURS[1], keep_for=timedelta(0))
        for space in NEIGHBOURS[2:]:
            assert read(store, NASTY_KEYS, space) == [pushed(1, payload=space)] * len(NASTY_KEYS)
            assert {key for keys in store.pushed_keys(space=space) for key in keys} == set(NASTY_KEYS)
        assert read(store, NASTY_KEYS, NEIGHBOURS[0]) == [None] * len(NASTY_KEYS)

    @pytest.mark.parametrize("case", RULE_CASES, ids=str)
    def test_rule(self, store: OnlineStore, case: RuleCase) -> None:
        if case.stored is not None:
            write(
                store,
                {b"k": case.stored},
                PushedWrite() if is_pushed(case.stored) else MaterializedWrite(9, 0),
            )
        write(store, {b"k": case.incoming}, case.rule)
        assert read(store, [b"k"]) == [case.expected]
        write(store, {b"k": case.incoming}, case.rule)
        assert read(store, [b"k"]) == [case.expected], "the same write changed something the second time"

    def test_pushes_end_alike_in_every_order(self, store: OnlineStore) -> None:
        newest = pushed(2, created=3, payload=b"\0")
        rows = [
            pushed(2),
            pushed(2, created=1, payload=b"z"),
            pushed(2, created=3),
            newest,
            pushed(1, created=9),
        ]
        orders = list(itertools.permutations(rows))
        for step in range(len(rows)):
            write(store, {b"%d" % n: order[step] for n, order in enumerate(orders)}, PushedWrite())
        assert set(read(store, [b"%d" % n for n in range(len(orders))])) == {newest}

    # One function for all subclasses; each example has a key of its own in the store that they share.
    @settings(
        max_examples=100,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
    )
    @given(writes=st.lists(_pushes | _materializations, min_size=2, max_size=6))
    def test_writes_follow_the_rule_in_every_order(self, store: OnlineStore, writes: list[Write]) -> None:
        key, expected = b"%d" % next(_fresh), None
        for row, rule in writes:
            expected = row_after_write(expected, row, rule)
            write(store, {key: row}, rule)
            assert read(store, [key]) == [expected]
        if expected is not None and is_pushed(expected):
            assert key in {k for keys in store.pushed_keys(space=SPACE) for k in keys}

    def test_batches_of_rows_that_are_there_and_are_not(self, store: OnlineStore) -> None:
        keys = [b"%d" % number for number in range(3_000)]
        before = {key: materialized(1, run=1 + number % 9) for number, key in enumerate(keys) if number % 3}
        for run in range(1, 10):
            rows = {key: row for key, row in before.items() if row == materialized(1, run=run)}
            write(store, rows, MaterializedWrite(run=run, end=1_000))
        incoming = {key: b"" if number % 5 == 0 else materialized(2) for number, key in enumerate(keys)}
        write(store, incoming)
        assert read(store, keys) == [
            row_after_write(before.get(key), row, RUN) for key, row in incoming.items()
        ]
        requests = [SpaceKeys(SPACE, keys * 4), SpaceKeys(b"fs1:no:thing@1:1:", keys), SpaceKeys(SPACE, keys)]
        assert store.read(requests=requests) == read(store, keys) * 4 + [None] * len(keys) + read(store, keys)

    def test_several_spaces_are_written_and_deleted_at_once(self, store: OnlineStore) -> None:
        spaces = [SPACE, b"fs1:flights:plane_load@3:18:"]
        write(store, {b"a": pushed(2)}, PushedWrite(), spaces=spaces[:1])
        write(store, {b"a": pushed(1), b"b": pushed(1)}, PushedWrite(), spaces=spaces)
        assert [read(store, [b"a", b"b"], s) for s in spaces] == [
            [pushed(2), pushed(1)],
            [pushed(1), pushed(1)],
        ]
        store.delete(spaces=spaces, keys=[b"a", b"absent"])
        assert [read(store, [b"a", b"b"], space) for space in spaces] == [[None, pushed(1)]] * 2

    def test_keys_of_pushed_rows_are_found(self, store: OnlineStore) -> None:
        keys = [b"%d" % number for number in range(2_500)]
        write(store, {key: pushed(1) for key in keys}, PushedWrite())
        write(store, {b"materialized": materialized(1)})
        write(store, {b"elsewhere": pushed(1)}, PushedWrite(), spaces=[NEIGHBOURS[0]])
        assert {key for found in store.pushed_keys(space=SPACE) for key in found} == set(keys)

    @pytest.mark.parametrize("rule", [RUN, PushedWrite()], ids=["materialized", "pushed"])
    def test_rows_are_kept_for_as_long_as_asked(
        self, store: OnlineStore, rule: MaterializedWrite | PushedWrite
    ) -> None:
        row = materialized if isinstance(rule, MaterializedWrite) else pushed
        begin = time.monotonic()
        write(store, {b"a": row(1), b"b": row(1)}, rule, keep_for=SOON)
        write(store, {b"b": row(2)}, rule)
        write(store, {b"c": row(1)}, rule, keep_for=timedelta(hours=1))
        found = read(store, [b"a", b"b", b"c"])
        assert time.monotonic() - begin > SOON.total_seconds() or found == [row(1), row(2), row(1)]
        self.assert_gone(store, b"a", begin)
        assert read(store, [b"b", b"c"]) == [row(2), row(1)]
        older = materialized(0, run=1) if row is materialized else pushed(0)
        write(store, {b"a": older}, MaterializedWrite(run=1, end=0) if row is materialized else rule)
        assert self.reclaims_within is None or read(store, [b"a"]) == [older]

    def test_a_retired_space_is_kept_for_as_long_as_asked(self, store: OnlineStore) -> None:
        write(store, {b"a": pushed(1), b"b": pushed(1)}, PushedWrite())
        begin = time.monotonic()
        store.retire(space=SPACE, keep_for=SOON)
        found = read(store, [b"a", b"b"])
        assert time.monotonic() - begin > SOON.total_seconds() or found == [pushed(1), pushed(1)]
        self.assert_gone(store, b"a", begin)

    def assert_gone(self, store: OnlineStore, key: bytes, begin: float) -> None:
        """Assert that a row of `SOON` goes when it may and within the promised time."""
        if self.reclaims_within is None:
            return
        deadline = begin + SOON.total_seconds() + self.reclaims_within
        while read(store, [key]) != [None]:
            assert time.monotonic() < deadline, "not reclaimed in time"
            time.sleep(0.02)
        assert time.monotonic() >= begin + SOON.total_seconds(), "reclaimed too early"

    def test_concurrent_reads_of_an_event_loop(self, store: OnlineStore) -> None:
        rows = {b"%d" % number: materialized(number) for number in range(200)}
        write(store, rows)

        async def read_all() -> list[list[bytes | None]]:
            reads = [store.read_async(requests=[SpaceKeys(SPACE, [key])]) for key in rows]
            return await asyncio.gather(*reads)

        for _ in range(2):  # each run has an event loop of its own
            assert asyncio.run(read_all()) == [[row] for row in rows.values()]

    def test_writers_and_readers_in_threads(self, store: OnlineStore) -> None:
        keys = [b"%d" % number for number in range(50)]
        stop = time.monotonic() + 1.0

        def push(seed: int) -> None:
            for event in range(seed, 400, 8):
                write(store, {key: pushed(event, payload=key) for key in keys}, PushedWrite())

        def watch(_: int) -> None:
            last = [0] * len(keys)
            while time.monotonic() < stop:
                rows = read(store, keys)
                assert all(
                    row is None or row[HEADER_SIZE:] == key for row, key in zip(rows, keys, strict=True)
                )
                events = [0 if row is None else int.from_bytes(event_bytes(row), "big") for row in rows]
                assert all(now >= before for now, before in zip(events, last, strict=True)), (
                    "went back in time"
                )
                last = events

        with ThreadPoolExecutor(10) as threads:
            list(
                threads.map(
                    lambda task: task[0](task[1]), [(watch, 0), (watch, 1), *((push, s) for s in range(8))]
                )
            )
        assert read(store, keys) == [pushed(399, payload=key) for key in keys]
