"""Times near boundaries: one clock per case, from which all its times are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
from hypothesis import strategies as st

from featurestore.definitions.schedule import Schedule
from featurestore.testing.oracle import Nano, effective_time, from_instant
from featurestore.testing.oracle.times import EPOCH, MICROSECOND, Time, microseconds

_DAY = timedelta(days=1)
_DURATIONS = (MICROSECOND, timedelta(seconds=1), timedelta(minutes=30), timedelta(hours=1), _DAY)
_ANCHORS = (
    ("UTC", datetime(2024, 5, 1, 12)),
    ("UTC", datetime(1970, 1, 1)),
    ("UTC", datetime(1969, 12, 31, 23)),
    ("UTC", datetime(1, 1, 10)),
    ("UTC", datetime(9999, 12, 20)),
    ("Asia/Kolkata", datetime(2024, 1, 1, 18, 30)),
    ("America/New_York", datetime(2024, 7, 1, 4)),
    ("America/New_York", datetime(2024, 3, 10, 7)),
    ("America/New_York", datetime(2024, 11, 3, 6)),
    ("Europe/Berlin", datetime(2024, 3, 31, 1)),
    ("Europe/Berlin", datetime(2024, 10, 27, 1)),
    ("Australia/Lord_Howe", datetime(2024, 4, 6, 15)),
    ("Australia/Lord_Howe", datetime(2024, 10, 5, 15, 30)),
    ("America/Havana", datetime(2024, 3, 10, 5)),
)


@dataclass(frozen=True)
class Clock:
    """The durations of a view and the instants (microseconds) at which something happens to it."""

    zone: str
    anchor: int
    ttl: timedelta | None
    delay: timedelta | None
    schedule: Schedule | None
    moments: tuple[int, ...]

    @property
    def has_nanoseconds(self) -> bool:
        """Whether 64 bits of nanoseconds reach that far (1678 to 2261)."""
        return 1678 <= from_instant(self.anchor).year <= 2261

    def instants(self) -> st.SearchStrategy[int]:
        """Moments, give or take a microsecond."""
        return st.builds(int.__add__, st.sampled_from(self.moments), st.sampled_from([0, 0, 0, -1, 1]))

    def later_instants(self) -> st.SearchStrategy[int]:
        """Instants at which rows of such moments are on the edge of being visible or expired."""
        steps = {0, *(microseconds(d) for d in (self.ttl, self.delay) if d)}
        if self.schedule is not None:
            steps |= {microseconds(self.schedule.lag), microseconds(self.schedule.every + self.schedule.lag)}
        sums = sorted(steps | {a + b for a in steps for b in steps})
        return st.builds(int.__add__, self.instants(), st.sampled_from(sums))


@st.composite
def clocks(draw: st.DrawFn) -> Clock:
    """A clock near a change of the clocks, the epoch, the ends of the calendar or an ordinary day."""
    zone, start = draw(st.sampled_from(_ANCHORS))
    anchor = (start.replace(tzinfo=UTC) - EPOCH) // MICROSECOND
    ttl = draw(st.one_of(st.none(), st.sampled_from(_DURATIONS)))
    delay = draw(st.sampled_from([None, timedelta(0), *_DURATIONS]))
    schedule = draw(st.one_of(st.none(), schedules()))
    offsets = {0, *(microseconds(d) for d in (ttl, delay) if d)}
    if schedule is not None:
        point = effective_time(schedule, anchor) - anchor
        every, lag = microseconds(schedule.every), microseconds(schedule.lag)
        offsets |= {point, point + lag, point + lag + every}
    sums = sorted({sign * a + b for a in offsets for b in offsets for sign in (1, -1)} | {3_600_000_000})
    picked = draw(st.lists(st.sampled_from(sums), min_size=1, max_size=4, unique=True))
    return Clock(zone, anchor, ttl, delay, schedule, tuple(anchor + offset for offset in picked))


def schedules() -> st.SearchStrategy[Schedule]:
    """Grids with and without offset and lag, some of them longer than a step."""
    some = st.sampled_from([timedelta(0), *_DURATIONS, timedelta(minutes=7)])
    offsets = st.one_of(some, st.sampled_from([-timedelta(minutes=7), 5 * _DAY]))
    return st.builds(Schedule, st.sampled_from([*_DURATIONS, timedelta(minutes=7)]), offset=offsets, lag=some)


@dataclass(frozen=True)
class TimeColumn:
    """A column of times: its Arrow type, and how instants are written in it."""

    physical: pa.DataType
    nanoseconds: tuple[int, ...]
    zone: str
    anchor: int

    def times(self, instants: st.SearchStrategy[int]) -> st.SearchStrategy[Any]:
        """The instants in this column's form; some are null."""
        if pa.types.is_null(self.physical):
            return st.none()
        present = st.sampled_from([True] * 9 + [False])
        some = st.builds(self._time, instants, st.sampled_from(self.nanoseconds))
        return present.flatmap(lambda chosen: some if chosen else st.none())

    def _time(self, instant: int, nanoseconds: int) -> Time:
        base = from_instant(instant)
        if pa.types.is_date(self.physical):
            return self._wall(base).date()
        if self.physical.tz is None:
            base = self._wall(base)
        if self.physical.unit == "s":
            return base.replace(microsecond=0)
        if self.physical.unit == "ms":
            return base.replace(microsecond=base.microsecond // 1000 * 1000)
        return Nano(base, nanoseconds) if self.physical.unit == "ns" else base

    def _wall(self, instant: datetime) -> datetime:
        """Local time by the offset at the anchor, so that times inside of gaps and folds come up."""
        offset = from_instant(self.anchor).astimezone(ZoneInfo(self.zone)).utcoffset() or timedelta(0)
        return instant.replace(tzinfo=None) + offset

    def array(self, values: Sequence[Any]) -> pa.Array:
        """The times as the source holds them."""
        if pa.types.is_null(self.physical) or pa.types.is_date(self.physical):
            return pa.array(values, self.physical)
        divisor = {"s": 1_000_000, "ms": 1000, "us": 1, "ns": 1}[self.physical.unit]
        ticks = [None if value is None else _ticks(value) // divisor for value in values]
        return pa.array(ticks, pa.int64()).cast(self.physical)


def _ticks(value: Time) -> int:
    """Microseconds, or nanoseconds for a `Nano`, of the instant or of the wall clock."""
    base = value.base if isinstance(value, Nano) else value
    assert isinstance(base, datetime)
    aware = base if base.tzinfo is not None else base.replace(tzinfo=UTC)
    whole = (aware - EPOCH) // MICROSECOND
    return whole * 1000 + value.nanoseconds if isinstance(value, Nano) else whole


@st.composite
def time_columns(draw: st.DrawFn, clock: Clock, *, dates: bool = True, empty: bool = False) -> TimeColumn:
    """A form in which times are written; `empty` allows a column of nothing but nulls."""
    zone = draw(st.sampled_from([None, "UTC", "America/New_York"]))
    if clock.zone == "UTC" and zone is not None:
        zone = "UTC"
    units = ["us", "us", "us", "ms", "s", *(["ns", "ns"] if clock.has_nanoseconds else [])]
    physical = pa.timestamp(draw(st.sampled_from(units)), zone)
    if dates and draw(st.integers(0, 9)) == 9:
        physical = pa.date32()
    if empty and draw(st.integers(0, 19)) == 19:
        physical = pa.null()
    nanoseconds = (0, 1, 999) if pa.types.is_timestamp(physical) and physical.unit == "ns" else (0,)
    return TimeColumn(physical, nanoseconds, clock.zone, clock.anchor)
