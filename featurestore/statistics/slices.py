"""Slices: which groups of rows may be shown one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from featurestore.statistics.profile import Profile, Slice, Value

MINIMUM_GROUP = 20
"""The smallest group of rows whose profile is shown by itself."""
Merge = Callable[[Sequence[Profile]], Profile]
Name = tuple[str, str]


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


def merge_slices(profiles: Sequence[Profile], merge: Merge) -> tuple[Slice, ...]:
    """The slices of all, by the columns that all were sliced by.

    A value that is shown in one profile and may be among the others of another is counted with the others.
    """
    columns = [_columns(profile) for profile in profiles if profile.rows]
    if not columns:
        return ()
    common = [name for name in columns[0] if all(name in other for other in columns[1:])]
    return tuple(each for name in common for each in _merged(name, [found[name] for found in columns], merge))


def _columns(profile: Profile) -> dict[Name, list[Slice]]:
    found: dict[Name, list[Slice]] = {}
    for each in profile.slices:
        found.setdefault((each.column, each.type), []).append(each)
    return found


def _merged(name: Name, columns: list[list[Slice]], merge: Merge) -> list[Slice]:
    shown: dict[Value | None, list[Profile]] = {}
    others: list[Profile] = []
    values = [{each.value for each in slices if not each.others} for slices in columns]
    hiding = [found for found, slices in zip(values, columns, strict=True) if any(s.others for s in slices)]
    for each in (one for slices in columns for one in slices):
        if each.others or any(each.value not in found for found in hiding):
            others.append(each.profile)
        else:
            shown.setdefault(each.value, []).append(each.profile)
    merged = [Slice(*name, value, merge(parts)) for value, parts in shown.items()]
    merged.sort(key=lambda each: -each.profile.rows)
    return merged + ([Slice(*name, None, merge(others), others=True)] if others else [])
