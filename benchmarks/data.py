"""Seeded data: a source sorted by time, the same rows shuffled, and entity rows.

Every number is a function of the seed and of the row's number, so the shuffled source holds exactly the rows
of the sorted one, no file is larger than memory allows, and a rerun finds its files in `DATA_DIR`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    Ints = npt.NDArray[np.int64]

FOLDER = ""
DATA_DIR = Path(__file__).parent / ".data"
SEED = 20_130_101
FEATURES = tuple(f"f{number:02}" for number in range(20))
START = datetime(2025, 1, 1, tzinfo=UTC)
DAYS = 90
END = START + timedelta(days=DAYS)
ROW_GROUP = 131_072
ORDERS = ("sorted", "shuffled")
UNKNOWN_KEY_SHARE = 0.01

_START_US = int(START.timestamp()) * 1_000_000
_SPAN_US = DAYS * 86_400_000_000
_CREATED_LAG_US = 3_600_000_000
_TIED_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class Scale:
    """The size of one benchmark."""

    name: str
    source_rows: int
    entities: int
    entity_rows: int

    @property
    def directory(self) -> Path:
        """Where this scale's files are."""
        return DATA_DIR / self.name

    def source(self, order: str) -> Path:
        """The Parquet file of the source, ``sorted`` by event time or ``shuffled``."""
        return self.directory / f"source_{order}.parquet"

    @property
    def entity_frame(self) -> Path:
        """The Parquet file of the entity rows."""
        return self.directory / "entity_rows.parquet"


SCALES = {
    scale.name: scale
    for scale in (
        Scale("smoke", source_rows=100_000, entities=1_000, entity_rows=10_000),
        Scale("tenth", source_rows=1_000_000, entities=10_000, entity_rows=100_000),
        Scale("full", source_rows=10_000_000, entities=100_000, entity_rows=1_000_000),
    )
}


def describe(scale: Scale, folder: str) -> dict[str, Any]:
    """What was measured on, for the result file: the sizes, and the files in one of the scale's folders."""
    files = sorted((scale.directory / folder).glob("*.parquet"))
    return {
        **asdict(scale),
        "features": len(FEATURES),
        "days": DAYS,
        "seed": SEED,
        "row_group": ROW_GROUP,
        "tied_share": _TIED_SHARE,
        "unknown_key_share": UNKNOWN_KEY_SHARE,
        "bytes": {file.name: file.stat().st_size for file in files},
    }


def ensure(scale: Scale) -> None:
    """Write the source and the entity rows of a scale unless they are there already."""

    def make() -> None:
        _write_sources(scale)
        _write_entity_rows(scale)

    once(scale, "recipe", 1, make)


def once(scale: Scale, name: str, version: int, make: Callable[[], None]) -> None:
    """Make files of a scale unless they are there already, made by this version of the recipe."""
    recipe = json.dumps(
        {**asdict(scale), "seed": SEED, "row_group": ROW_GROUP, "recipe": version}, sort_keys=True
    )
    stamp = scale.directory / f"{name}.json"
    if stamp.exists() and stamp.read_text() == recipe:
        return
    scale.directory.mkdir(parents=True, exist_ok=True)
    stamp.unlink(missing_ok=True)
    make()
    partial = stamp.with_suffix(".part")
    partial.write_text(recipe)
    partial.replace(stamp)


def _write_sources(scale: Scale) -> None:
    import numpy as np

    keys, events, created = source_rows(scale)
    numbers = np.arange(scale.source_rows, dtype=np.int64)
    orders = {"sorted": numbers, "shuffled": np.random.default_rng(SEED + 1).permutation(numbers)}
    for order in ORDERS:
        write(scale.source(order), _source_tables(keys, events, created, orders[order]))


def source_rows(scale: Scale) -> tuple[Ints, Ints, Ints]:
    """Key, event and created time of each row, in the order of events.

    Some rows are written twice: the same key and event timestamp, another created timestamp. First writings
    have an even created lag and second ones an odd one, so a pair never ties completely.
    """
    import numpy as np

    rng = np.random.default_rng(SEED)
    tied = int(scale.source_rows * _TIED_SHARE)
    first = scale.source_rows - tied
    keys = rng.integers(0, scale.entities, first)
    events = _START_US + rng.integers(0, _SPAN_US, first)
    again = rng.choice(first, tied, replace=False)
    parity = np.repeat(np.array([0, 1]), [first, tied])
    keys = np.concatenate([keys, keys[again]])
    events = np.concatenate([events, events[again]])
    created = events + 2 * rng.integers(0, _CREATED_LAG_US // 2, scale.source_rows) + parity
    by_event = np.lexsort((rng.random(scale.source_rows), events))
    return keys[by_event], events[by_event], created[by_event]


def _source_tables(keys: Ints, events: Ints, created: Ints, order: Ints) -> Iterator[pa.Table]:
    import pyarrow as pa

    for start in range(0, len(order), ROW_GROUP):
        rows = order[start : start + ROW_GROUP]
        columns = {
            "entity_id": pa.array(keys[rows]),
            "event_timestamp": times(events[rows]),
            "created_timestamp": times(created[rows]),
        }
        yield pa.table(columns | {name: feature(rows, i) for i, name in enumerate(FEATURES)})


def feature(rows: Ints, number: int, of: int = len(FEATURES)) -> npt.NDArray[np.float64]:
    """Feature `number` of some rows that have so many: uniform in [0, 1), from SplitMix64 of (row, feature).

    https://prng.di.unimi.it/splitmix64.c
    """
    import numpy as np

    state = rows.astype(np.uint64) * np.uint64(of) + np.uint64(number + 1)
    state *= np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((state ^ (state >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _write_entity_rows(scale: Scale) -> None:
    import numpy as np

    write(scale.entity_frame, iter([entity_table(np.random.default_rng(SEED + 2), scale)]))


def entity_table(rng: np.random.Generator, scale: Scale) -> pa.Table:
    """Random keys (a few of them unknown) at random times, in random order, with a label."""
    import numpy as np
    import pyarrow as pa

    keys = rng.integers(0, scale.entities, scale.entity_rows)
    unknown = rng.random(scale.entity_rows) < UNKNOWN_KEY_SHARE
    return pa.table(
        {
            "entity_id": pa.array(np.where(unknown, keys + scale.entities, keys)),
            "event_timestamp": times(_START_US + rng.integers(0, _SPAN_US, scale.entity_rows)),
            "label": pa.array(rng.integers(0, 2, scale.entity_rows)),
        }
    )


def times(microseconds: Ints) -> pa.Array:
    """Microseconds as instants."""
    import pyarrow as pa

    return pa.array(microseconds).cast(pa.timestamp("us", tz="UTC"))


def write(path: Path, tables: Iterator[pa.Table]) -> None:
    """Tables as one Parquet file."""
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    first = next(tables)
    with pq.ParquetWriter(path, first.schema, compression="zstd", use_dictionary=False) as writer:
        writer.write_table(first, row_group_size=ROW_GROUP)
        for table in tables:
            writer.write_table(table, row_group_size=ROW_GROUP)
