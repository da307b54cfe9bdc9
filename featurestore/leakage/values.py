"""Values of entities at one instant, to be compared."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from featurestore.protocols.offline import OfflineEngine, ViewPlan

Key = tuple[Any, ...]
_CLOSE = 1e-9


@dataclass(frozen=True, slots=True)
class Values:
    """The features of entities, by key."""

    features: tuple[str, ...]
    rows: dict[Key, tuple[Any, ...]]

    def value(self, key: Key, feature: str) -> Any:
        """A value; None where the entity has no row."""
        found = self.rows.get(key)
        return None if found is None else found[self.features.index(feature)]

    def differences(self, other: Values) -> Iterator[tuple[Key, str]]:
        """Where two of them are not the same, an entity without a row taken as one whose values are null."""
        nothing = (None,) * len(self.features)
        for key in dict.fromkeys((*self.rows, *other.rows)):
            ours, theirs = self.rows.get(key, nothing), other.rows.get(key, nothing)
            if ours != theirs:
                for feature, one, two in zip(self.features, ours, theirs, strict=True):
                    if not same(one, two):
                        yield key, feature


def latest_values(engine: OfflineEngine, plan: ViewPlan, at: int) -> Values:
    """Every entity's values at an instant, whether expired or not."""
    features = tuple(feature.output for feature in plan.features)
    names = [key.name for key in plan.keys]
    found: dict[Key, tuple[Any, ...]] = {}
    for batch in engine.latest_features(view=plan, at=at):
        table = pa.Table.from_batches([batch])
        keys = zip(*(table.column(name).to_pylist() for name in names), strict=True) if names else [()]
        values = zip(*(table.column(name).to_pylist() for name in features), strict=True)
        found.update(zip(keys, values, strict=True))
    return Values(features, found)


def same(one: Any, two: Any) -> bool:
    """Whether two values are equal, floats but for the rounding of sums in another order."""
    if isinstance(one, float) and isinstance(two, float):
        return (math.isnan(one) and math.isnan(two)) or math.isclose(one, two, rel_tol=_CLOSE, abs_tol=1e-12)
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and all(map(same, one, two))
    return bool(one == two)
