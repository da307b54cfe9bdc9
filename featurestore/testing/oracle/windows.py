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
from featurestore.testing.oracle.order import order_key
from featurestore.testing.oracle.times import microseconds

if TYPE_CHECKING:
    from featurestore.testing.oracle.history import Latest

EPSILON = 2.0**-52


class SumOverflowError(Exception):
    """An integer sum that 64 bits do not hold: the law makes it an error."""


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


def in_window(aggregation: Aggregation, event: int, effective: int) -> bool:
    """Whether an event is in the window before an effective time: after its begin, not after its end."""
    end = effective - microseconds(aggregation.offset)
    span = aggregation.span
    return event <= end and (not isinstance(span, timedelta) or event > end - microseconds(span))


def aggregate(aggregation: Aggregation, rows: Sequence[Latest], effective: int) -> object:
    """The value over the visible rows of one entity, of which some are in the window."""
    chosen = [
        row
        for row in rows
        if in_window(aggregation, row.event, effective)
        and (aggregation.where is None or row.conditions[aggregation.where])
    ]
    if aggregation.column == ALL_ROWS:
        return len(chosen)
    given = [row for row in chosen if row.values[aggregation.column] is not None]
    column = aggregation.column
    given.sort(key=lambda row: (row.event, order_key(row.created), order_key(row.values[column])))
    return _FUNCTIONS[parse_function(aggregation.function)[0]](
        [row.values[column] for row in given], aggregation
    )


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


def _distinct(values: Values) -> dict[object, Any]:
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
}
