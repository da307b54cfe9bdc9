"""Seeded data larger than the memory that is given to the work: ten times the scale's rows, written chunk by chunk.

At full scale 100 M rows × 10 features and 10 M entity rows. Values have 16 bits, as measurements do, so that the
file has a third of the size that it takes in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.data import (
    DAYS,
    ROW_GROUP,
    SEED,
    START,
    UNKNOWN_KEY_SHARE,
    Scale,
    feature,
    once,
    times,
    write,
)

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

FOLDER = "large"
FEATURES = tuple(f"f{number:02}" for number in range(10))
TIMES_THE_SCALE = 10

_TIED_SHARE = 0.01
_HOUR_US = 3_600_000_000
_SPAN_US = DAYS * 24 * _HOUR_US
_BITS = 2**16


def source(scale: Scale) -> Path:
    """The Parquet file of the source, in the order of event times."""
    return scale.directory / FOLDER / "source.parquet"


def entity_rows(scale: Scale) -> Path:
    """The Parquet file of the entity rows, in random order."""
    return scale.directory / FOLDER / "asked.parquet"


def ensure(scale: Scale) -> None:
    """Write both files unless they are there already; one row group is in memory at a time."""

    def make() -> None:
        write(source(scale), _source(scale))
        write(entity_rows(scale), _entity_rows(scale))

    once(scale, FOLDER, 1, make)


def _source(scale: Scale) -> Iterator[pa.Table]:
    """Chunk after chunk of time; some rows are written twice, with a later created time (odd, never the same)."""
    import numpy as np
    import pyarrow as pa

    chunks = -(-scale.source_rows * TIMES_THE_SCALE // ROW_GROUP)
    begin, length = int(START.timestamp()) * 1_000_000, _SPAN_US // chunks
    for number in range(chunks):
        rng = np.random.default_rng((SEED, 8, number))
        keys = _keys(rng, scale, ROW_GROUP)
        events = np.sort(begin + number * length + rng.integers(0, length, ROW_GROUP))
        created = events + 2 * rng.integers(0, _HOUR_US // 2, ROW_GROUP)
        again = rng.choice(ROW_GROUP // 2, int(ROW_GROUP * _TIED_SHARE), replace=False) * 2
        keys[again + 1], events[again + 1], created[again + 1] = (
            keys[again],
            events[again],
            created[again] + 1,
        )
        order = np.argsort(events, kind="stable")
        rows = np.arange(number * ROW_GROUP, (number + 1) * ROW_GROUP)
        columns = {
            "entity_id": pa.array(keys[order]),
            "event_timestamp": times(events[order]),
            "created_timestamp": times(created[order]),
        }
        values = {
            name: np.floor(feature(rows, i, of=len(FEATURES)) * _BITS) / _BITS
            for i, name in enumerate(FEATURES)
        }
        yield pa.table(columns | values)


def _entity_rows(scale: Scale) -> Iterator[pa.Table]:
    import numpy as np
    import pyarrow as pa

    begin, left = int(START.timestamp()) * 1_000_000, scale.entity_rows * TIMES_THE_SCALE
    for number in range(-(-left // ROW_GROUP)):
        rng = np.random.default_rng((SEED, 9, number))
        count = min(ROW_GROUP, left - number * ROW_GROUP)
        keys = _keys(rng, scale, count)
        unknown = rng.random(count) < UNKNOWN_KEY_SHARE
        keys = np.where(unknown, keys + scale.entities * TIMES_THE_SCALE, keys)
        at = begin + rng.integers(0, _SPAN_US, count)
        yield pa.table(
            {"entity_id": pa.array(keys), "event_timestamp": times(at), "label": pa.array(keys % 2)}
        )


def _keys(rng: np.random.Generator, scale: Scale, count: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return rng.integers(0, scale.entities * TIMES_THE_SCALE, count)
