"""Instants of the oracle: whole microseconds since 1970-01-01T00:00Z, from every form of a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Nano:
    """A time with nanoseconds, which Python's datetime lacks: `base` and 0 to 999 nanoseconds more."""

    base: datetime
    nanoseconds: int = 0


Time = date | datetime | Nano


def microseconds(value: timedelta) -> int:
    """A duration in whole microseconds."""
    return value // MICROSECOND


def from_instant(value: int) -> datetime:
    """The aware datetime in UTC."""
    return EPOCH + value * MICROSECOND


def source_instant(value: Time | None, zone: str) -> int | None:
    """An event or available time of a source: rounded up, the later reading of a local time."""
    return None if value is None else _instant(value, zone, later=True, up=True)


def known_instant(value: Time | None, zone: str) -> int | None:
    """A created time of a source: rounded down, the later reading of a local time."""
    return None if value is None else _instant(value, zone, later=True, up=False)


def entity_instant(value: Time | None, zone: str = "UTC") -> int | None:
    """The time of an entity row, or `now`: rounded down, the earlier reading of a local time."""
    return None if value is None else _instant(value, zone, later=False, up=False)


def _instant(value: Time, zone: str, *, later: bool, up: bool) -> int:
    base, nanoseconds = (value.base, value.nanoseconds) if isinstance(value, Nano) else (value, 0)
    if not isinstance(base, datetime):
        base = datetime(base.year, base.month, base.day)
    instant = _local(base, zone, later=later) if base.tzinfo is None else (base - EPOCH) // MICROSECOND
    return instant + (1 if up and nanoseconds else 0)


def _local(wall: datetime, zone: str, *, later: bool) -> int:
    """Both readings of PEP 495 are equal for an ordinary local time.

    For an ambiguous one they are the two instants. For a non-existent one fold=0 counts with the offset
    before the gap, which moves forward by its length, and fold=1 with the offset after it, which moves back.
    """
    readings = []
    for fold in (0, 1):
        offset = wall.replace(tzinfo=ZoneInfo(zone), fold=fold).utcoffset()
        if offset is None:
            raise ValueError(f"{zone} has no offset at {wall}")
        readings.append((wall.replace(tzinfo=UTC) - EPOCH - offset) // MICROSECOND)
    return max(readings) if later else min(readings)
