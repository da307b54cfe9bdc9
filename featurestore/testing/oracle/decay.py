"""Decayed sums, term by term in exact fractions: only the weights are rounded, to the next float."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from featurestore.testing.oracle.about import About

_SMALLEST = 5e-324
_NOTHING = 5000


def decayed(terms: Sequence[tuple[float, int]], half_life: int) -> About:
    """The sum of values times ``2 ** -(age / half_life)``, given values and their ages in microseconds."""
    special = [value for value, _ in terms if not math.isfinite(value)]
    if special:
        return About(float(sum(special)), 0.0)
    weighed = [Fraction(value) * _weight(age, half_life) for value, age in terms]
    # A float of its own cannot be nearer to a value than the smallest float.
    slack = 1e-12 * float(sum(map(abs, weighed))) + len(terms) * _SMALLEST
    return About(float(sum(weighed)), slack)


def _weight(age: int, half_life: int) -> Fraction:
    whole, rest = divmod(age, half_life)
    # So little that no sum of floats shows it; the exact fraction would have more digits than fit into memory.
    return Fraction(0) if whole > _NOTHING else Fraction(2.0 ** -(rest / half_life)) / 2**whole
