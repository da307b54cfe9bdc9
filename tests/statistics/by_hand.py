"""Profiles made from values in the plainest way, for tests of what is read from profiles."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from datasketches import kll_doubles_sketch

from featurestore.statistics.profile import FeatureProfile, Profile
from featurestore.statistics.records import Histogram, Sketches

RANKS = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


def feature_profile(
    name: str, values: Sequence[Any], kind: str = "float64", *, k: int = 200, listed: int = 20
) -> FeatureProfile:
    """The profile of some values; None is null, `listed` how many of the frequent values it names."""
    present = [value for value in values if value is not None]
    known = [value for value in present if not (isinstance(value, float) and math.isnan(value))]
    common: dict[str, Any] = {
        "name": name,
        "type": kind,
        "rows": len(values),
        "nulls": len(values) - len(present),
        "missing": len(present) - len(known),
        "distinct": len(set(known)),
    }
    if kind in ("string", "bool"):
        frequent = sorted(Counter(known).items(), key=lambda pair: (-pair[1], str(pair[0])))
        return FeatureProfile(**common, top_values=tuple(frequent[:listed]))
    numbers = np.array(known, dtype=np.float64)
    sketch = kll_doubles_sketch(k)
    sketch.update(numbers)
    sketches = Sketches(quantiles=sketch.serialize())
    if not known:
        return FeatureProfile(**common, sketches=sketches)
    finite = numbers[np.abs(numbers) < 1e100]  # beyond, numpy's own sums of squares overflow
    low, high = (finite.min(), finite.max()) if len(finite) else (0.0, 0.0)
    counts, edges = np.histogram(finite, bins=np.linspace(low, high + (high == low) * (1 + abs(high)), 21))
    ordered = np.sort(numbers)
    quantiles = [(rank, float(ordered[math.ceil(rank * len(ordered)) - 1 if rank else 0])) for rank in RANKS]
    return FeatureProfile(
        **common,
        minimum=float(ordered[0]),
        maximum=float(ordered[-1]),
        mean=float(finite.mean()) if len(finite) else None,
        standard_deviation=float(finite.std()) if len(finite) else None,
        quantiles=tuple(quantiles),
        histogram=Histogram(tuple(map(float, edges)), tuple(map(int, counts))),
        sketches=sketches,
    )


def profile(**columns: Sequence[Any]) -> Profile:
    """A profile of columns of one length: texts as strings, all else as floats."""
    kinds = {
        name: "string" if any(isinstance(v, str) for v in values) else "float64"
        for name, values in columns.items()
    }
    features = tuple(feature_profile(name, values, kinds[name]) for name, values in columns.items())
    return Profile(rows=features[0].rows, features=features)
