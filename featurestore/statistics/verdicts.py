"""What is said of a feature's drift: the measures and the verdict, as plain records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from featurestore.statistics.bins import Bin

Only = Sequence[tuple[str, Sequence[str]]]
"""What each of two sides is called, and the features that it alone has."""


class DriftVerdict(StrEnum):
    """What is to be said of a feature."""

    DRIFTED = "drifted"
    STABLE = "stable"
    NOT_COMPARED = "not compared"


@dataclass(frozen=True, slots=True)
class DriftMeasure:
    """One measure of a feature's drift.

    Attributes:
        name: psi, jensen_shannon, kolmogorov_smirnov or null_share.
        value: of the measure.
        threshold: drift from here on; None where this measure is not asked.
        chance: what two samples of these sizes from one distribution exceed only with the probability that was
            given as significance; None if none was.
        error: by how much the value may be wrong because sketches stand for the rows (with 99 % confidence).
    """

    name: str
    value: float
    threshold: float | None
    chance: float | None
    error: float = 0.0

    @property
    def drifted(self) -> bool:
        """Whether it reaches the threshold and is more than chance makes."""
        if self.threshold is None or self.value < self.threshold:
            return False
        return self.value > (self.chance or 0.0)

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "name": self.name,
            "value": self.value,
            "threshold": self.threshold,
            "chance": self.chance,
            "error": self.error,
            "drifted": self.drifted,
        }


@dataclass(frozen=True, slots=True)
class FeatureDrift:
    """Whether one feature has drifted, and how one knows.

    Attributes:
        feature: its name.
        type: in text form, of the reference.
        verdict: drifted if one measure says so, or if the type is another.
        measures: those that could be taken.
        bins: the common bins that the first two were taken over; empty where values may not be kept.
        shift: what has changed, in words; empty if it has not been looked for.
        reason: why it was not compared, or only in part; else empty.
    """

    feature: str
    type: str
    verdict: DriftVerdict
    measures: tuple[DriftMeasure, ...] = ()
    bins: tuple[Bin, ...] = ()
    shift: str = ""
    reason: str = ""

    @property
    def drifted(self) -> bool:
        """Whether it has."""
        return self.verdict is DriftVerdict.DRIFTED

    def measure(self, name: str) -> DriftMeasure | None:
        """The measure of a name, if it could be taken."""
        return next((each for each in self.measures if each.name == name), None)

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "feature": self.feature,
            "type": self.type,
            "verdict": self.verdict.value,
            "measures": [each.to_json() for each in self.measures],
            "bins": [
                {"label": each.label, "reference": each.reference, "current": each.current}
                for each in self.bins
            ],
            "shift": self.shift,
            "reason": self.reason,
        }
