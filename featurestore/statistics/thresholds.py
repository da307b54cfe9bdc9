"""Thresholds of drift: from which value on each measure says that a feature has drifted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from featurestore.errors import NotFoundError, RequestError

MEASURES = ("psi", "jensen_shannon", "kolmogorov_smirnov", "null_share")
"""Population stability index, Jensen-Shannon distance (base 2), Kolmogorov-Smirnov, difference of null shares."""


@dataclass(frozen=True, slots=True)
class FeatureThresholds:
    """From which value on each measure says drift, for one feature; None where it is not asked.

    The defaults for the first three say nearly the same: a bell curve that has moved by half its standard deviation
    has a population stability index of 0.25, a Jensen-Shannon distance of 0.21, a Kolmogorov-Smirnov of 0.2.
    """

    psi: float | None = 0.2
    jensen_shannon: float | None = 0.2
    kolmogorov_smirnov: float | None = 0.2
    null_share: float | None = 0.1

    def __post_init__(self) -> None:
        for name in MEASURES:
            _check(name, getattr(self, name))

    def of(self, measure: str) -> float | None:
        """The threshold of a measure."""
        found: float | None = getattr(self, measure)
        return found


@dataclass(frozen=True, slots=True)
class DriftThresholds:
    """The thresholds of all features.

    Attributes:
        default: for features that are not named.
        features: for named features; None for one that is not to be judged.
        significance: a measure has to exceed what chance alone exceeds with this probability as well, so that
            few rows are not taken for drift; None to judge by the thresholds alone.
    """

    default: FeatureThresholds = field(default_factory=FeatureThresholds)
    features: Mapping[str, FeatureThresholds | None] = field(default_factory=dict)
    significance: float | None = 0.001

    def __post_init__(self) -> None:
        if self.significance is not None and not 0 < self.significance < 1:
            raise RequestError(
                f"The significance of drift is {self.significance!r}; expected is a probability between 0 and 1.",
                hint="0.001 lets chance alone exceed it once in a thousand features.",
            )

    @classmethod
    def parse(cls, given: DriftThresholds | Mapping[str, Any] | None) -> DriftThresholds:
        """Thresholds from a mapping.

        Args:
            given: measure to threshold (``{"psi": 0.3}``), for all features; and feature to such a mapping
                (``{"temp": {"kolmogorov_smirnov": None}}``), on top of it, or to None to leave the feature out.

        Raises:
            NotFoundError: if there is no such measure.
            RequestError: if a threshold is not a number from zero on.
        """
        if isinstance(given, DriftThresholds):
            return given
        for_all: dict[str, Any] = {}
        by_feature: dict[str, Any] = {}
        for name, value in (given or {}).items():
            # A feature may be called as a measure is: what is given for it tells them apart.
            is_feature = isinstance(value, Mapping) or (value is None and name not in MEASURES)
            (by_feature if is_feature else for_all)[name] = value
        default = _changed(FeatureThresholds(), for_all)
        features = {
            name: None if value is None else _changed(default, value) for name, value in by_feature.items()
        }
        return cls(default, features)

    def of(self, feature: str) -> FeatureThresholds | None:
        """The thresholds of a feature."""
        return self.features.get(feature, self.default)

    def check_names(self, known: Iterable[str]) -> None:
        """Check that every named feature is one.

        Raises:
            NotFoundError: if one is not.
        """
        names = list(known)
        for name in self.features:
            if name not in names:
                raise NotFoundError.of("Feature", name, names, where="what is compared")


def _changed(base: FeatureThresholds, given: Mapping[str, Any]) -> FeatureThresholds:
    for name in given:
        if name not in MEASURES:
            raise NotFoundError.of("Measure of drift", name, MEASURES)
    return replace(base, **given)


def _check(name: str, value: Any) -> None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if value is not None and not (is_number and value >= 0):
        raise RequestError(
            f"The threshold of {name} is {value!r}; expected is a number from 0 on, or None.",
            hint="None leaves the measure out.",
        )
