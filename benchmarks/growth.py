"""Seeded sources of several sizes, to see how the work grows: fewer rows, fewer entities."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.data import ROW_GROUP, SEED, Scale, entity_table, feature, once, source_rows, times, write

FOLDER = "growth"
FEATURES = tuple(f"f{number:02}" for number in range(20))


@dataclass(frozen=True, slots=True)
class Size:
    """One size; parts are of the largest, which has half the rows of its scale.

    Attributes:
        rows: the part of the source rows.
        entities: the part of the entities.
        asked: the part of the entity rows.
        features: how many are asked for, of twenty.
        views: how many views over the same rows there are in a request.
    """

    rows: float = 1.0
    entities: float = 1.0
    asked: float = 1.0
    features: int = 10
    views: int = 1

    @property
    def name(self) -> str:
        """As part of a case's name."""
        return f"{self.rows:g}_{self.entities:g}_{self.asked:g}_{self.features}_{self.views}"

    @classmethod
    def parse(cls, name: str) -> Size:
        """The size with a name."""
        rows, entities, asked, features, views = name.split("_")
        return cls(float(rows), float(entities), float(asked), int(features), int(views))

    def source(self, scale: Scale) -> Path:
        """The Parquet file of the source, in the order of event times."""
        return scale.directory / FOLDER / f"rows_{self.rows:g}_{self.entities:g}.parquet"

    def entity_rows(self, scale: Scale) -> Path:
        """The Parquet file of the entity rows."""
        return scale.directory / FOLDER / f"asked_{self.asked:g}_{self.entities:g}.parquet"

    def sized(self, scale: Scale) -> Scale:
        """The numbers of rows."""
        return replace(
            scale,
            source_rows=int(scale.source_rows // 2 * self.rows),
            entities=int(scale.entities * self.entities),
            entity_rows=int(scale.entity_rows * self.asked),
        )


# What grows, and its sizes, the smallest first; all else is as in the largest or as said.
DIMENSIONS = {
    "rows": [Size(rows=part) for part in (0.25, 0.5, 1.0)],
    "entity rows": [Size(asked=part) for part in (0.25, 0.5, 1.0)],
    "entities": [Size(rows=0.25, entities=part) for part in (0.0625, 0.25, 1.0)],
    "features": [Size(features=count) for count in (5, 10, 20)],
    "views": [Size(rows=0.25, views=count) for count in (1, 2, 4)],
}


def ensure(scale: Scale) -> None:
    """Write all files unless they are there already."""

    def make() -> None:
        import numpy as np

        sizes = [size for sizes in DIMENSIONS.values() for size in sizes]
        for size in {size.source(scale): size for size in sizes}.values():
            _write_source(size, scale)
        for size in {size.entity_rows(scale): size for size in sizes}.values():
            rng = np.random.default_rng(SEED + 10)
            write(size.entity_rows(scale), iter([entity_table(rng, size.sized(scale))]))

    once(scale, FOLDER, 1, make)


def _write_source(size: Size, scale: Scale) -> None:
    import numpy as np
    import pyarrow as pa

    keys, events, created = source_rows(size.sized(scale))
    parts = (np.arange(start, min(start + ROW_GROUP, len(keys))) for start in range(0, len(keys), ROW_GROUP))
    tables = (
        pa.table(
            {
                "entity_id": pa.array(keys[part]),
                "event_timestamp": times(events[part]),
                "created_timestamp": times(created[part]),
                **{name: feature(part, i, of=len(FEATURES)) for i, name in enumerate(FEATURES)},
            }
        )
        for part in parts
    )
    write(size.source(scale), tables)
