"""Profiles by plain Python, value by value: what the vectorised ones are held against."""

from __future__ import annotations

import bisect
import json
import math
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pyarrow as pa

from featurestore.definitions.types import Bool, Bytes, FeatureType, Float16, Float32, Float64, String
from featurestore.frames.types import arrow_type
from featurestore.statistics.collect import Collector, ProfiledColumn
from featurestore.statistics.profile import FeatureProfile, Profile
from featurestore.statistics.summary import as_number

FLOATS = (Float16, Float32, Float64)


def profile_of(values: Sequence[Any] | pa.Array, dtype: FeatureType, *, batch: int = 10**9) -> FeatureProfile:
    """The profile of some values, taken in batches of some size."""
    array = values if isinstance(values, pa.Array) else pa.array(values, arrow_type(dtype))
    collector = Collector([ProfiledColumn("x", dtype)])
    for start in range(0, len(array), batch):
        collector.add(pa.record_batch([array.slice(start, batch)], names=["x"]))
    return collector.result()["x"]


def same_again(profile: Profile | FeatureProfile) -> bool:
    """Whether a profile survives JSON."""
    text = json.dumps(profile.to_json(), allow_nan=False)
    return type(profile).from_json(json.loads(text)) == profile


def check(profile: FeatureProfile, values: Sequence[Any], dtype: FeatureType) -> None:
    """That all of a profile is as plain Python has it, for values that the sketches hold completely."""
    there = [_in_utc(value) for value in values if value is not None]
    assert (profile.rows, profile.nulls) == (len(values), len(values) - len(there))
    assert profile.distinct == len({_identity(value) for value in there})
    if dtype in FLOATS:
        assert profile.missing == sum(map(math.isnan, there))
        assert profile.infinite == sum(map(math.isinf, there))
        there = [value for value in there if math.isfinite(value)]
    if not there:
        assert (profile.minimum, profile.histogram, profile.top_values) == (None, None, ())
        return
    if isinstance(there[0], list | tuple):
        _check_lengths(profile, there)
    elif dtype in (String, Bytes):
        _check_lengths(profile, there)
        _check_order(profile, there)
    else:
        _check_order(profile, there)
        if isinstance(there[0], int | float | Decimal):
            _check_moments(profile, there, exact=not isinstance(there[0], float))
        if dtype != Bool:
            _check_ranks(profile, there)


def _in_utc(value: Any) -> Any:
    # Local times that come twice compare as equal in Python.
    return value.astimezone(UTC) if isinstance(value, datetime) else value


def _identity(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return tuple(map(_identity, value))
    return "NaN" if isinstance(value, float) and math.isnan(value) else value


def _check_lengths(profile: FeatureProfile, there: list[Any]) -> None:
    lengths = [len(value) for value in there]
    assert profile.lengths is not None
    assert (profile.lengths.minimum, profile.lengths.maximum) == (min(lengths), max(lengths))
    assert math.isclose(profile.lengths.mean, sum(lengths) / len(lengths))


def _check_order(profile: FeatureProfile, there: list[Any]) -> None:
    assert (profile.minimum, profile.maximum) == (min(there), max(there))
    ordered = sorted(Counter(there).items(), key=lambda pair: (-pair[1], pair[0]))
    assert list(profile.top_values) == ordered[:20]


def _check_moments(profile: FeatureProfile, there: list[Any], *, exact: bool) -> None:
    exactly = [Fraction(value) for value in there]
    mean = sum(exactly) / len(exactly)
    deviation = math.sqrt(sum((value - mean) ** 2 for value in exactly) / len(exactly))
    size = float(max(map(abs, exactly)))
    assert profile.mean is not None
    assert profile.standard_deviation is not None
    assert profile.total is not None
    if exact:
        assert Fraction(profile.total) == sum(exactly)
        assert profile.mean == float(mean)
    assert math.isclose(profile.mean, float(mean), abs_tol=1e-12 * size)
    # Decimals of 38 digits are floats where they are squared.
    assert math.isclose(profile.standard_deviation, deviation, rel_tol=1e-9, abs_tol=1e-7 * size)


def _check_ranks(profile: FeatureProfile, there: list[Any]) -> None:
    ordered = sorted(as_number(value) for value in there)
    for rank, value in profile.quantiles:
        found = ordered[max(math.ceil(rank * len(ordered)), 1) - 1]
        assert math.isclose(as_number(value), found, rel_tol=1e-15)
    histogram = profile.histogram
    assert histogram is not None
    assert sum(histogram.counts) == len(ordered)
    assert len(histogram.edges) == len(histogram.counts) + 1
    edges = [float(as_number(edge)) for edge in histogram.edges]
    assert edges == sorted(edges)
    assert edges[0] <= float(ordered[0])
    assert edges[-1] >= float(ordered[-1])
    bins = Counter(bisect.bisect_right(edges[1:-1], float(value)) for value in ordered)
    assert list(histogram.counts) == [bins[number] for number in range(len(histogram.counts))]
