"""Seeded data of which little is needed: a view of 200 features, and a source with a folder for each day."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.data import DAYS, ROW_GROUP, SEED, START, Scale, feature, once, source_rows, times, write

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    Ints = npt.NDArray[np.int64]

FOLDER = "pruning"
COLUMNS = tuple(f"f{number:03}" for number in range(200))
DAY_COLUMNS = COLUMNS[:10]
ASKED = ("f017", "f053", "f101", "f160", "f199")
TTL = 24 * 60
LAST_DAYS = 6
"""The entity rows of the last week lie in these days; with the ttl they need rows of seven."""

_ROW_GROUP = ROW_GROUP // 8
_DAY_US = 86_400_000_000


def wide(scale: Scale) -> Path:
    """The Parquet file of the view of 200 features."""
    return scale.directory / FOLDER / "columns.parquet"


def days(scale: Scale) -> Path:
    """The pattern of the files in folders by day."""
    return scale.directory / FOLDER / "days" / "day=*" / "rows.parquet"


def entity_rows(scale: Scale, last: int) -> Path:
    """The Parquet file of the entity rows in the last days."""
    return scale.directory / FOLDER / f"asked_{last}.parquet"


def ensure(scale: Scale) -> None:
    """Write all files unless they are there already."""

    def make() -> None:
        _write_wide(scale)
        _write_days(scale)
        for last in (LAST_DAYS, DAYS):
            write(entity_rows(scale, last), iter([_entity_rows(scale, last)]))

    once(scale, FOLDER, 1, make)


def _write_wide(scale: Scale) -> None:
    import numpy as np

    keys, events, created = source_rows(replace(scale, source_rows=scale.source_rows // 10))
    parts = np.array_split(np.arange(len(keys)), max(1, len(keys) // _ROW_GROUP))
    write(wide(scale), (_rows(keys, events, created, part, COLUMNS) for part in parts))


def _write_days(scale: Scale) -> None:
    import numpy as np

    keys, events, created = source_rows(replace(scale, source_rows=scale.source_rows // 2))
    begin = int(START.timestamp()) * 1_000_000
    first = np.searchsorted(events, begin + np.arange(DAYS + 1) * _DAY_US)
    for number in range(DAYS):
        day = f"day={START.date() + timedelta(days=number)}"
        rows = np.arange(first[number], first[number + 1])
        table: Iterator[pa.Table] = iter([_rows(keys, events, created, rows, DAY_COLUMNS)])
        write(Path(str(days(scale)).replace("day=*", day)), table)


def _rows(keys: Ints, events: Ints, created: Ints, rows: Ints, features: tuple[str, ...]) -> pa.Table:
    import pyarrow as pa

    columns = {
        "entity_id": pa.array(keys[rows]),
        "event_timestamp": times(events[rows]),
        "created_timestamp": times(created[rows]),
    }
    values = {name: feature(rows, number, of=len(features)) for number, name in enumerate(features)}
    return pa.table(columns | values)


def _entity_rows(scale: Scale, last: int) -> pa.Table:
    import numpy as np
    import pyarrow as pa

    rng = np.random.default_rng(SEED + 7)
    count = scale.entity_rows // 10
    begin = int(START.timestamp()) * 1_000_000 + (DAYS - last) * _DAY_US
    at = begin + rng.integers(0, last * _DAY_US, count)
    return pa.table({"entity_id": rng.integers(0, scale.entities, count), "event_timestamp": times(at)})
