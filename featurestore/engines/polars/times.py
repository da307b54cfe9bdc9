"""Instants: int64 microseconds, rounded as the law of time says of a source."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from featurestore.errors import EntityDataError, SourceError
from featurestore.frames.times import Reading, time_column
from featurestore.protocols.offline import Grid

Int64Array = npt.NDArray[np.int64]
MAX_INSTANT = 2**63 - 2  # 2**63 - 1 stands for infinity in other engines
MIN_INSTANT = -(2**63) + 2


def instants(column: pl.Series, timezone: str, reading: Reading, *, what: str) -> pl.Series:
    """A column of times of a source as int64 microseconds, nulls kept.

    Raises:
        SourceError: if a time is infinite or too far away to be counted in microseconds.
    """
    try:
        times = time_column(pa.chunked_array([column.to_arrow()]), timezone, name=what, reading=reading)
    except (EntityDataError, pa.ArrowException) as error:
        raise _out_of_range(what) from error
    values = pl.Series(column.name, times, dtype=pl.Int64)
    if values.len() and not values.is_between(MIN_INSTANT, MAX_INSTANT).all():
        raise _out_of_range(what)
    return values


def check_delay(event: pl.Series, delay: int, *, column: str) -> None:
    """Check that event timestamps plus the delay are still instants.

    Raises:
        SourceError: if one is not.
    """
    latest = event.max()
    if delay and isinstance(latest, int) and latest > MAX_INSTANT - delay:
        raise _out_of_range(f"event timestamp {column!r} plus the delay")


def effective(times: pl.Series, grid: Grid | None, *, delay: int) -> pl.Series:
    """The effective times less the delay; what falls below all instants becomes the lowest."""
    dtype = pl.Int64 if _within_64_bits(times, delay, grid) else pl.Int128
    wide = pl.col("t").cast(dtype)
    if grid is not None:
        since = wide - grid.lag - grid.offset
        rest = ((since % grid.every) + grid.every) % grid.every
        wide = since - rest + grid.offset
    lowest = pl.lit(MIN_INSTANT - 1, dtype)
    limited = pl.max_horizontal(wide - delay, lowest)
    bounded = pl.when(pl.col("t").is_not_null()).then(limited)
    return times.alias("t").to_frame().select(bounded.cast(pl.Int64)).to_series()


def _within_64_bits(times: pl.Series, delay: int, grid: Grid | None) -> bool:
    """Whether nothing between the times and their effective times needs more."""
    first, last = times.min(), times.max()
    if not isinstance(first, int) or not isinstance(last, int):
        return True
    moved = delay + (grid.lag + abs(grid.offset) + 2 * grid.every if grid is not None else 0)
    return first - moved >= MIN_INSTANT and last + moved <= MAX_INSTANT


def effective_instant(time: int, grid: Grid | None) -> int:
    """The effective time of one instant."""
    if grid is None:
        return time
    return (time - grid.lag - grid.offset) // grid.every * grid.every + grid.offset


def young_enough(times: pl.Series, events: pl.Series, ttl: int | None) -> pl.Series:
    """Where ``time - event <= ttl``, without overflow."""
    if ttl is None:
        return pl.repeat(True, times.len(), eager=True)
    age = pl.col("t").cast(pl.Int128) - pl.col("e").cast(pl.Int128)
    return pl.DataFrame({"t": times, "e": events}).select((age <= ttl).fill_null(True)).to_series()


def _out_of_range(what: str) -> SourceError:
    return SourceError(
        f"{what} holds a time that is infinite or too far away to be counted in microseconds.",
        hint="Replace it by null or by a real time.",
    )
