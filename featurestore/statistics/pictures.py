"""Pictures of profiles: a feature's values as a histogram or as shares of categories, and their way over time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise

import numpy as np

from featurestore.charts.bands import Moment, quantile_bands
from featurestore.charts.histogram import Series, categories, histogram
from featurestore.charts.markup import Markup
from featurestore.charts.numbers import moment, short, tick_labels, ticks, time_ticks
from featurestore.definitions.instants import EPOCH
from featurestore.statistics.bins import OTHERS, category_bins, numeric
from featurestore.statistics.measures import Numbers, Steps
from featurestore.statistics.records import FeatureRecord, Value

_BINS = 24
_CATEGORIES = 8
_TAILS = (0.005, 0.02, 0.05)
_MOST_TIMES = 12
_BAND_RANKS = (0.05, 0.25, 0.5, 0.75, 0.95)
_DAY, _MICROSECOND = timedelta(days=1), timedelta(microseconds=1)

Named = Sequence[tuple[str, FeatureRecord]]


def values_picture(sides: Named) -> Markup | None:
    """A picture of the values of one profile of a feature, or of two over each other; None where it keeps none."""
    if any(profile.pii for _, profile in sides):
        return None
    if any(profile.top_values for _, profile in sides) and sides[0][1].type in ("string", "bool", "bytes"):
        return _categories(sides)
    known = [(name, found.steps) for name, profile in sides if (found := numeric(profile)) is not None]
    if len(known) < len(sides):
        return None
    return _histogram(sides[0][1], known)


def bands_picture(runs: Sequence[tuple[datetime, FeatureRecord]]) -> Markup | None:
    """Quantiles of a feature over time; None where profiles keep none, or there are not two runs."""
    moments = [Moment(at, _band(profile), profile.nulls / (profile.rows or 1)) for at, profile in runs]
    kind = runs[0][1].type if runs else ""
    if sum(each.quantiles is not None for each in moments) < 2 or _unit(kind) is not None or kind == "bool":
        return None
    return quantile_bands(f"{runs[0][1].name} over time", moments)


def _band(profile: FeatureRecord) -> tuple[float, float, float, float, float] | None:
    found = None if profile.pii else numeric(profile)
    if found is None:
        return None
    values = [float(value) for value in found.steps.quantiles(np.array(_BAND_RANKS))]
    return tuple(values) if np.isfinite(values).all() else None  # type: ignore[return-value] # five


def _categories(sides: Named) -> Markup:
    first, last = sides[0][1], sides[-1][1]
    bins = [each for each in category_bins(first, last) if each.label != OTHERS][:_CATEGORIES]
    totals = [(profile.rows - profile.nulls - profile.missing) or 1 for profile in (first, last)]
    shares = [
        [each.reference / totals[0] for each in bins],
        [each.current / totals[1] for each in bins],
    ]
    rest = [max(1 - sum(side), 0.0) if any(side) else 0.0 for side in shares]
    labels = [each.label for each in bins]
    if max(rest) > 1e-9:
        labels.append("all others")
        shares = [[*side, left] for side, left in zip(shares, rest, strict=True)]
    series = [Series(name, side) for (name, _), side in zip(sides, shares[-len(sides) :], strict=True)]
    return categories(first.name, labels, series)


def _histogram(profile: FeatureRecord, known: Sequence[tuple[str, Steps]]) -> Markup | None:
    edges = _edges([steps for _, steps in known], whole=profile.type.startswith(("int", "uint")))
    if edges is None:
        return None
    series = [Series(name, list(map(float, _shares(steps, edges)))) for name, steps in known]
    unit = _unit(profile.type)
    if unit is None:
        values = ticks(float(edges[0]), float(edges[-1]))
        marks = list(zip(values, tick_labels(values), strict=True))
    else:
        found = time_ticks(_instant(edges[0], unit), _instant(edges[-1], unit))
        marks = [((at - EPOCH) / unit, label) for at, label in found]
    names = [short(float(edge)) if unit is None else moment(_instant(edge, unit)) for edge in edges]
    ranges = [f"{low} to {high}" for low, high in pairwise(names)]
    return histogram(profile.name, list(map(float, edges)), series, marks, ranges)


def _edges(sides: Sequence[Steps], *, whole: bool) -> Numbers | None:
    """Bins of one width over all values, or without those at an end that is far away."""
    finite = [side.values[np.isfinite(side.values)] for side in sides]
    if not all(len(values) for values in finite):
        return None
    low, high = min(float(v[0]) for v in finite), max(float(v[-1]) for v in finite)
    near, far = _without_tails(sides)
    if np.isfinite([near, far]).all() and near < far:
        width = far / 2 - near / 2
        low = near if near / 2 - low / 2 > width / 4 else low
        high = far if high / 2 - far / 2 > width / 4 else high
    if whole and high - low < _BINS:
        return np.arange(np.floor(low), np.ceil(high) + 2) - 0.5
    if not low < high:
        margin = abs(low) * 0.05 or 0.5
        low, high = low - margin, high + margin
    if not np.isfinite(high - low):
        return None
    edges = np.linspace(low, high, _BINS + 1)
    return edges if (np.diff(edges) > 0).all() else None


def _without_tails(sides: Sequence[Steps]) -> tuple[float, float]:
    """Where all but a small share of the values are, as small as the middle half can still be seen in."""
    near, far = _range(sides, _TAILS[0])
    middle = [_range([side], 0.25) for side in sides]
    wide = max(high / 2 - low / 2 for low, high in middle)
    if wide > 0:
        for tail in _TAILS:
            near, far = _range(sides, tail)
            if far / 2 - near / 2 <= _MOST_TIMES * wide:
                break
    return near, far


def _range(sides: Sequence[Steps], tail: float) -> tuple[float, float]:
    ends = [side.quantiles(np.array([tail, 1 - tail])) for side in sides]
    return min(float(low) for low, _ in ends), max(float(high) for _, high in ends)


def _shares(steps: Steps, edges: Numbers) -> Numbers:
    """The share of the values in each bin; the first includes its lower edge."""
    below = steps.at_most(edges)
    below[0] = steps.less(edges[:1])[0]
    found: Numbers = np.diff(below)
    return found


def _unit(kind: str) -> timedelta | None:
    """What one stands for in the sketch of a type of times."""
    return _MICROSECOND if kind.startswith("timestamp") else _DAY if kind == "date" else None


def _instant(value: float, unit: timedelta) -> datetime:
    return EPOCH + float(value) * unit


def written(value: Value | None) -> str:
    """A value as a table shows it."""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d}"
    if value is None or isinstance(value, str | bytes | bool | date):
        return "–" if value is None else str(value)
    return short(float(value))
