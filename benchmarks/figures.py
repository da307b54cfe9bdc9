"""What is measured beside time and memory: rates, CPU per value, bytes per row, sizes."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

Measurements = Iterable[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of a contender's measurements, and what it is to be.

    Attributes:
        name: the column's.
        key: the number's among the measurements.
        unit: shown behind it.
        goal: the bound of the number, or of its ratio to the peer's.
        peer: the contender that the number is divided by.
        at_least: whether the goal is a lower bound.
    """

    name: str
    key: str
    unit: str = ""
    goal: float | None = None
    peer: str | None = None
    at_least: bool = False

    def of(self, measurements: Measurements) -> float | None:
        """The median over the runs, or None where it was not measured."""
        found = [measurement[self.key] for measurement in measurements if self.key in measurement]
        return float(statistics.median(found)) if found else None


@dataclass(frozen=True, slots=True)
class Reading:
    """A figure as it was measured.

    Attributes:
        value: None where it was not.
        ratio: to the peer's.
        met: None where there is no goal.
    """

    name: str
    unit: str
    value: float
    peer: str | None
    ratio: float | None
    goal: float | None
    at_least: bool
    met: bool | None

    @classmethod
    def of(cls, figure: Figure, mine: Measurements, peers: Measurements | None) -> Reading | None:
        """The figure of some measurements, beside the peer's if there are any."""
        value = figure.of(mine)
        if value is None:
            return None
        beside = None if peers is None else figure.of(peers)
        ratio = value / beside if beside else None
        judged = value if figure.peer is None else ratio
        met = None
        if figure.goal is not None and judged is not None:
            met = judged >= figure.goal if figure.at_least else judged <= figure.goal
        return cls(
            figure.name, figure.unit, value, figure.peer, ratio, figure.goal, figure.at_least, met
        )  # fmt: skip

    def record(self) -> dict[str, Any]:
        """For the result file."""
        return asdict(self)

    def __str__(self) -> str:
        text = f"{number(self.value)} {self.unit}".rstrip()
        if self.ratio is not None:
            text += f", {self.ratio:.2f}× {self.peer}"
        if self.goal is None or self.met is None:
            return text
        sign, times = "≥" if self.at_least else "≤", "×" if self.ratio is not None else ""
        return f"{text} (goal {sign} {self.goal:g}{times}: {'met' if self.met else 'MISSED'})"


def number(value: float) -> str:
    """Three digits that count, and all of those before the point."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
