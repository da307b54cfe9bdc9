"""What the parts of the suite share: short ways to a view, its rows and an engine's answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from featurestore.definitions.entity import Entity
from featurestore.definitions.feature import Feature
from featurestore.definitions.source import InMemorySource
from featurestore.definitions.types import FeatureType, Int64
from featurestore.definitions.view import FeatureView
from featurestore.protocols.offline import OfflineEngine, ViewPlan
from featurestore.testing.plans import entity_table, plan_view, run_historical

Row = Mapping[str, Any]

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
INSTANT = pa.timestamp("us", "UTC")


def make_view(
    data: pa.Table | Sequence[Row],
    *,
    features: Mapping[str, FeatureType] | None = None,
    keys: Mapping[str, FeatureType] | None = None,
    name: str = "v",
    ttl: timedelta | None = None,
    schedule: Any = None,
    **source: Any,
) -> FeatureView:
    """A view over rows in memory: by default key ``k`` and feature ``x``, both Int64, event timestamp ``at``."""
    join_keys = {"k": Int64} if keys is None else keys
    declared = {"x": Int64} if features is None else features
    return FeatureView(
        name,
        entities=[Entity("e", join_keys=join_keys)] if join_keys else [],
        source=InMemorySource("s", data=to_table(data), **{"event_timestamp": "at", **source}),
        features=[Feature(feature, dtype) for feature, dtype in declared.items()],
        ttl=ttl,
        schedule=schedule,
    )


def to_table(data: pa.Table | Sequence[Row]) -> pa.Table:
    """Rows as a table; columns of datetimes are microseconds in UTC, columns of nothing but None are so too."""
    if isinstance(data, pa.Table):
        return data
    columns = {name: [row[name] for row in data] for name in data[0]}
    return pa.table({name: _array(values) for name, values in columns.items()})


def _array(values: Sequence[Any]) -> pa.Array:
    times = all(value is None or isinstance(value, datetime) for value in values)
    return pa.array(values, INSTANT) if times else pa.array(values)


def rows(*triples: tuple[Any, ...], columns: Sequence[str] = ("k", "at", "x")) -> list[Row]:
    """Rows from tuples, by default of key, event timestamp and value."""
    return [dict(zip(columns, triple, strict=True)) for triple in triples]


def at(*times: datetime | None, k: Any = 1) -> list[Row]:
    """Entity rows of one key at these times."""
    return [{"k": k, "event_timestamp": time} for time in times]


def ask(
    engine: OfflineEngine, views: FeatureView | ViewPlan | Sequence[ViewPlan], entities: Sequence[Row]
) -> dict[str, list[Any]]:
    """The feature columns of the engine's training frame, as lists in the order of the entity rows."""
    if isinstance(views, FeatureView):
        views = plan_view(views)
    plans = [views] if isinstance(views, ViewPlan) else list(views)
    columns: dict[str, list[Any]] = run_historical(engine, plans, entity_table(plans, entities)).to_pydict()
    return columns
