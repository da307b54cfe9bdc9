"""Instants: whole microseconds since 1970-01-01T00:00Z inside, aware datetimes outside."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from featurestore.errors import InvalidTimeError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_microseconds(value: datetime, *, what: str) -> int:
    """Microseconds since the epoch; a naive datetime is UTC. Finer parts are cut off (rounded down).

    Raises:
        InvalidTimeError: if `value` is not a datetime; `what` names the argument.
    """
    if not isinstance(value, datetime):
        raise InvalidTimeError(
            f"{what} must be a datetime, found {value!r}.",
            hint="Use datetime(2024, 1, 31, tzinfo=timezone.utc); a naive datetime is taken as UTC.",
        )
    aware = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    return (aware - EPOCH) // _MICROSECOND


def from_microseconds(value: int) -> datetime:
    """The aware datetime in UTC."""
    return EPOCH + timedelta(microseconds=value)


def duration_to_microseconds(value: timedelta) -> int:
    """A duration as whole microseconds."""
    return value // _MICROSECOND
