"""Seeded data of a lake: a folder of Parquet for each day, of which a week and a quarter of the features are needed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.data import DAYS, FEATURES, SEED, START, Scale, feature, once, source_rows, times, write

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    Ints = npt.NDArray[np.int64]

FOLDER = "lake"
ASKED = FEATURES[::4]
TTL = 24 * 60
LAST_DAYS = 6
"""The entity rows lie in the last days; with the ttl they need rows of one day more."""

_DAY_US = 86_400_000_000


def days(scale: Scale) -> Path:
    """The pattern of the files in folders by day."""
    return scale.directory / FOLDER / "rows" / "day=*" / "rows.parquet"


def entity_rows(scale: Scale) -> Path:
    """The Parquet file of the entity rows."""
    return scale.directory / FOLDER / "entity_rows.parquet"


def ensure(scale: Scale) -> None:
    """Write all files unless they are there already."""

    def make() -> None:
        _write_days(scale)
        write(entity_rows(scale), iter([_entity_rows(scale)]))

    once(scale, FOLDER, 1, make)


def _write_days(scale: Scale) -> None:
    """Half of the scale's rows: at full size 0.9 GB, which a server in Python holds and hands out in seconds."""
    import numpy as np

    keys, events, created = source_rows(replace(scale, source_rows=scale.source_rows // 2))
    begin = int(START.timestamp()) * 1_000_000
    first = np.searchsorted(events, begin + np.arange(DAYS + 1) * _DAY_US)
    for number in range(DAYS):
        day = f"day={START.date() + timedelta(days=number)}"
        rows = np.arange(first[number], first[number + 1])
        write(Path(str(days(scale)).replace("day=*", day)), iter([_rows(keys, events, created, rows)]))


def _rows(keys: Ints, events: Ints, created: Ints, rows: Ints) -> pa.Table:
    import pyarrow as pa

    columns = {
        "entity_id": pa.array(keys[rows]),
        "event_timestamp": times(events[rows]),
        "created_timestamp": times(created[rows]),
    }
    return pa.table(columns | {name: feature(rows, number) for number, name in enumerate(FEATURES)})


def _entity_rows(scale: Scale) -> pa.Table:
    import numpy as np
    import pyarrow as pa

    rng = np.random.default_rng(SEED + 11)
    count = scale.entity_rows // 10
    begin = int(START.timestamp()) * 1_000_000 + (DAYS - LAST_DAYS) * _DAY_US
    at = begin + rng.integers(0, LAST_DAYS * _DAY_US, count)
    return pa.table({"entity_id": rng.integers(0, scale.entities, count), "event_timestamp": times(at)})
