"""Slices: which groups of rows may be shown one by one."""

from __future__ import annotations

from collections.abc import Sequence

MINIMUM_GROUP = 20
"""The smallest group of rows whose profile is shown by itself."""


def shown_and_others(sizes: Sequence[int], minimum: int) -> tuple[list[int], list[int]]:
    """Which groups are shown one by one, the largest first, and which only together.

    Those that are too small go together. What is left out of a whole can be told from the whole: so where they are
    too few rows even together, or a single group, the smallest of the others go with them.
    """
    order = sorted(range(len(sizes)), key=lambda group: -sizes[group])
    shown = [group for group in order if sizes[group] >= minimum]
    others = order[len(shown) :]
    while shown and others and (len(others) < 2 or sum(sizes[group] for group in others) < minimum):
        others.insert(0, shown.pop())
    return shown, others
