"""What every online store has to do: subclass `OnlineStoreConformance` once per store.

    class TestMyStore(OnlineStoreConformance):
        @pytest.fixture
        def open_store(self, tmp_path):
            return functools.partial(MyStore.from_url, f"my://{tmp_path}")

Needs pytest and hypothesis.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from featurestore.online.write_rules import row_after_write
from featurestore.protocols.online import MaterializedWrite, OnlineStore, PushedWrite, SpaceKeys
from featurestore.testing.online_cases import NASTY_KEYS, NEIGHBOURS, RULE_CASES, RuleCase, materialized, pushed

Opener = Callable[[], OnlineStore]
SPACE = b"fs1:flights:plane_load@3:17:"
RUN = MaterializedWrite(run=5, end=1_000)
Write = tuple[bytes, MaterializedWrite | PushedWrite]


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
        """A function that opens an empty store, or (called again) the same once more."""
        raise NotImplementedError

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
        store.write(spaces=[], keys=[b"a"], rows=[materialized(1)], rule=PushedWrite(), keep_for=None)
        store.delete(spaces=[SPACE], keys=[b"a"])
        store.retire(space=SPACE, keep_for=timedelta(0))
        assert read(store, [b"a"]) == [None]

    def test_rows_come_flat_and_in_the_order_of_the_requests(self, store: OnlineStore) -> None:
        other = b"fs1:flights:weather@1:2:"
        write(store, {b"a": materialized(1), b"b": materialized(2)})
        write(store, {b"a": materialized(3)}, spaces=[other])
        found = store.read(
            requests=[
                SpaceKeys(other, [b"b", b"a"]),
                SpaceKeys(SPACE, [b"b", b"x", b"a", b"b"]),
                SpaceKeys(b"fs1:nothing:", [b"a"]),
                SpaceKeys(other, []),
                SpaceKeys(other, [b"a"]),
            ]
        )
        a, b = materialized(1), materialized(2)
        assert found == [None, materialized(3), b, None, a, b, None, materialized(3)]

    def test_keys_are_any_bytes(self, store: OnlineStore) -> None:
        rows = {key: pushed(1, payload=b"row of " + key) for key in NASTY_KEYS}
        write(store, rows, PushedWrite())
        assert read(store, NASTY_KEYS) == list(rows.values())
        assert {key for keys in store.pushed_keys(space=SPACE) for key in keys} == set(NASTY_KEYS)
        store.delete(spaces=[SPACE], keys=NASTY_KEYS[::2])
        assert read(store, NASTY_KEYS) == [None if i % 2 == 0 else row for i, row in enumerate(rows.values())]

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
        assert read(store, NASTY_KEYS, NEIGHBOURS[0]) == [None] * len(NASTY_KEYS)

    @pytest.mark.parametrize("case", RULE_CASES, ids=str)
    def test_rule(self, store: OnlineStore, case: RuleCase) -> None:
        if case.stored is not None:
            first = PushedWrite() if case.stored[1] else MaterializedWrite(run=case.stored_run, end=0)
            write(store, {b"k": case.stored}, first)
        write(store, {b"k": case.incoming}, case.rule)
        assert read(store, [b"k"]) == [case.expected]
        write(store, {b"k": case.incoming}, case.rule)
        assert read(store, [b"k"]) == [case.expected], "the same write again changed something"

    def test_pushes_end_alike_in_every_order(self, store: OnlineStore) -> None:
        rows = [pushed(2), pushed(2, created=1), pushed(2, created=3), pushed(2, created=3, payload=b"\0"), pushed(1)]
        for number, order in enumerate(itertools.permutations(rows)):
            for row in order:
                write(store, {b"%d" % number: row}, PushedWrite())
        assert set(read(store, [b"%d" % n for n in range(120)])) == {pushed(2, created=3, payload=b"\0")}

    @settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(writes=st.lists(st.lists(st.tuples(st.integers(0, 3), st.data()), max_size=0) | st.nothing()))
    def _unused(self, writes: object) -> None: ...
