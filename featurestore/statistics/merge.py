"""Merging the profiles of a feature: of runs into that of a month, of parts into that of the whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from featurestore.errors import RequestError
from featurestore.statistics.moments import Moments, add_all
from featurestore.statistics.quantiles import merge_quantiles
from featurestore.statistics.records import FeatureRecord, Lengths, Sketches
from featurestore.statistics.sketches import merge_distinct, merge_frequent
from featurestore.statistics.summary import Kind, Parts, hidden, summarise

T = TypeVar("T")


def merge_features(profiles: Sequence[Kind]) -> Kind:
    """The profile of the values of all; personal as soon as one is.

    Raises:
        RequestError: if they are not of one type.
    """
    first = profiles[0]
    for other in profiles[1:]:
        if other.type != first.type:
            raise RequestError(
                f"The profiles of {first.name} ({first.type}) and {other.name} ({other.type}) cannot be merged.",
                hint="Only values of one type have a common profile; look at the versions one by one.",
            )
    rows, nulls = sum(p.rows for p in profiles), sum(p.nulls for p in profiles)
    if any(profile.pii for profile in profiles):
        seen = [profile for profile in profiles if profile.rows > profile.nulls]
        distinct = max((p.distinct for p in seen), default=0) if len(seen) < 2 else None  # type: ignore[type-var]
        return hidden(type(first), first.name, first.type, rows=rows, nulls=nulls, distinct=distinct)
    return summarise(
        type(first),
        Parts(
            name=first.name,
            type=first.type,
            rows=rows,
            nulls=nulls,
            missing=sum(profile.missing for profile in profiles),
            infinite=sum(profile.infinite for profile in profiles),
            minimum=of_known(min, [profile.minimum for profile in profiles]),
            maximum=of_known(max, [profile.maximum for profile in profiles]),
            moments=add_all(map(moments_of, profiles)),
            lengths=_lengths(profiles),
            sketches=_sketches(profiles),
        ),
    )


def moments_of(profile: FeatureRecord) -> Moments:
    """The moments that a profile was made from; the deviations within what a float can say."""
    count = profile.rows - profile.nulls - profile.missing - profile.infinite
    if profile.total is None:
        return Moments(0, 0, 0.0)
    deviation = profile.standard_deviation
    return Moments(count, profile.total, float("inf") if deviation is None else deviation**2 * count)


def _sketches(profiles: Sequence[FeatureRecord]) -> Sketches:
    return Sketches(
        quantiles=_merged(merge_quantiles, (profile.sketches.quantiles for profile in profiles)),
        distinct=_merged(merge_distinct, (profile.sketches.distinct for profile in profiles)),
        frequent=_merged(merge_frequent, (profile.sketches.frequent for profile in profiles)),
    )


def _merged(merge: Callable[[list[bytes]], bytes], forms: Iterable[bytes | None]) -> bytes | None:
    known = list(_known(forms))
    return merge(known) if known else None


def _lengths(profiles: Sequence[FeatureRecord]) -> Lengths | None:
    known = [(each.lengths, each.rows - each.nulls) for each in profiles if each.lengths is not None]
    if not known:
        return None
    total = sum(lengths.mean * count for lengths, count in known)
    return Lengths(
        min(lengths.minimum for lengths, _ in known),
        total / sum(count for _, count in known),
        max(lengths.maximum for lengths, _ in known),
    )


def of_known(choose: Callable[[list[Any]], Any], values: Iterable[Any]) -> Any:
    """One of those values that are known; None if none is."""
    known = list(_known(values))
    return choose(known) if known else None


def _known(values: Iterable[T | None]) -> Iterator[T]:
    return (value for value in values if value is not None)
