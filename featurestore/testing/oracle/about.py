"""Floats that the law lets differ a little."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class About:
    """A float that another one may differ from by `slack`: NaN and infinities must be what they are."""

    value: float
    slack: float

    def admits(self, found: object) -> bool:
        """Whether a value found is this one."""
        if not isinstance(found, float):
            return False
        if math.isfinite(self.value) and math.isfinite(found):
            return abs(Fraction(found) - Fraction(self.value)) <= Fraction(self.slack)
        return found == self.value or (math.isnan(found) and math.isnan(self.value))
