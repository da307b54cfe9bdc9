"""Writing no faster than so many rows a second, by a clock of the test's own."""

from __future__ import annotations

import math
from random import Random

import pytest

from featurestore.errors import RequestError
from featurestore.materialize.throttle import Throttle


class Clock:
    """Time that passes only where somebody sleeps or works."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now

    def pass_by(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


def throttle(rate: float | None, clock: Clock, at_once: int = 10_000) -> Throttle:
    return Throttle(rate, at_once=at_once, clock=clock, sleep=clock.pass_by)


def rows(count: int) -> list[bytes]:
    return [b"%d" % number for number in range(count)]


@pytest.mark.parametrize("rate", [50, 1_000, 20_000.5])
def test_no_more_rows_than_allowed_and_hardly_fewer(rate: float) -> None:
    clock, done = Clock(), 0
    began = clock.now
    for keys, _ in throttle(rate, clock).parts(rows(5_000), rows(5_000)):
        assert done <= rate * (clock.now - began) * (1 + 1e-9)
        done += len(keys)
    assert done == 5_000
    assert clock.now - began <= 5_000 / rate


def test_parts_are_the_rows_in_order_and_small() -> None:
    parts = list(throttle(1_000, Clock()).parts(rows(95), rows(95)[::-1]))
    assert [len(keys) for keys, _ in parts] == [10] * 9 + [5]
    assert [key for keys, _ in parts for key in keys] == rows(95)
    assert [row for _, written in parts for row in written] == rows(95)[::-1]


def test_one_row_at_least() -> None:
    assert [len(keys) for keys, _ in throttle(0.5, Clock()).parts(rows(3), rows(3))] == [1, 1, 1]


def test_work_counts_as_waiting_and_is_made_up_for_by_one_part_at_most() -> None:
    clock = Clock()
    slow = throttle(100, clock)
    for _ in slow.parts(rows(10), rows(10)):
        clock.pass_by(1)  # each write takes longer than its row has to wait
    assert clock.now == 1_010
    list(slow.parts(rows(102), rows(102)))
    assert clock.now == pytest.approx(1_011)


def test_the_rate_is_kept_where_waits_and_writes_take_longer_than_they_should() -> None:
    clock, random = Clock(), Random(1)
    rate, count, began = 20_000, 100_000, clock.now
    limited = Throttle(
        rate, at_once=10_000, clock=clock, sleep=lambda s: clock.pass_by(s + random.uniform(0, 0.005))
    )
    for _ in limited.parts(rows(count), rows(count)):
        clock.pass_by(random.uniform(0.001, 0.004))
    assert rate * 0.995 <= count / (clock.now - began) <= rate * 1.005


def test_no_span_has_more_rows_than_the_rate_allows_and_two_parts() -> None:
    clock, random = Clock(), Random(2)
    rate, part, written = 20_000, 200, []
    limited = Throttle(
        rate, at_once=10_000, clock=clock, sleep=lambda s: clock.pass_by(s + random.expovariate(500))
    )
    for keys, _ in limited.parts(rows(60_000), rows(60_000)):
        written.append((clock.now, len(keys)))
        clock.pass_by(random.expovariate(300))
    assert {count for _, count in written} == {part}
    starts = [now for now, _ in written]
    for first, since in enumerate(starts):
        for last in range(first, min(first + 50, len(starts))):
            rows_of_span = (last - first + 1) * part
            assert rows_of_span <= rate * (starts[last] - since) + 2 * part + 1e-6


def test_without_a_rate_nobody_waits() -> None:
    clock = Clock()
    assert [len(keys) for keys, _ in throttle(None, clock, at_once=4).parts(rows(10), rows(10))] == [4, 4, 2]
    assert clock.now == 1_000


@pytest.mark.parametrize("rate", [0, -1, math.nan, math.inf])
def test_rate_that_is_none_is_refused(rate: float) -> None:
    with pytest.raises(RequestError, match="above 0"):
        throttle(rate, Clock())
