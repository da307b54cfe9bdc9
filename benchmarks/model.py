"""The cost model of a training frame: time as a sum of what is read, matched and returned, fitted to measurements.

For each view the keys and times of the source's rows are read, each entity row is matched and its features are
returned, and the feature columns of the source are read for the rows that won. Views follow one another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.growth import Size

if TYPE_CHECKING:
    import numpy.typing as npt

    from benchmarks.data import Scale

TERMS = (
    "seconds for a request",
    "nanoseconds for a source row",
    "nanoseconds for an entity row",
    "nanoseconds for a source row and feature",
)


@dataclass(frozen=True, slots=True)
class Point:
    """One measurement."""

    size: Size
    seconds: float


def fit(points: Sequence[Point], scale: Scale) -> dict[str, Any]:
    """The costs of the terms, none below zero, and how far off the model is at most."""
    wanted = np.array([point.seconds for point in points])
    matrix = np.array([_terms(point.size, scale) for point in points])
    # Relative errors: each line is divided by its time.
    costs = _not_negative(matrix / wanted[:, None], np.ones(len(points)))
    off = np.abs(matrix @ costs / wanted - 1)
    named = {name: round(float(cost), 4) for name, cost in zip(TERMS, costs, strict=True)}
    return named | {"at most off by": round(float(off.max()), 3)}


def _terms(size: Size, scale: Scale) -> list[float]:
    sized = size.sized(scale)
    rows, asked = size.views * sized.source_rows / 1e9, size.views * sized.entity_rows / 1e9
    return [1.0, rows, asked, rows * size.features]


def _not_negative(
    matrix: npt.NDArray[np.float64], wanted: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Least squares; while a cost is below zero, the lowest one's term is left out."""
    used = list(range(matrix.shape[1]))
    while True:
        found = np.linalg.lstsq(matrix[:, used], wanted, rcond=None)[0]
        if found.min() >= 0:
            costs = np.zeros(matrix.shape[1])
            costs[used] = found
            return costs
        used.pop(int(found.argmin()))
