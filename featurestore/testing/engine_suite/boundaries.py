"""The boundary table of the contract, literally, and instants at the ends of what can be written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from featurestore.definitions.schedule import Schedule
from featurestore.protocols.offline import OfflineEngine
from featurestore.testing.engine_suite.base import (
    DAY,
    HOUR,
    MICROSECOND,
    MINUTE,
    NOON,
    ask,
    at,
    make_view,
    rows,
)

EVE = datetime(1969, 12, 31, tzinfo=UTC)


class BoundaryCases:
    """Where a value begins and where it ends, to the microsecond."""

    def test_boundary_table_of_the_ttl(self, engine: OfflineEngine) -> None:
        view = make_view(rows((1, NOON, 7)), ttl=HOUR)
        times = at(NOON - MICROSECOND, NOON, NOON + HOUR, NOON + HOUR + MICROSECOND)
        assert ask(engine, view, times) == {"x": [None, 7, 7, None]}

    def test_boundary_table_of_the_delay(self, engine: OfflineEngine) -> None:
        view = make_view(rows((1, NOON, 7)), ttl=HOUR, delay=5 * MINUTE)
        times = at(NOON, NOON + 5 * MINUTE - MICROSECOND, NOON + 5 * MINUTE)
        assert ask(engine, view, times) == {"x": [None, None, 7]}

    def test_the_ttl_counts_from_the_event_not_from_when_it_became_visible(
        self, engine: OfflineEngine
    ) -> None:
        data = rows((1, NOON, 7, NOON + MINUTE), columns=("k", "at", "x", "seen"))
        view = make_view(data, ttl=HOUR, delay=5 * MINUTE, available_at="seen")
        assert ask(engine, view, at(NOON + HOUR, NOON + HOUR + MICROSECOND)) == {"x": [7, None]}

    def test_the_ttl_counts_to_the_time_itself_not_to_the_grid_point(self, engine: OfflineEngine) -> None:
        view = make_view(rows((1, NOON + MINUTE, 7)), ttl=HOUR, schedule=Schedule(HOUR))
        end = NOON + HOUR + MINUTE
        times = at(NOON + HOUR - MICROSECOND, NOON + HOUR, end, end + MICROSECOND)
        assert ask(engine, view, times) == {"x": [None, 7, 7, None]}

    def test_a_ttl_of_one_microsecond(self, engine: OfflineEngine) -> None:
        view = make_view(rows((1, NOON, 7)), ttl=MICROSECOND)
        assert ask(engine, view, at(NOON, NOON + MICROSECOND, NOON + 2 * MICROSECOND)) == {"x": [7, 7, None]}

    def test_an_expired_row_does_not_let_an_older_one_through(self, engine: OfflineEngine) -> None:
        view = make_view(rows((1, NOON - HOUR, 1), (1, NOON, 2)), ttl=MINUTE)
        assert ask(engine, view, at(NOON + HOUR)) == {"x": [None]}

    @pytest.mark.parametrize(
        ("schedule", "time", "visible"),
        [
            (Schedule(DAY), EVE, True),
            (Schedule(DAY), EVE - MICROSECOND, False),
            (Schedule(DAY), EVE + DAY - MICROSECOND, True),
            (Schedule(7 * DAY), EVE, False),
            (Schedule(7 * DAY), EVE + DAY, True),
            (Schedule(DAY, offset=HOUR), EVE + HOUR - MICROSECOND, False),
            (Schedule(DAY, offset=HOUR), EVE + HOUR, True),
            (Schedule(DAY, offset=-HOUR), EVE + 23 * HOUR - MICROSECOND, False),
            (Schedule(DAY, offset=-HOUR), EVE + 23 * HOUR, True),
            (Schedule(DAY, lag=HOUR), EVE + HOUR - MICROSECOND, False),
            (Schedule(DAY, lag=HOUR), EVE + HOUR, True),
            (Schedule(DAY, lag=25 * HOUR), EVE + 25 * HOUR - MICROSECOND, False),
            (Schedule(DAY, lag=25 * HOUR), EVE + 25 * HOUR, True),
            (Schedule(HOUR, offset=9 * DAY), EVE, True),
        ],
    )
    def test_the_grid_runs_in_both_directions_from_1970(
        self, engine: OfflineEngine, schedule: Schedule, time: datetime, visible: bool
    ) -> None:
        view = make_view(rows((1, EVE, 7)), schedule=schedule)
        assert ask(engine, view, at(time)) == {"x": [7 if visible else None]}

    def test_delay_and_grid_together(self, engine: OfflineEngine) -> None:
        view = make_view(rows((1, NOON, 7)), schedule=Schedule(HOUR, lag=MINUTE), delay=MINUTE)
        times = at(NOON + HOUR, NOON + HOUR + MINUTE - MICROSECOND, NOON + HOUR + MINUTE)
        assert ask(engine, view, times) == {"x": [None, None, 7]}

    @pytest.mark.parametrize("ttl", [None, timedelta(days=3_660_000)])
    def test_the_ends_of_the_calendar_are_instants_like_others(self, engine: OfflineEngine, ttl: Any) -> None:
        first, last = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
        view = make_view(rows((1, first, 1), (1, last, 2)), ttl=ttl, delay=MINUTE)
        times = at(first, first + MINUTE, NOON, last)
        assert ask(engine, view, times) == {"x": [None, 1, 1, 1]}

    def test_the_longest_ttl_is_no_limit(self, engine: OfflineEngine) -> None:
        view = make_view(rows((1, NOON, 1)), ttl=timedelta.max)
        assert ask(engine, view, at(NOON, NOON + 36_500 * DAY)) == {"x": [1, 1]}

    def test_available_far_in_the_future_means_never_yet(self, engine: OfflineEngine) -> None:
        never = datetime(9999, 12, 31, tzinfo=UTC)
        data = rows((1, NOON, 1, NOON), (1, NOON, 2, never), columns=("k", "at", "x", "seen"))
        assert ask(engine, make_view(data, available_at="seen"), at(NOON + DAY)) == {"x": [1]}
