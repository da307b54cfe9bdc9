"""Common bins of two profiles of a feature: what the measures of drift, and charts, compare."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from featurestore.statistics.measures import Steps
from featurestore.statistics.records import FeatureRecord, Value

PARTS = 10
"""Into how many parts of equal weight the reference's quantiles divide numbers."""
NULL, NOT_A_NUMBER, OTHERS = "null", "NaN", "others"
_THINNED = 0.002
"""By how much a rank may be off because large blocks are thinned out before a sketch takes them."""


@dataclass(frozen=True, slots=True)
class Bin:
    """A part of the values, and how many rows of either side are in it; estimates are no whole numbers.

    Attributes:
        label: ``null``, ``NaN``, ``others``, a value, or a range such as ``(1.5, 2]``.
        reference: rows of the reference.
        current: rows of what is compared with it.
    """

    label: str
    reference: float
    current: float


@dataclass(frozen=True, slots=True)
class Numeric:
    """The numbers of a feature.

    Attributes:
        steps: their distribution.
        rows: how many there are.
        error: by how much a share of rows may be wrong (with 99 % confidence); 0 if all values are held.
    """

    steps: Steps
    rows: int
    error: float


def numeric(profile: FeatureRecord) -> Numeric | None:
    """The numbers that a profile's quantile sketch has kept; None if it has none."""
    from datasketches import kll_doubles_sketch

    if profile.sketches.quantiles is None:
        return None
    sketch = kll_doubles_sketch.deserialize(profile.sketches.quantiles)
    if sketch.is_empty():
        return None
    kept = np.array(list(sketch), dtype=np.float64)
    error = sketch.normalized_rank_error(False) + _THINNED if sketch.is_estimation_mode() else 0.0
    return Numeric(Steps(kept[:, 0], kept[:, 1]), profile.rows - profile.nulls - profile.missing, error)


def without_value(reference: FeatureRecord, current: FeatureRecord) -> Iterator[Bin]:
    """The bins of rows that have no value, or none that is a number."""
    for label, name in ((NULL, "nulls"), (NOT_A_NUMBER, "missing")):
        pair = getattr(reference, name), getattr(current, name)
        if any(pair):
            yield Bin(label, *pair)


def number_bins(reference: Numeric, current: Numeric) -> Iterator[Bin]:
    """Bins between the quantiles of the reference; a value that several of them share has a bin of its own.

    The first and the last are open: what lies beyond the reference's extremes counts in them.
    """
    ranks = np.arange(1, PARTS) / PARTS
    values, times = np.unique(reference.steps.quantiles(ranks), return_counts=True)
    if len(values) == 1:
        times[0] = PARTS  # one value is all there is between the outer parts: whatever leaves it is seen
    cuts = [cut for value, many in zip(values, times > 1, strict=True) for cut in _cuts(float(value), many)]
    shares = [
        np.diff([0.0, *(_below(side.steps, cut) for cut in cuts), 1.0]) for side in (reference, current)
    ]
    bounds = [(-np.inf, True), *cuts, (np.inf, False)]
    pairs = zip(bounds[:-1], bounds[1:], *shares, strict=True)
    for lower, upper, before, now in pairs:
        if before > 0 or now > 0:
            yield Bin(_range(lower, upper), float(before) * reference.rows, float(now) * current.rows)


def category_bins(reference: FeatureRecord, current: FeatureRecord) -> Iterator[Bin]:
    """One bin for each frequent value of either side, one for all others.

    A value that only one side lists may still be among the other's rarer ones: as far as it can be, it counts as
    equally frequent there. So the measures never exceed what the profiles prove.
    """
    sides = _Categories(reference), _Categories(current)
    both = sides[0].counts.keys() | sides[1].counts.keys()
    largest = {value: max(side.share(value) for side in sides) for value in both}
    for value in sorted(both, key=lambda value: (-largest[value], repr(value))):
        counts = [side.take(value, other.share(value)) for side, other in (sides, sides[::-1])]
        if any(counts):
            yield Bin(str(value), *counts)
    if any(side.left > 0 for side in sides):
        yield Bin(OTHERS, *(side.left for side in sides))


class _Categories:
    """The values of one side that are known by name.

    Attributes:
        left: rows of other values.
    """

    def __init__(self, profile: FeatureRecord) -> None:
        self.rows = profile.rows - profile.nulls - profile.missing
        self.counts: dict[Value, int] = dict(profile.top_values)
        self.left: float = self.rows - sum(self.counts.values())
        self._least = min(self.counts.values(), default=self.rows)

    def share(self, value: Value) -> float:
        return self.counts.get(value, 0) / self.rows if self.rows else 0.0

    def take(self, value: Value, wanted: float) -> float:
        """The rows of a value; of one that is not listed as near to the wanted share as they can be."""
        if value in self.counts:
            return self.counts[value]
        found = min(wanted * self.rows, self._least, self.left)
        self.left -= found
        return found


def _cuts(value: float, many: bool) -> list[tuple[float, bool]]:
    """Where to cut: after a value, and before it too if it is frequent."""
    return [(value, False), (value, True)] if many else [(value, True)]


def _below(steps: Steps, cut: tuple[float, bool]) -> float:
    value, included = cut
    return float((steps.at_most if included else steps.less)(np.array([value]))[0])


def _range(lower: tuple[float, bool], upper: tuple[float, bool]) -> str:
    (low, after_low), (high, with_high) = lower, upper
    if low == high:
        return f"{low:.6g}"
    opening = "(" if after_low or np.isinf(low) else "["
    return f"{opening}{low:.6g}, {high:.6g}{']' if with_high else ')'}".replace("inf", "∞")
