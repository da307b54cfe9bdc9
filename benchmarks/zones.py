"""Seeded data in the shape of the Hopsworks benchmark: many taxi rides, and two small views of their zones.

The views hold what a window of 15 or 30 minutes saw in each of 265 zones during a month; a tenth of the windows
is missing, so that the nearest row before a ride is not always the last window's.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.data import SEED, START, Scale, once, times, write

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

FOLDER = "zones"
MINUTES = (15, 30)
ZONES, DAYS = 265, 31
FEATURES = ("trips", "fare", "distance", "duration")
MISSING_SHARE = 0.1
RIDES_PER_ENTITY_ROW = 10

_START_US = int(START.timestamp()) * 1_000_000
_DAY_US = 86_400_000_000


def source(scale: Scale, minutes: int) -> Path:
    """The Parquet file of the windows of so many minutes."""
    return scale.directory / FOLDER / f"windows_{minutes}.parquet"


def entity_rows(scale: Scale) -> Path:
    """The Parquet file of the rides, in random order."""
    return scale.directory / FOLDER / "rides.parquet"


def ensure(scale: Scale) -> None:
    """Write all files unless they are there already."""

    def make() -> None:
        import numpy as np

        rng = np.random.default_rng(SEED + 5)
        for minutes in MINUTES:
            write(source(scale, minutes), iter([_windows(rng, minutes)]))
        write(entity_rows(scale), iter([_rides(rng, scale.entity_rows * RIDES_PER_ENTITY_ROW)]))

    once(scale, FOLDER, 1, make)


def _windows(rng: np.random.Generator, minutes: int) -> pa.Table:
    """The windows in the order of their ends."""
    import numpy as np
    import pyarrow as pa

    length = minutes * 60_000_000
    ends = _START_US + np.arange(length, DAYS * _DAY_US + 1, length)
    ends, zone = np.repeat(ends, ZONES), np.tile(np.arange(ZONES), len(ends))
    there = rng.random(len(ends)) >= MISSING_SHARE
    ends, zone = ends[there], zone[there]
    values = {name: rng.random(len(ends)) for name in FEATURES[1:]}
    trips = rng.integers(0, 500, len(ends)).astype(np.float64)
    return pa.table({"zone": zone, "event_timestamp": times(ends), FEATURES[0]: trips, **values})


def _rides(rng: np.random.Generator, count: int) -> pa.Table:
    import pyarrow as pa

    at = _START_US + rng.integers(0, DAYS * _DAY_US, count)
    fares = rng.integers(300, 20_000, count)
    return pa.table({"zone": rng.integers(0, ZONES, count), "event_timestamp": times(at), "paid": fares})
