"""Drift: whether the values of features have moved between two profiles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from featurestore.errors import RequestError
from featurestore.statistics import measures
from featurestore.statistics.bins import Bin, category_bins, number_bins, numeric, without_value
from featurestore.statistics.drift_text import drift_lines, shift_in_words
from featurestore.statistics.profile import FeatureProfile, Profile
from featurestore.statistics.thresholds import DriftThresholds, FeatureThresholds
from featurestore.statistics.verdicts import DriftMeasure, DriftVerdict, FeatureDrift, Only

_NUMBERS = ("int", "uint", "float", "decimal")
_CATEGORIES = ("string", "bool", "bytes")
_INSTANTS = ("date", "timestamp")


@dataclass(frozen=True, slots=True)
class DriftReport:
    """What has drifted between two profiles. Print it to read it.

    Attributes:
        reference: what is compared with.
        current: what is compared.
        names: what the two are called.
        features: those that both have, in the reference's order.
        only_reference: features that only the reference has.
        only_current: features that only the other one has.
    """

    reference: Profile
    current: Profile
    names: tuple[str, str]
    features: tuple[FeatureDrift, ...]
    only_reference: tuple[str, ...] = ()
    only_current: tuple[str, ...] = ()

    @property
    def drifted(self) -> tuple[FeatureDrift, ...]:
        """The features that have drifted; empty, and so false, if none has."""
        return tuple(each for each in self.features if each.drifted)

    @property
    def verdict(self) -> DriftVerdict:
        """Of all features: drifted if one has."""
        found = {each.verdict for each in self.features}
        return next(
            (each for each in (DriftVerdict.DRIFTED, DriftVerdict.STABLE) if each in found),
            DriftVerdict.NOT_COMPARED,
        )

    def __getitem__(self, feature: str) -> FeatureDrift:
        for each in self.features:
            if each.feature == feature:
                return each
        raise KeyError(feature)

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "reference": {"name": self.names[0], "rows": self.reference.rows},
            "current": {"name": self.names[1], "rows": self.current.rows},
            "verdict": self.verdict.value,
            "features": [each.to_json() for each in self.features],
            "only_reference": list(self.only_reference),
            "only_current": list(self.only_current),
        }

    def __str__(self) -> str:
        sides = zip(self.names, (self.reference.rows, self.current.rows), strict=True)
        return "\n".join(drift_lines(list(sides), self.features, only_in_one(self)))

    def _repr_html_(self) -> str:
        from featurestore.statistics.sections import drift_fragment

        sides = list(zip(self.names, (self.reference, self.current), strict=True))
        return str(drift_fragment(sides, self.features, only_in_one(self)))


def only_in_one(report: DriftReport) -> Only:
    """What the two sides are called, and the features that each alone has."""
    return list(zip(report.names, (report.only_reference, report.only_current), strict=True))


def detect_drift(
    reference: Profile,
    current: Profile,
    *,
    thresholds: DriftThresholds | Mapping[str, Any] | None = None,
    names: tuple[str, str] = ("reference", "current"),
) -> DriftReport:
    """Compare two profiles feature by feature.

    Args:
        reference: what is compared with.
        current: what is compared.
        thresholds: as `DriftThresholds.parse` reads them.
        names: what to call the two.

    Raises:
        RequestError: if they have no feature in common, or a threshold is wrong.
        NotFoundError: if thresholds name a feature or a measure that there is not.
    """
    limits = DriftThresholds.parse(thresholds)
    before = {feature.name: feature for feature in reference.features}
    now = {feature.name: feature for feature in current.features}
    limits.check_names(before.keys() | now.keys())
    common = [name for name in before if name in now]
    if not common:
        raise RequestError(
            f"{names[0]} and {names[1]} have no feature in common.",
            hint=f"The first has {', '.join(before) or 'none'}; the second has {', '.join(now) or 'none'}.",
        )
    return DriftReport(
        reference,
        current,
        names,
        tuple(compare_feature(before[name], now[name], limits) for name in common),
        tuple(name for name in before if name not in now),
        tuple(name for name in now if name not in before),
    )


def compare_feature(
    reference: FeatureProfile, current: FeatureProfile, thresholds: DriftThresholds
) -> FeatureDrift:
    """Compare two profiles of one feature."""
    name, kind = reference.name, reference.type
    limits = thresholds.of(name)
    if limits is None:
        return FeatureDrift(name, kind, DriftVerdict.NOT_COMPARED, reason="left out by its thresholds")
    if not reference.rows or not current.rows:
        which = "the reference" if not reference.rows else "what is compared with it"
        return FeatureDrift(name, kind, DriftVerdict.NOT_COMPARED, reason=f"{which} has no rows")
    if _comparable(kind) != _comparable(current.type):
        changed = f"type {kind} → {current.type}"
        return FeatureDrift(name, kind, DriftVerdict.DRIFTED, shift=changed, reason="the type is another")
    taken = _Comparison(reference, current, limits, thresholds.significance)
    found = tuple(taken.measures())
    asked = [each for each in found if each.threshold is not None]
    verdict = DriftVerdict.DRIFTED if any(each.drifted for each in asked) else DriftVerdict.STABLE
    return FeatureDrift(
        name, kind, verdict if asked else DriftVerdict.NOT_COMPARED, found, taken.bins,
        shift_in_words(reference, current), taken.reason,
    )  # fmt: skip


class _Comparison:
    """The measures of two profiles of one feature."""

    def __init__(
        self,
        reference: FeatureProfile,
        current: FeatureProfile,
        limits: FeatureThresholds,
        significance: float | None,
    ) -> None:
        self._sides = reference, current
        self._rows = float(reference.rows), float(current.rows)
        self._limits = limits
        self._significance = significance
        self._numbers = (
            tuple(map(numeric, self._sides)) if _family(reference.type) == "number" else (None, None)
        )
        self.reason = _limited(reference, current)
        self.bins = () if self.reason else tuple(self._common_bins())

    def measures(self) -> Iterator[DriftMeasure]:
        chance = self._significance
        if self.bins:
            counts = [np.array([getattr(b, side) for b in self.bins]) for side in ("reference", "current")]
            p, q = map(measures.shares, counts)
            many = len(self.bins)
            yield self._measure(
                "psi",
                measures.population_stability_index(p, q),
                chance and measures.psi_by_chance(many, self._rows, chance),
            )
            yield self._measure(
                "jensen_shannon",
                measures.jensen_shannon_distance(p, q),
                chance and measures.jensen_shannon_by_chance(many, self._rows, chance),
            )
        before, now = self._numbers
        if before is not None and now is not None and not self.reason:
            yield self._measure(
                "kolmogorov_smirnov",
                measures.kolmogorov_smirnov(before.steps, now.steps),
                chance and measures.kolmogorov_smirnov_by_chance((before.rows, now.rows), chance),
                before.error + now.error,
            )
        nulls = [side.nulls for side in self._sides]
        shares = [null / rows for null, rows in zip(nulls, self._rows, strict=True)]
        yield self._measure(
            "null_share",
            abs(shares[1] - shares[0]),
            chance and measures.share_by_chance(sum(nulls) / sum(self._rows), self._rows, chance),
        )

    def _measure(self, name: str, value: float, chance: float | None, error: float = 0.0) -> DriftMeasure:
        return DriftMeasure(name, value, self._limits.of(name), chance, error)

    def _common_bins(self) -> Iterator[Bin]:
        yield from without_value(*self._sides)
        before, now = self._numbers
        if _family(self._sides[0].type) == "category":
            yield from category_bins(*self._sides)
        elif before is not None and now is not None:
            yield from number_bins(before, now)
        elif before is not None or now is not None:
            # One side has no numbers at all: all those of the other one are in one bin.
            yield Bin("numbers", *(0 if side is None else side.rows for side in (before, now)))


def _limited(reference: FeatureProfile, current: FeatureProfile) -> str:
    """Why only the null shares can be compared, or nothing."""
    if reference.pii or current.pii:
        return "personal data: only the share of nulls is compared"
    family = _family(reference.type)
    if family == "instant":
        return "times move with time: only the share of nulls is compared"
    return "" if family in ("number", "category") else "only the share of nulls is compared"


def _family(kind: str) -> str:
    """How values of a type are compared."""
    for family, beginnings in (("number", _NUMBERS), ("category", _CATEGORIES), ("instant", _INSTANTS)):
        if kind.startswith(beginnings):
            return family
    return kind


def _comparable(kind: str) -> str:
    """The same for types whose values can be compared with each other: all numbers, all times."""
    family = _family(kind)
    return kind if family == "category" else family
