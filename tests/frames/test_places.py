"""Places: the last row that is seen, against a search row by row."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from featurestore.frames import places
from featurestore.frames.places import Asked, Places, last_seen

LOWEST, HIGHEST = -(2**63) + 2, 2**63 - 2
ENTITIES = st.integers(0, 3)
# Close together, so that times are equal and boundaries are met; and as far apart as they can be.
TIMES = st.integers(-4, 4) | st.sampled_from([LOWEST, LOWEST + 1, 0, HIGHEST - 1, HIGHEST])
TTLS = st.none() | st.integers(0, 5) | st.just(int(timedelta.max / timedelta(microseconds=1)))


@given(
    rows=st.lists(st.tuples(ENTITIES, TIMES), min_size=1, max_size=12),
    asked=st.lists(st.tuples(ENTITIES, TIMES), min_size=1, max_size=12),
    ttl=TTLS,
    together=st.sampled_from([1, 3, 100]),
)
def test_the_last_row_not_after_each_instant_is_found(
    rows: list[tuple[int, int]], asked: list[tuple[int, int]], ttl: int | None, together: int
) -> None:
    code, event = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    who, until = (np.array(column, np.int64) for column in zip(*asked, strict=True))
    over = Places.over(event, 4)
    sorted_places = np.sort(over.of_rows(code, event.copy()))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(places, "_AT_ONCE", together)
        found = last_seen(over, sorted_places, Asked(who, until, until), ttl)
    in_order = sorted(rows)
    for (entity, time), position in zip(asked, found.tolist(), strict=True):
        seen = [number for number, row in enumerate(in_order) if row[0] == entity and row[1] <= time]
        young = [number for number in seen[-1:] if ttl is None or time - in_order[number][1] <= ttl]
        assert position == (young[0] if young else -1)


def test_rows_are_aged_by_their_own_time_not_by_the_shortened_one() -> None:
    event = np.array([10], np.int64)
    over = Places.over(event, 1)
    rows = over.of_rows(np.array([0], np.int64), event.copy())
    asked = Asked(np.array([0, 0], np.int64), np.array([12, 12], np.int64), np.array([15, 16], np.int64))
    assert last_seen(over, rows, asked, ttl=5).tolist() == [0, -1]
