"""Seeded data of other shapes than the large view's: wide rows, string keys, two keys, a hot entity, expired rows.

Each shape has half as many source rows as its scale and half as many columns, so that all of them together take
little more space than the large view; the wide one has ten times the columns and a tenth of the rows. All are
written in both orders, and their numbers depend on the seed alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.data import (
    DAYS,
    ORDERS,
    ROW_GROUP,
    SEED,
    START,
    UNKNOWN_KEY_SHARE,
    Scale,
    feature,
    once,
    source_rows,
    times,
    write,
)

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    Ints = npt.NDArray[np.int64]

FOLDER = "shapes"
HOT, HOT_SHARE = 0, 0.1
REGIONS = 37


@dataclass(frozen=True, slots=True)
class Shape:
    """One shape.

    Attributes:
        name: of its files.
        keys: its key columns.
        columns: how many features it has.
        fewer: its rows are so many times fewer, the entity rows too.
        hot: the share of all rows that one entity has.
        ttl: minutes; such that nine of ten entity rows find their row expired.
    """

    name: str
    keys: tuple[str, ...] = ("entity_id",)
    columns: int = 10
    fewer: int = 1
    hot: float = 0.0
    ttl: int | None = None

    @property
    def features(self) -> tuple[str, ...]:
        """Its feature columns."""
        return tuple(f"f{number:03}" for number in range(self.columns))

    def source(self, scale: Scale, order: str) -> Path:
        """The Parquet file of the source, ``sorted`` by event time or ``shuffled``."""
        return scale.directory / FOLDER / f"{self.name}_{order}.parquet"

    def entity_rows(self, scale: Scale) -> Path:
        """The Parquet file of the entity rows."""
        return scale.directory / FOLDER / f"{self.name}_asked.parquet"

    def sized(self, scale: Scale) -> Scale:
        """The scale that it is written at."""
        return replace(
            scale,
            source_rows=scale.source_rows // 2 // self.fewer,
            entities=scale.entities // self.fewer,
            entity_rows=scale.entity_rows // self.fewer,
        )


# An entity has a row every 1.8 days, so that one in ten is at most 273 minutes old.
SHAPES = {
    "plain": Shape("plain"),
    "wide": Shape("wide", columns=100, fewer=10),
    "strings": Shape("strings", keys=("customer",)),
    "twokeys": Shape("twokeys", keys=("region", "number")),
    "hot": Shape("hot", hot=HOT_SHARE),
    "expired": Shape("plain", ttl=273),
}


def ensure(scale: Scale) -> None:
    """Write all files unless they are there already."""

    def make() -> None:
        for shape in {shape.name: shape for shape in SHAPES.values() if shape.ttl is None}.values():
            _write(shape, scale, shape.sized(scale))

    once(scale, FOLDER, 1, make)


def _write(shape: Shape, scale: Scale, sized: Scale) -> None:
    import numpy as np

    keys, events, created = source_rows(sized)
    rng = np.random.default_rng(SEED + 6)
    keys = np.where(rng.random(len(keys)) < shape.hot, HOT, keys)
    orders = {"sorted": np.arange(len(keys)), "shuffled": rng.permutation(len(keys))}
    for order in ORDERS:
        write(shape.source(scale, order), _tables(shape, sized, keys, events, created, orders[order]))
    write(shape.entity_rows(scale), iter([_entity_rows(rng, shape, sized)]))


def _tables(
    shape: Shape, sized: Scale, keys: Ints, events: Ints, created: Ints, order: Ints
) -> Iterator[pa.Table]:
    import pyarrow as pa

    for start in range(0, len(order), ROW_GROUP):
        rows = order[start : start + ROW_GROUP]
        columns = {
            **_key_columns(shape, sized, keys[rows]),
            "event_timestamp": times(events[rows]),
            "created_timestamp": times(created[rows]),
        }
        values = {name: feature(rows, number, of=shape.columns) for number, name in enumerate(shape.features)}
        yield pa.table(columns | values)


def _key_columns(shape: Shape, sized: Scale, keys: Ints) -> dict[str, pa.Array]:
    """The key columns of entities by number; numbers from the count of entities on are unknown ones."""
    import numpy as np
    import pyarrow as pa

    if len(shape.keys) == 2:
        region, number = shape.keys
        return {region: pa.array(keys % REGIONS), number: pa.array(keys // REGIONS)}
    if shape.name == "strings":
        names = np.char.add("customer-", np.char.zfill(np.arange(2 * sized.entities).astype(str), 12))
        return {shape.keys[0]: pa.array(names).take(pa.array(keys))}
    return {shape.keys[0]: pa.array(keys)}


def _entity_rows(rng: np.random.Generator, shape: Shape, sized: Scale) -> pa.Table:
    import numpy as np
    import pyarrow as pa

    count = sized.entity_rows
    keys = rng.integers(0, sized.entities, count)
    keys = np.where(rng.random(count) < shape.hot, HOT, keys)
    keys = np.where(rng.random(count) < UNKNOWN_KEY_SHARE, keys + sized.entities, keys)
    at = int(START.timestamp()) * 1_000_000 + rng.integers(0, DAYS * 86_400_000_000, count)
    columns = {**_key_columns(shape, sized, keys), "event_timestamp": times(at)}
    return pa.table(columns | {"label": rng.integers(0, 2, count)})
