"""From exact counts and sketches to what a profile shows of a feature."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, TypeVar

from featurestore.definitions.instants import EPOCH, from_microseconds, to_microseconds
from featurestore.statistics.moments import Moments
from featurestore.statistics.quantiles import load_quantiles
from featurestore.statistics.records import NO_SKETCHES, FeatureRecord, Histogram, Lengths, Sketches, Value
from featurestore.statistics.sketches import count_distinct, most_frequent

RANKS: Final = (0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0)
BINS: Final = 20
MOST_SHOWN: Final = 20
"""So many of the most frequent values are shown."""
_EPOCH_DAY: Final = EPOCH.toordinal()
DAYS: Final = (1 - _EPOCH_DAY, date.max.toordinal() - _EPOCH_DAY)
"""The first and the last day that Python has a date for, since 1970."""
INSTANTS: Final = (DAYS[0] * 86_400_000_000, (DAYS[1] + 1) * 86_400_000_000 - 1)
"""The same in microseconds."""
Number = TypeVar("Number", int, float)
Kind = TypeVar("Kind", bound=FeatureRecord)
"""What a summary is given as: a record, or what has verbs besides."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What has been found out about a feature's values, which may be merged."""

    name: str
    type: str
    rows: int
    nulls: int
    missing: int = 0
    infinite: int = 0
    minimum: Value | None = None
    maximum: Value | None = None
    moments: Moments | None = None
    lengths: Lengths | None = None
    sketches: Sketches = NO_SKETCHES


def summarise(kind: type[Kind], parts: Parts) -> Kind:
    """The profile of a feature whose values may be shown."""
    moments, sketches = parts.moments, parts.sketches
    quantiles = None if sketches.quantiles is None else load_quantiles(sketches.quantiles)
    return kind(
        name=parts.name,
        type=parts.type,
        rows=parts.rows,
        nulls=parts.nulls,
        missing=parts.missing,
        infinite=parts.infinite,
        distinct=_distinct(parts),
        minimum=parts.minimum,
        maximum=parts.maximum,
        mean=None if moments is None else moments.mean,
        standard_deviation=None if moments is None else moments.standard_deviation,
        quantiles=() if quantiles is None else _quantiles(quantiles, parts),
        histogram=None if quantiles is None else _histogram(quantiles, parts),
        top_values=()
        if sketches.frequent is None
        else most_frequent(sketches.frequent, MOST_SHOWN, parts.type),
        lengths=parts.lengths,
        total=moments.total if moments and moments.count else None,
        sketches=sketches,
    )


def hidden(kind: type[Kind], name: str, dtype: str, *, rows: int, nulls: int, distinct: int | None) -> Kind:
    """The profile of a feature whose values are personal: counts only, and nothing that could be merged or undone."""
    return kind(name=name, type=dtype, rows=rows, nulls=nulls, distinct=distinct, pii=True)


def as_value(number: float, kind: str) -> Value:
    """A number of the quantile sketch as a value of the feature's type."""
    if kind == "date":
        return date.fromordinal(_EPOCH_DAY + _within(math.floor(number), DAYS))
    if kind.startswith("timestamp"):
        return from_microseconds(_within(math.floor(number), INSTANTS))
    return int(number) if "int" in kind and math.isfinite(number) else number


def as_number(value: Any) -> float | int:
    """A value as it goes into the quantile sketch, integers exactly."""
    if isinstance(value, datetime):
        return to_microseconds(value, what="a value")
    if isinstance(value, date):
        return value.toordinal() - _EPOCH_DAY
    return value if isinstance(value, int) else float(value)


def as_edge(number: float, kind: str) -> Value:
    """The edge of a bin as a value of the feature's type."""
    return number if "int" in kind else as_value(number, kind)


def _within(number: int, ends: tuple[int, int]) -> int:
    return min(max(number, ends[0]), ends[1])


def _distinct(parts: Parts) -> int:
    if parts.sketches.distinct is None:
        return 0
    # An estimate may be larger than the number of values, which the truth is not.
    return min(count_distinct(parts.sketches.distinct) + bool(parts.missing), parts.rows - parts.nulls)


def _quantiles(sketch: Any, parts: Parts) -> tuple[tuple[float, Value], ...]:
    found: list[Any] = [as_value(number, parts.type) for number in sketch.get_quantiles(list(RANKS), True)]
    low: Any = parts.minimum
    high: Any = parts.maximum
    if parts.type.startswith("decimal"):
        low, high = float(low), float(high)
    # The ends are exact beyond 2**53 too, where the sketch's floats may lie outside of them.
    inner = (min(max(value, low), high) for value in found[1:-1])
    return tuple(zip(RANKS, (low, *inner, high), strict=True))


def _histogram(sketch: Any, parts: Parts) -> Histogram:
    low, high = as_number(parts.minimum), as_number(parts.maximum)
    whole = isinstance(low, int) and isinstance(high, int)
    edges = _whole_edges(int(low), int(high)) if whole else _even_edges(float(low), float(high))
    inner = [float(edge) for edge in edges[1:-1]]
    shares = [0.0, *(sketch.get_cdf(inner, False)[:-1] if inner else ()), 1.0]
    below = [round(share * sketch.n) for share in shares]
    counts = tuple(later - earlier for earlier, later in itertools.pairwise(below))
    return Histogram(tuple(as_edge(edge, parts.type) for edge in edges), counts)


def _whole_edges(low: int, high: int) -> list[int]:
    """Bins of whole numbers, of which the last one ends before its upper edge."""
    width = -(-(high - low + 1) // BINS)
    edges = _different(range(low, high + width + 1, width))
    return edges if len(edges) > 1 else [low, high + 1]


def _even_edges(low: float, high: float) -> list[float]:
    steps = [step / BINS for step in range(1, BINS)]
    # No difference of the two, which may be too large for a float.
    edges = _different([low, *(low * (1 - step) + high * step for step in steps), high])
    return edges if len(edges) > 1 else [low, high]


def _different(edges: Iterable[Number]) -> list[Number]:
    """Edges that are different numbers for the sketch, which knows floats only."""
    return list({float(edge): edge for edge in sorted(edges)}.values())
