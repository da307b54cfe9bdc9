"""Columns of times as int64 microseconds since the epoch, rounded so that the future never gets in.

Entity rows take the earlier reading of an ambiguous local time, sources the later one. A local time that does
not exist moves by the length of the gap: back for entity rows, forward for a source (the two readings that
PEP 495 gives it). Nanoseconds round up for what a row of a source waits for, else down.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from featurestore.errors import EntityDataError

_MICROSECONDS = pa.timestamp("us")


@dataclass(frozen=True)
class Reading:
    """How a time is read where there is a choice.

    Attributes:
        later: of the two readings of a local time take the later one.
        up: round nanoseconds up.
    """

    later: bool
    up: bool


ENTITY_TIME = Reading(later=False, up=False)
SOURCE_TIME = Reading(later=True, up=True)
CREATED_TIME = Reading(later=True, up=False)
# Arrow reads the rules that hold from 2038 on not in all zones.
_RULES_END = 2_145_916_800_000_000  # 2038-01-01
_FOUR_CENTURIES = 146_097 * 86_400_000_000  # after which weekdays and leap years repeat
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 (local times have no zone)


def time_column(column: pa.ChunkedArray, timezone: str, *, name: str, reading: Reading) -> pa.ChunkedArray:
    """A column of timestamps or dates as int64 microseconds, nulls kept; naive times are of `timezone`.

    Raises:
        EntityDataError: if the column holds no times, or one beyond what 64 bits of microseconds hold.
    """
    found = column.type
    if pa.types.is_null(found):
        return column.cast(pa.int64())
    if pa.types.is_date(found):
        column = column.cast(pa.timestamp("s"))
    elif not pa.types.is_timestamp(found):
        raise EntityDataError(
            f"Time column {name!r}: expected timestamps, found {found}.",
            hint="Convert it first, e.g. pandas.to_datetime(df[...]) or polars' str.to_datetime().",
        )
    _check_timezone(timezone, name)
    try:
        chunks = [_instants(chunk, timezone, reading) for chunk in column.chunks]
        return pa.chunked_array(chunks, type=pa.int64())
    except pa.ArrowInvalid as error:
        raise EntityDataError(f"Time column {name!r}: a time is out of range: {error}.") from error


def _check_timezone(timezone: str, name: str) -> None:
    try:
        ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError, TypeError) as error:
        raise EntityDataError(
            f"Time column {name!r}: {timezone!r} is not a time zone.",
            hint="Use an IANA name such as Europe/Paris.",
        ) from error


def _instants(times: pa.Array, timezone: str, reading: Reading) -> pa.Array:
    micros, finer = _microseconds(times)
    if times.type.tz is None and timezone != "UTC":
        micros = _from_local(micros, timezone, reading.later)
    return pc.add(micros, finer) if reading.up and finer is not None else micros


def _from_local(micros: pa.Array, timezone: str, later: bool) -> pa.Array:
    near = pc.if_else(pc.less(micros, _RULES_END), micros, None)
    local = near.cast(_MICROSECONDS)
    side = "latest" if later else "earliest"
    before = pc.assume_timezone(local, timezone, ambiguous=side, nonexistent="earliest")
    after = pc.assume_timezone(local, timezone, ambiguous=side, nonexistent="latest")
    exists = pc.equal(pc.local_timestamp(before), local)
    # In a gap, `before` and `after` are its two edges: the far one's offset moves the time out.
    edge = before if later else after
    offset = pc.subtract(pc.local_timestamp(edge).cast(pa.int64()), edge.cast(pa.int64()))
    instants = pc.if_else(exists, before.cast(pa.int64()), pc.subtract(near, offset))
    if near.null_count == micros.null_count:
        return instants
    return pc.coalesce(instants, _from_far_local(micros, timezone, later))


def _from_far_local(micros: pa.Array, timezone: str, later: bool) -> pa.Array:
    """Local times from 2038 on, by the rules of zoneinfo; few of them are distinct."""
    values = micros.fill_null(0).to_numpy(zero_copy_only=False)
    distinct, position = np.unique(values, return_inverse=True)
    offsets = [
        _far_offset(value, ZoneInfo(timezone), later) if value >= _RULES_END else 0
        for value in distinct.tolist()
    ]
    instants = values - np.array(offsets, np.int64)[position]
    return pa.array(instants, mask=np.asarray(micros.is_null()))


def _far_offset(local: int, zone: ZoneInfo, later: bool) -> int:
    cycles = max(0, (local - _RULES_END) // _FOUR_CENTURIES)
    wall = _EPOCH + timedelta(microseconds=local - cycles * _FOUR_CENTURIES)
    readings = [wall.replace(tzinfo=zone, fold=fold).utcoffset() or timedelta(0) for fold in (0, 1)]
    return (min if later else max)(readings) // timedelta(microseconds=1)


def _microseconds(times: pa.Array) -> tuple[pa.Array, pa.Array | None]:
    """Microseconds, rounded down, and 1 where something finer was cut off (None: nowhere)."""
    if times.type.unit != "ns":
        return times.cast(pa.timestamp("us", times.type.tz)).cast(pa.int64()), None
    nanos = times.cast(pa.int64())
    values: npt.NDArray[np.int64] = nanos.fill_null(0).to_numpy(zero_copy_only=False)
    mask = np.asarray(nanos.is_null())
    return pa.array(np.floor_divide(values, 1000), mask=mask), pa.array(
        (values % 1000 != 0).astype(np.int64), mask=mask
    )
