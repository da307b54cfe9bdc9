"""Seeded events for aggregations: every entity alike, or one that owns half of them; and the rows that ask.

Amounts are whole multiples of 1/256, small enough that every sum of them is exact in a float: whatever the order
of the additions, the answers can be compared bit by bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.data import END, SEED, START, Scale, once, times, write

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

FOLDER = ""
SKEWS = ("uniform", "hot")
AMOUNTS = ("x0", "x1", "x2")
HOT = 0
HOT_SHARE, HOT_ASKED = 0.5, 0.1

_CHUNK = 1_000_000


def events(scale: Scale, skew: str) -> Path:
    """The Parquet file of the events, in the order of their times."""
    return scale.directory / f"events_{skew}.parquet"


def entity_rows(scale: Scale, skew: str) -> Path:
    """The Parquet file of the entity rows."""
    return scale.directory / f"events_{skew}_asked.parquet"


def ensure(scale: Scale) -> None:
    """Write all files unless they are there already."""

    def make() -> None:
        for skew in SKEWS:
            write(events(scale, skew), _event_tables(scale, skew))
            write(entity_rows(scale, skew), iter([_entity_rows(scale, skew)]))

    once(scale, "events", 1, make)


def _event_tables(scale: Scale, skew: str) -> Iterator[pa.Table]:
    import numpy as np
    import pyarrow as pa

    rng = np.random.default_rng(SEED + 3)
    at = np.sort(_instants(rng, scale.source_rows))
    keys = _keys(rng, scale, scale.source_rows, HOT_SHARE if skew == "hot" else 0.0)
    for begin in range(0, scale.source_rows, _CHUNK):
        chosen = slice(begin, begin + _CHUNK)
        rows = len(at[chosen])
        amounts = {name: pa.array(rng.integers(-(2**15), 2**15, rows) / 256) for name in AMOUNTS}
        yield pa.table({"entity_id": keys[chosen], "event_timestamp": times(at[chosen]), **amounts})


def _entity_rows(scale: Scale, skew: str) -> pa.Table:
    import numpy as np
    import pyarrow as pa

    rng = np.random.default_rng(SEED + 4)
    keys = _keys(rng, scale, scale.entity_rows, HOT_ASKED if skew == "hot" else 0.0)
    return pa.table({"entity_id": keys, "event_timestamp": times(_instants(rng, scale.entity_rows))})


def _keys(rng: np.random.Generator, scale: Scale, count: int, hot: float) -> npt.NDArray[np.int64]:
    import numpy as np

    keys = rng.integers(0, scale.entities, count)
    return np.where(rng.random(count) < hot, HOT, keys)


def _instants(rng: np.random.Generator, count: int) -> npt.NDArray[np.int64]:
    begin, end = (int(moment.timestamp()) * 1_000_000 for moment in (START, END))
    return rng.integers(begin, end, count)
