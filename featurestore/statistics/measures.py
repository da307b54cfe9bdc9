"""Measures of the distance between two distributions, over shares of common bins or over two step functions.

Each comes with what chance alone makes of it, so that few rows are not taken for drift.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]

LEAST_SHARE = 1e-4
"""What an empty bin counts as in the population stability index, whose logarithms have no zero."""


def shares(counts: Numbers) -> Numbers:
    """Counts of bins as shares of all."""
    found: Numbers = counts / counts.sum()
    return found


def population_stability_index(reference: Numbers, current: Numbers) -> float:
    """PSI = Σ (q - p) ln(q / p) of the shares p and q of common bins, the symmetric Kullback-Leibler divergence.

    Shares below `LEAST_SHARE` are raised to it, and all are made to sum to one again.
    """
    p, q = (shares(np.maximum(given, LEAST_SHARE)) for given in (reference, current))
    return float(((q - p) * np.log(q / p)).sum())


def jensen_shannon_distance(reference: Numbers, current: Numbers) -> float:
    """The Jensen-Shannon distance: the square root of the divergence in bits, 0 for equal and 1 for disjoint shares.

    The same as ``scipy.spatial.distance.jensenshannon(p, q, base=2)``.
    """
    middle = (reference + current) / 2
    divergence = (_bits(reference, middle) + _bits(current, middle)) / 2
    return math.sqrt(max(divergence, 0.0))


def kolmogorov_smirnov(reference: Steps, current: Steps) -> float:
    """The largest difference between two distribution functions, as of ``scipy.stats.ks_2samp``."""
    at = np.concatenate([reference.values, current.values])
    return float(np.abs(reference.at_most(at) - current.at_most(at)).max())


class Steps:
    """A distribution function that rises in steps: of single values, or of the values that a sketch has kept.

    Args:
        values: finite numbers, in any order.
        weights: how many rows each stands for; by default one.
    """

    def __init__(self, values: Numbers, weights: Numbers | None = None) -> None:
        order = np.argsort(values, kind="stable")
        self.values: Numbers = np.asarray(values, dtype=np.float64)[order]
        counted = np.ones(len(values)) if weights is None else np.asarray(weights, dtype=np.float64)[order]
        self._below: Numbers = np.concatenate([[0.0], np.cumsum(counted)])

    @property
    def total(self) -> float:
        """How many rows there are."""
        return float(self._below[-1])

    def at_most(self, points: Numbers) -> Numbers:
        """The share of rows with a value at most each point."""
        return self._below[np.searchsorted(self.values, points, side="right")] / self.total

    def less(self, points: Numbers) -> Numbers:
        """The share of rows with a value below each point."""
        return self._below[np.searchsorted(self.values, points, side="left")] / self.total

    def quantiles(self, ranks: Numbers) -> Numbers:
        """The least values that at least these shares of the rows do not exceed."""
        # A share that a division has rounded up must not move on to the next value.
        wanted = np.searchsorted(self._below[1:], ranks * self.total * (1 - 1e-12), side="left")
        return self.values[np.minimum(wanted, len(self.values) - 1)]


# What chance makes of them ---------------------------------------------------------------------------------


def psi_by_chance(bins: int, rows: tuple[float, float], significance: float) -> float:
    """What the PSI of two samples of one distribution exceeds with this probability.

    It is nearly a χ² with one degree of freedom less than there are bins, times 1/n + 1/m (Yurdakul and Naranjo,
    "Statistical properties of the population stability index", 2020).
    """
    return _chi_squared(bins - 1, significance) * (1 / rows[0] + 1 / rows[1])


def jensen_shannon_by_chance(bins: int, rows: tuple[float, float], significance: float) -> float:
    """The same of the Jensen-Shannon distance: near zero its divergence in nats is an eighth of the PSI."""
    return math.sqrt(min(psi_by_chance(bins, rows, significance) / 8 / math.log(2), 1.0))


def kolmogorov_smirnov_by_chance(rows: tuple[float, float], significance: float) -> float:
    """The same of Kolmogorov-Smirnov: the two-sided bound √(-ln(α/2)/2 · (n + m)/(n m))."""
    return min(math.sqrt(-math.log(significance / 2) / 2 * (1 / rows[0] + 1 / rows[1])), 1.0)


def share_by_chance(share: float, rows: tuple[float, float], significance: float) -> float:
    """The same of the difference of two shares, `share` being that of both together."""
    z = NormalDist().inv_cdf(1 - significance / 2)
    return z * math.sqrt(share * (1 - share) * (1 / rows[0] + 1 / rows[1]))


def _chi_squared(degrees: int, significance: float) -> float:
    """The upper quantile, by the approximation of Wilson and Hilferty (1931): within 3 % from two degrees on."""
    if degrees < 1:
        return 0.0
    z = NormalDist().inv_cdf(1 - significance)
    return float(degrees * (1 - 2 / (9 * degrees) + z * math.sqrt(2 / (9 * degrees))) ** 3)


def _bits(shares: Numbers, middle: Numbers) -> float:
    some = shares > 0
    return float((shares[some] * np.log2(shares[some] / middle[some])).sum())
