"""Training frames that are measured: which views over which files, for which entity rows."""

from __future__ import annotations

import glob
from dataclasses import dataclass
from pathlib import Path

from benchmarks import growth, lake, large, pruning, shapes, zones
from benchmarks.data import DAYS, FEATURES, Scale


@dataclass(frozen=True, slots=True)
class View:
    """One feature view over Parquet files; the keys have the same names among the entity rows.

    Attributes:
        name: of the view; its columns are called after it where a case has several.
        source: the file, or a pattern of files in folders by day.
        keys: its key columns.
        features: its feature columns.
        created: whether rows tie on the event timestamp and are told apart by ``created_timestamp``.
        delay: hours between an event and its visibility.
        ttl: minutes, None for no limit.
        others: feature columns that the view has and nobody asks for.
    """

    name: str
    source: Path
    keys: tuple[str, ...] = ("entity_id",)
    features: tuple[str, ...] = FEATURES
    created: bool = True
    delay: int = 0
    ttl: int | None = None
    others: tuple[str, ...] = ()

    def files(self) -> list[Path]:
        """The files of the source, in order."""
        pattern = str(self.source)
        return [Path(file) for file in sorted(glob.glob(pattern))]  # noqa: PTH207


@dataclass(frozen=True, slots=True)
class Case:
    """Views that are asked for in one request, and the file of the entity rows."""

    views: tuple[View, ...]
    entity_rows: Path

    def outputs(self) -> list[str]:
        """The feature columns of the result, in order."""
        return [f"{view.name}__{feature}" for view in self.views for feature in view.features]


def find(scale: Scale, name: str) -> Case:
    """A case by name.

    ``views-5``, ``zones``, ``large``, ``lake-5`` (features that are declared), ``columns-5`` (of 200), ``days-6`` (the
    last of 90), ``growth-`` and a size, or a shape and an order such as ``strings-shuffled``.
    """
    kind, _, detail = name.partition("-")
    if kind == "views":
        return _views(scale, int(detail))
    if kind == "zones":
        return _zones(scale)
    if kind == "growth":
        return _sized(scale, growth.Size.parse(detail))
    if kind == "large":
        view = View("rows", large.source(scale), features=large.FEATURES)
        return Case((view,), large.entity_rows(scale))
    if kind == "lake":
        return _lake(scale, int(detail))
    if kind in ("columns", "days"):
        return _pruned(scale, kind, int(detail))
    return _shape(scale, kind, detail)


def _views(scale: Scale, count: int) -> Case:
    """The large view, as often as wanted; each sees its rows an hour later than the one before it."""
    source = scale.source("sorted")
    return Case(tuple(View(f"view_{i}", source, delay=i) for i in range(count)), scale.entity_frame)


def _zones(scale: Scale) -> Case:
    views = tuple(
        View(f"per_{minutes}", zones.source(scale, minutes), ("zone",), zones.FEATURES, created=False)
        for minutes in zones.MINUTES
    )
    return Case(views, zones.entity_rows(scale))


def _sized(scale: Scale, size: growth.Size) -> Case:
    features = growth.FEATURES[: size.features]
    views = tuple(
        View(f"view_{i}", size.source(scale), features=features, delay=i) for i in range(size.views)
    )
    return Case(views, size.entity_rows(scale))


def _pruned(scale: Scale, kind: str, count: int) -> Case:
    if kind == "days":
        view = View("rows", pruning.days(scale), features=pruning.DAY_COLUMNS, ttl=pruning.TTL)
        return Case((view,), pruning.entity_rows(scale, count))
    asked = pruning.ASKED if count == len(pruning.ASKED) else pruning.COLUMNS[:count]
    others = tuple(name for name in pruning.COLUMNS if name not in asked)
    view = View("rows", pruning.wide(scale), features=asked, others=others)
    return Case((view,), pruning.entity_rows(scale, DAYS))


def _lake(scale: Scale, declared: int) -> Case:
    others = tuple(name for name in FEATURES if name not in lake.ASKED)
    others = others[: declared - len(lake.ASKED)]
    view = View("rows", lake.days(scale), features=lake.ASKED, ttl=lake.TTL, others=others)
    return Case((view,), lake.entity_rows(scale))


def _shape(scale: Scale, name: str, order: str) -> Case:
    shape = shapes.SHAPES[name]
    view = View("rows", shape.source(scale, order), shape.keys, shape.features, ttl=shape.ttl)
    return Case((view,), shape.entity_rows(scale))
