"""Columns of times as int64 microseconds since the epoch, rounded so that the future never gets in.

Entity rows and created times round down and take the earlier reading of a local time; event times of a
source round up and take the later one. A local time that does not exist moves by the length of the gap:
back for entity rows, forward for a source (the two readings that PEP 495 gives it).
"""

from __future__ import annotations

from enum import Enum

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from featurestore.errors import EntityDataError

_MICROSECONDS = pa.timestamp("us")


class Rounding(Enum):
    """Which of two readings of a time is taken."""

    DOWN = "earliest"
    UP = "latest"


def time_column(column: pa.ChunkedArray, timezone: str, *, name: str, rounding: Rounding) -> pa.ChunkedArray:
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
    try:
        chunks = [_instants(chunk, timezone, rounding) for chunk in column.chunks]
        return pa.chunked_array(chunks, type=pa.int64())
    except pa.ArrowInvalid as error:
        raise EntityDataError(f"Time column {name!r}: a time is out of range: {error}.") from error


def _instants(times: pa.Array, timezone: str, rounding: Rounding) -> pa.Array:
    zoned = times.type.tz is not None
    micros = _microseconds(times, rounding)
    if zoned or timezone == "UTC":
        return micros
    local = micros.cast(_MICROSECONDS)
    before = pc.assume_timezone(local, timezone, ambiguous=rounding.value, nonexistent="earliest")
    after = pc.assume_timezone(local, timezone, ambiguous=rounding.value, nonexistent="latest")
    exists = pc.equal(pc.local_timestamp(before), local)
    # In a gap, `before` and `after` are its two edges: the far one's offset moves the time out.
    edge = after if rounding is Rounding.DOWN else before
    offset = pc.subtract(pc.local_timestamp(edge).cast(pa.int64()), edge.cast(pa.int64()))
    return pc.if_else(exists, before.cast(pa.int64()), pc.subtract(micros, offset))


def _microseconds(times: pa.Array, rounding: Rounding) -> pa.Array:
    if times.type.unit != "ns":
        return times.cast(pa.timestamp("us", times.type.tz)).cast(pa.int64())
    nanos = times.cast(pa.int64())
    values = nanos.fill_null(0).to_numpy(zero_copy_only=False)
    floor = np.floor_divide(values, 1000)
    rounded = floor + (values % 1000 != 0) if rounding is Rounding.UP else floor
    return pa.array(rounded, mask=np.asarray(nanos.is_null()))
