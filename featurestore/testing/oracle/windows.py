"""Rule 5: what an aggregation makes of the visible rows of one entity, by brute force."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, Any

from featurestore.definitions.aggregation import ALL_ROWS, Aggregation
from featurestore.definitions.functions import parse_function
from featurestore.definitions.types import FLOATS
from featurestore.testing.oracle.about import About
from featurestore.testing.oracle.decay import decayed
from featurestore.testing.oracle.order import order_key
from featurestore.testing.oracle.sketches import approx_count_distinct, approx_percentile
from featurestore.testing.oracle.times import microseconds

if TYPE_CHECKING:
    from featurestore.testing.oracle.rows import Latest

EPSILON = 2.0**-52


class SumOverflowError(Exception):
    """An integer sum that 64 bits do not hold: the law makes it an error."""


def windows(aggregation: Aggregation) -> list[Aggregation]:
    """The aggregation itself; a series as one for each of its windows, the oldest first."""
    span = aggregation.span
    if aggregation.series is None or not isinstance(span, timedelta):
        return [aggregation]
    offsets = [aggregation.offset + i * span for i in reversed(range(aggregation.series))]
    return [aggregation.model_copy(update={"series": None, "offset": offset}) for offset in offsets]


def in_window(aggregation: Aggregation, event: int, effective: int) -> bool:
    """Whether an event is in a window before an effective time: after its begin, not after its end."""
    if aggregation.series is not None:
        return any(in_window(window, event, effective) for window in windows(aggregation))
    end = effective - microseconds(aggregation.offset)
    span = aggregation.span
    return event <= end and (not isinstance(span, timedelta) or event > end - microseconds(span))


def aggregate(aggregation: Aggregation, rows: Sequence[Latest], effective: int) -> object:
    """The value over the visible rows of one entity, of which some are in the window."""
    if aggregation.series is not None:
        return [aggregate(window, rows, effective) for window in windows(aggregation)]
    if aggregation.by is not None:
        return _by_key(aggregation, rows, effective)
    chosen = [row for row in rows if _counts(aggregation, row, effective)]
    inputs = _inputs(aggregation.column, chosen)
    name = parse_function(aggregation.function)[0]
    if name in ("decayed_sum", "decayed_count"):
        end = effective - microseconds(aggregation.offset)
        terms = [(1 if name == "decayed_count" else each.value, end - each.event) for each in inputs]
        return decayed(terms, _argument(aggregation))
    return _FUNCTIONS[name]([each.value for each in inputs], aggregation)


def _counts(aggregation: Aggregation, row: Latest, effective: int) -> bool:
    """Whether a row is in the window and meets the condition."""
    where = aggregation.where
    return in_window(aggregation, row.event, effective) and (where is None or row.conditions[where])


def _by_key(aggregation: Aggregation, rows: Sequence[Latest], effective: int) -> list[tuple[Any, object]]:
    """Keys and values in the order of the keys: the keys with the latest inputs, of equally late the smaller."""
    by, column = aggregation.by, aggregation.column
    groups: dict[tuple[Any, ...], list[Latest]] = {}
    for row in rows:
        counts = _counts(aggregation, row, effective) and (
            column == ALL_ROWS or row.values[column] is not None
        )
        if by is not None and counts and row.values[by] is not None:
            groups.setdefault(order_key(row.values[by]), []).append(row)
    latest = sorted(groups, key=lambda key: (-max(row.event for row in groups[key]), key))
    single = aggregation.model_copy(update={"by": None, "keys": None, "by_type": None})
    kept = sorted(latest[: aggregation.keys])
    return [(groups[key][0].values[by or ""], aggregate(single, groups[key], effective)) for key in kept]


@dataclass(frozen=True, slots=True)
class Input:
    """An input that is not null: of a row, or the row itself, which counts as a 1."""

    value: Any
    event: int
    created: int | None


def _inputs(column: str, rows: Sequence[Latest]) -> list[Input]:
    """The inputs in the order of ``(event, created, value)``."""
    found = [
        Input(1 if column == ALL_ROWS else row.values[column], row.event, row.created)
        for row in rows
        if column == ALL_ROWS or row.values[column] is not None
    ]
    return sorted(found, key=lambda each: (each.event, order_key(each.created), order_key(each.value)))


def empty_value(aggregation: Aggregation) -> object:
    """The value without any input."""
    return aggregate(aggregation, [], 0)


def condition(text: str, row: Mapping[str, Any]) -> bool:
    """Whether a condition in SQL is true of a row; null is not. Another database than the engines' judges it."""
    columns = ", ".join('? AS "' + name.replace('"', '""') + '"' for name in row)
    values = [_for_sqlite(value) for value in row.values()]
    found = _sqlite().execute(f"SELECT ({text}) FROM (SELECT {columns})", values).fetchone()  # noqa: S608
    return bool(found[0])


@cache
def _sqlite() -> sqlite3.Connection:
    return sqlite3.connect(":memory:", check_same_thread=False)


def _for_sqlite(value: object) -> object:
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return str(value)
    return value if isinstance(value, int | float | str | bytes | None) else str(value)


Values = Sequence[Any]


def _sum(values: Values, aggregation: Aggregation) -> object:
    if aggregation.input_type in FLOATS:
        return About(_float_sum(values) if values else 0.0, 1e-12 * _magnitude(values))
    total = sum(values)
    if not -(2**63) <= total < 2**63:
        raise SumOverflowError(aggregation.name)
    return total


def _mean(values: Values, aggregation: Aggregation) -> object:
    if not values:
        return None
    if aggregation.input_type in FLOATS:
        count = len(values)
        return About(_float_sum(values) / count, 1e-12 * _magnitude(values) / count)
    return sum(values) / len(values)


def _var(values: Values, _: Aggregation) -> object:
    if not values:
        return None
    if not all(map(math.isfinite, values)):
        return About(math.nan, 0.0)
    exact = [Fraction(value) for value in values]
    mean = sum(exact) / len(exact)
    variance = float(sum((value - mean) ** 2 for value in exact) / len(exact))
    # The mean itself is a float, which may be one unit off.
    return About(variance, 1e-12 * variance + (4 * EPSILON * _magnitude(values) / len(values)) ** 2)


def _stddev(values: Values, aggregation: Aggregation) -> object:
    variance = _var(values, aggregation)
    if not isinstance(variance, About):
        return None
    root = math.sqrt(variance.value)
    if math.isnan(root):
        return About(root, 0.0)
    return About(root, 1e-12 * root + math.sqrt(variance.value + variance.slack) - root)


def _float_sum(values: Values) -> float:
    if all(map(math.isfinite, values)):
        return math.fsum(values)
    return float(sum(value for value in values if not math.isfinite(value)))


def _magnitude(values: Values) -> float:
    return math.fsum(abs(value) for value in values if math.isfinite(value))


def _distinct(values: Values) -> dict[tuple[Any, ...], Any]:
    """By their place in the order: one NaN, and −0.0 is not 0.0."""
    return {order_key(value): value for value in values}


def _percentile(values: Values, fraction: float) -> float | None:
    """Between the two values around the place ``(n − 1) · fraction``, in proportion."""
    if not values:
        return None
    ordered = [float(value) for value in sorted(values, key=order_key)]
    place = (len(ordered) - 1) * fraction
    below = math.floor(place)
    low, high = ordered[below], ordered[min(below + 1, len(ordered) - 1)]
    part = place - below
    return low if part == 0 or low == high else low + (high - low) * part


def _mode(values: Values, _: Aggregation) -> object:
    """The most frequent value; of several the smallest."""
    keys = [order_key(value) for value in values]
    return min(values, key=lambda value: (-keys.count(order_key(value)), order_key(value)), default=None)


def _top(values: Values, items: int) -> list[Any]:
    """The most frequent values; of equally frequent ones the smaller first."""
    keys = [order_key(value) for value in values]
    ranked = sorted(_distinct(values).items(), key=lambda found: (-keys.count(found[0]), found[0]))
    return [value for _, value in ranked[:items]]


def _first_distinct(values: Values) -> list[Any]:
    return list({order_key(value): value for value in values}.values())


def _argument(aggregation: Aggregation) -> Any:
    return parse_function(aggregation.function)[1]


_FUNCTIONS: dict[str, Callable[[Values, Aggregation], object]] = {
    "count": lambda values, _: len(values),
    "sum": _sum,
    "mean": _mean,
    "var": _var,
    "stddev": _stddev,
    "min": lambda values, _: min(values, key=order_key, default=None),
    "max": lambda values, _: max(values, key=order_key, default=None),
    "first": lambda values, _: values[0] if values else None,
    "last": lambda values, _: values[-1] if values else None,
    "count_distinct": lambda values, _: len(_distinct(values)),
    "median": lambda values, _: _percentile(values, 0.5),
    "percentile": lambda values, a: _percentile(values, _argument(a)),
    "any": lambda values, _: any(values) if values else None,
    "all": lambda values, _: all(values) if values else None,
    "first_n": lambda values, a: list(values[: _argument(a)]),
    "last_n": lambda values, a: list(values[-_argument(a) :]),
    "first_distinct_n": lambda values, a: _first_distinct(values)[: _argument(a)],
    "last_distinct_n": lambda values, a: _first_distinct(values[::-1])[: _argument(a)][::-1],
    "mode": _mode,
    "top_k": lambda values, a: _top(values, _argument(a)),
    "approx_count_distinct": lambda values, a: approx_count_distinct(values, a.input_type),
    "approx_percentile": lambda values, a: approx_percentile(values, _argument(a)),
}
