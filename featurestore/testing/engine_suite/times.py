"""Instants of a source: nanoseconds, time zones, changes of the clocks, dates."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from featurestore.definitions.types import Timestamp
from featurestore.protocols.offline import CREATED_COLUMN, EVENT_COLUMN, OfflineEngine
from featurestore.testing.engine_suite.base import DAY, HOUR, MICROSECOND, NOON, ask, at, make_view
from featurestore.testing.oracle import entity_instant
from featurestore.testing.plans import plan_view, run_latest

NEW_YORK = "America/New_York"
LOCAL_TIMES = [
    ("ordinary", NEW_YORK, datetime(2024, 7, 1, 12), datetime(2024, 7, 1, 16)),
    ("ambiguous", NEW_YORK, datetime(2024, 11, 3, 1, 30), datetime(2024, 11, 3, 6, 30)),
    ("first ambiguous", NEW_YORK, datetime(2024, 11, 3, 1), datetime(2024, 11, 3, 6)),
    (
        "before it",
        NEW_YORK,
        datetime(2024, 11, 3, 0, 59, 59, 999_999),
        datetime(2024, 11, 3, 4, 59, 59, 999_999),
    ),
    ("after it", NEW_YORK, datetime(2024, 11, 3, 2), datetime(2024, 11, 3, 7)),
    ("gap", NEW_YORK, datetime(2024, 3, 10, 2, 30), datetime(2024, 3, 10, 7, 30)),
    ("first of the gap", NEW_YORK, datetime(2024, 3, 10, 2), datetime(2024, 3, 10, 7)),
    (
        "last of the gap",
        NEW_YORK,
        datetime(2024, 3, 10, 2, 59, 59, 999_999),
        datetime(2024, 3, 10, 7, 59, 59, 999_999),
    ),
    ("after the gap", NEW_YORK, datetime(2024, 3, 10, 3), datetime(2024, 3, 10, 7)),
    ("Berlin ambiguous", "Europe/Berlin", datetime(2024, 10, 27, 2, 30), datetime(2024, 10, 27, 1, 30)),
    ("half an hour twice", "Australia/Lord_Howe", datetime(2024, 4, 7, 1, 45), datetime(2024, 4, 6, 15, 15)),
    (
        "half an hour missing",
        "Australia/Lord_Howe",
        datetime(2024, 10, 6, 2, 15),
        datetime(2024, 10, 5, 15, 45),
    ),
    ("half-hour zone", "Asia/Kolkata", datetime(2024, 1, 1), datetime(2023, 12, 31, 18, 30)),
    ("missing midnight", "America/Havana", datetime(2024, 3, 10), datetime(2024, 3, 10, 5)),
    ("far future", NEW_YORK, datetime(2060, 7, 1, 12), datetime(2060, 7, 1, 16)),
    ("1970", "Europe/Berlin", datetime(1970, 1, 1), datetime(1969, 12, 31, 23)),
]
local_times = pytest.mark.parametrize(
    ("zone", "wall", "instant"),
    [
        pytest.param(zone, wall, instant.replace(tzinfo=UTC), id=name)
        for name, zone, wall, instant in LOCAL_TIMES
    ],
)


def table(times: Sequence[Any], dtype: pa.DataType, **more: pa.Array) -> pa.Table:
    """Entity 1 with values 0, 1, 2, …, at the given times."""
    count = len(times)
    return pa.table(
        {"k": pa.array([1] * count), "at": pa.array(times, dtype), "x": pa.array(range(count)), **more}
    )


def nanoseconds(time: datetime, more: int) -> int:
    return (entity_instant(time) or 0) * 1000 + more


class TimeCases:
    """How a source's columns of times are read."""

    @pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
    @pytest.mark.parametrize("zone", [None, "UTC", NEW_YORK])
    def test_every_unit_with_and_without_zone(
        self, engine: OfflineEngine, unit: str, zone: str | None
    ) -> None:
        times = [NOON.replace(tzinfo=None) if zone is None else NOON]
        view = make_view(table(times, pa.timestamp(unit, zone)))
        assert ask(engine, view, at(NOON - MICROSECOND, NOON)) == {"x": [None, 0]}

    def test_nanoseconds_of_the_event_round_up(self, engine: OfflineEngine) -> None:
        view = make_view(table([nanoseconds(NOON, 1)], pa.timestamp("ns", "UTC")), ttl=HOUR)
        end = NOON + HOUR + MICROSECOND
        times = at(NOON, NOON + MICROSECOND, end, end + MICROSECOND)
        assert ask(engine, view, times) == {"x": [None, 0, 0, None]}

    def test_nanoseconds_before_1970_round_up_as_well(self, engine: OfflineEngine) -> None:
        time = datetime(1960, 1, 1, tzinfo=UTC)
        view = make_view(table([nanoseconds(time, 1), nanoseconds(time, 0)], pa.timestamp("ns", "UTC")))
        assert ask(engine, view, at(time - MICROSECOND, time, time + MICROSECOND)) == {"x": [None, 1, 0]}

    def test_events_within_one_microsecond_tie(self, engine: OfflineEngine) -> None:
        times = [nanoseconds(NOON, n) for n in (1000, 999, 1)]
        for turned in (times, times[::-1]):
            view = make_view(table(turned, pa.timestamp("ns", "UTC")))
            assert ask(engine, view, at(NOON + MICROSECOND)) == {"x": [2]}

    def test_nanoseconds_of_available_at_round_up(self, engine: OfflineEngine) -> None:
        seen = pa.array([nanoseconds(NOON, 1)], pa.timestamp("ns", "UTC"))
        view = make_view(table([NOON - HOUR], pa.timestamp("us", "UTC"), seen=seen), available_at="seen")
        assert ask(engine, view, at(NOON, NOON + MICROSECOND)) == {"x": [None, 0]}

    def test_nanoseconds_of_created_round_down(self, engine: OfflineEngine) -> None:
        made = pa.array([nanoseconds(NOON, n) for n in (999, 0)], pa.timestamp("ns", "UTC"))
        view = make_view(table([NOON, NOON], pa.timestamp("us", "UTC"), made=made), created_timestamp="made")
        assert ask(engine, view, at(NOON)) == {"x": [1]}
        assert ask(engine, plan_view(view, as_of=NOON), at(NOON)) == {"x": [1]}
        assert ask(engine, plan_view(view, as_of=NOON - MICROSECOND), at(NOON)) == {"x": [None]}

    @local_times
    def test_naive_events_are_of_the_source_s_zone(
        self, engine: OfflineEngine, zone: str, wall: datetime, instant: datetime
    ) -> None:
        view = make_view(table([wall], pa.timestamp("us")), timezone=zone)
        assert ask(engine, view, at(instant - MICROSECOND, instant)) == {"x": [None, 0]}

    @local_times
    def test_naive_nanoseconds_too(
        self, engine: OfflineEngine, zone: str, wall: datetime, instant: datetime
    ) -> None:
        view = make_view(table([nanoseconds(wall, 0)], pa.timestamp("ns")), timezone=zone)
        assert ask(engine, view, at(instant - MICROSECOND, instant)) == {"x": [None, 0]}

    @local_times
    def test_naive_available_times_too(
        self, engine: OfflineEngine, zone: str, wall: datetime, instant: datetime
    ) -> None:
        seen = pa.array([wall], pa.timestamp("us"))
        data = table([instant - DAY], pa.timestamp("us", "UTC"), seen=seen)
        view = make_view(data, timezone=zone, available_at="seen")
        assert ask(engine, view, at(instant - MICROSECOND, instant)) == {"x": [None, 0]}

    @local_times
    def test_naive_created_times_too(
        self, engine: OfflineEngine, zone: str, wall: datetime, instant: datetime
    ) -> None:
        made = pa.array([wall], pa.timestamp("us"))
        data = table([instant - DAY], pa.timestamp("us", "UTC"), made=made)
        plan = plan_view(make_view(data, timezone=zone, created_timestamp="made"))
        found = run_latest(engine, plan, at=entity_instant(instant))
        assert found.column(CREATED_COLUMN).to_pylist() == [entity_instant(instant)]

    @local_times
    def test_naive_values_too(
        self, engine: OfflineEngine, zone: str, wall: datetime, instant: datetime
    ) -> None:
        data = pa.table({"k": [1], "at": pa.array([NOON]), "x": pa.array([wall], pa.timestamp("us"))})
        view = make_view(data, timezone=zone, features={"x": Timestamp})
        assert ask(engine, view, at(NOON)) == {"x": [instant]}

    @local_times
    def test_naive_keys_too(
        self, engine: OfflineEngine, zone: str, wall: datetime, instant: datetime
    ) -> None:
        data = pa.table({"k": pa.array([wall], pa.timestamp("us")), "at": pa.array([NOON]), "x": [7]})
        view = make_view(data, timezone=zone, keys={"k": Timestamp})
        assert ask(engine, view, at(NOON, k=instant)) == {"x": [7]}

    def test_nanoseconds_are_rounded_after_the_local_time_is_read(self, engine: OfflineEngine) -> None:
        wall, instant = datetime(2024, 11, 3, 0, 59, 59, 999_999), datetime(2024, 11, 3, 5, tzinfo=UTC)
        view = make_view(table([nanoseconds(wall, 1)], pa.timestamp("ns")), timezone=NEW_YORK)
        assert ask(engine, view, at(instant - MICROSECOND, instant)) == {"x": [None, 0]}

    def test_the_zone_of_the_source_does_not_touch_zoned_columns(self, engine: OfflineEngine) -> None:
        view = make_view(table([NOON], pa.timestamp("us", "Asia/Kolkata")), timezone=NEW_YORK)
        assert ask(engine, view, at(NOON - MICROSECOND, NOON)) == {"x": [None, 0]}

    def test_both_instants_of_a_zoned_ambiguous_time_are_told_apart(self, engine: OfflineEngine) -> None:
        first = datetime(2024, 11, 3, 5, 30, tzinfo=UTC)
        view = make_view(table([first, first + HOUR], pa.timestamp("us", NEW_YORK)), timezone=NEW_YORK)
        times = at(first - MICROSECOND, first, first + HOUR - MICROSECOND, first + HOUR)
        assert ask(engine, view, times) == {"x": [None, 0, 0, 1]}

    @pytest.mark.parametrize(("zone", "hours"), [("UTC", 0), (NEW_YORK, 4), ("America/Havana", 4)])
    def test_a_date_is_its_first_midnight(self, engine: OfflineEngine, zone: str, hours: int) -> None:
        view = make_view(table([date(2024, 7, 1)], pa.date32()), timezone=zone, delay=DAY)
        instant = datetime(2024, 7, 2, hours, tzinfo=UTC)
        assert ask(engine, view, at(instant - MICROSECOND, instant)) == {"x": [None, 0]}

    def test_the_ttl_of_a_date_counts_from_its_midnight(self, engine: OfflineEngine) -> None:
        view = make_view(table([date(2024, 7, 1)], pa.date32()), delay=timedelta(0), ttl=DAY)
        end = datetime(2024, 7, 2, tzinfo=UTC)
        assert ask(engine, view, at(end, end + MICROSECOND)) == {"x": [0, None]}

    def test_event_and_created_come_back_in_microseconds(self, engine: OfflineEngine) -> None:
        made = pa.array([nanoseconds(NOON, 999)], pa.timestamp("ns"))
        view = make_view(
            table([nanoseconds(NOON, 1)], pa.timestamp("ns"), made=made), created_timestamp="made"
        )
        found = run_latest(engine, plan_view(view), at=entity_instant(NOON + HOUR))
        instant = entity_instant(NOON)
        assert instant is not None
        assert found.select([EVENT_COLUMN, CREATED_COLUMN]).to_pylist() == [
            {EVENT_COLUMN: instant + 1, CREATED_COLUMN: instant}
        ]
