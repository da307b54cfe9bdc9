"""Totals and squared deviations: exact totals of integers and decimals, merged as Chan, Golub and LeVeque do."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction

Total = int | float | Decimal
_EXACT = Context(prec=400)


@dataclass(frozen=True, slots=True)
class Moments:
    """Of some numbers: how many there are, their total, and the sum of squared deviations from their mean."""

    count: int
    total: Total
    squares: float

    @property
    def mean(self) -> float | None:
        """Their mean; None if there are none, or it is beyond what a float can be."""
        if not self.count or not math.isfinite(self.total):
            return None
        return float(Fraction(self.total) / self.count)

    @property
    def standard_deviation(self) -> float | None:
        """Their standard deviation, of themselves and not of a sample of more."""
        if not self.count or not math.isfinite(self.squares):
            return None
        return math.sqrt(self.squares / self.count)

    def __add__(self, other: Moments) -> Moments:
        if not self.count or not other.count:
            return other if other.count else self
        count = self.count + other.count
        squares = self.squares + other.squares
        squares += self._apart(other) ** 2 * (self.count * other.count / count)
        return Moments(count, _add(self.total, other.total), squares)

    def _apart(self, other: Moments) -> float:
        """How far apart the two means are, without loss where the totals are exact."""
        if not math.isfinite(self.total) or not math.isfinite(other.total):
            return math.inf
        return float(Fraction(other.total) / other.count - Fraction(self.total) / self.count)


NO_MOMENTS = Moments(0, 0, 0.0)


def add_all(parts: Iterable[Moments]) -> Moments:
    """The moments of all the numbers of some parts."""
    return sum(parts, NO_MOMENTS)


def _add(one: Total, other: Total) -> Total:
    if isinstance(one, Decimal) and isinstance(other, Decimal):
        return _EXACT.add(one, other)
    return one + other  # type: ignore[operator]
