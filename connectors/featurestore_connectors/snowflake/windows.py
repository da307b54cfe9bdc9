"""Aggregation functions in Snowflake's SQL, exact where the law wants it.

What depends on an order goes by places: each row has one among the rows of its entity, by time or by value as rule 3
orders values, and the row at the least or greatest place of a window is the one. Floats are added up block by block, as
a plain sum of millions drifts; deviations are taken from the mean of their own window.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from featurestore.definitions.types import FLOATS, INTEGERS, FeatureType, Float16, Float32, List
from featurestore.protocols.offline import WindowColumn
from featurestore_connectors.push_down.inputs import InputValues, integer_range
from featurestore_connectors.snowflake.sql import literal

_FADED = 2140  # half-lives after which even the largest float is less than the smallest
_EXACT = 2**53
_MOST_RANKS = 2**38  # more than an entity has rows
_LISTS = ("first_n", "last_n", "first_distinct_n", "last_distinct_n", "top_k")


def unaggregated(window: WindowColumn) -> str | None:
    """Why Snowflake cannot give what an aggregation is; None if it can."""
    if window.function.startswith("approx_"):
        return f"and {window.function} is defined by a summary that SQL does not make"
    if window.function in _LISTS or isinstance(window.dtype, List):
        return "a list, whose items Snowflake turns into JSON"
    if window.column is not None and window.input in (Float16, Float32):
        return f"of {window.input}, a type that Snowflake does not have"
    return None


class Values(InputValues):
    """The values that an aggregation is made of, and what Snowflake makes of them."""

    __slots__ = ()

    def chosen(self, sql: str) -> str:
        """Something of the rows that count, null for all others."""
        return f"CASE WHEN {self.each.over(self.value)} THEN {sql} END"

    def aggregate(self, sql: str) -> str:
        """An aggregate, as a column of groups."""
        return self.each.computed.groups.of(sql)

    def added(self, sql: str) -> str:
        """A sum of floats of the rows that count, added up block by block; null for none."""
        return self.each.computed.blocks.of(f"sum({self.chosen(sql)})")

    @property
    def count(self) -> str:
        """How many count; null without a row."""
        return self.aggregate(f"count({self.chosen('1')})")

    def place(self, order: Sequence[str], *, ranked: str = "row_number") -> str:
        """Where a row is among all rows of its entity."""
        partition = ", ".join(self.each.keys)
        sql = f"{ranked}() OVER (PARTITION BY {partition} ORDER BY {', '.join(order)})"
        return self.each.computed.rows.of(sql)

    def at_edge(self, edge: str, order: Sequence[str]) -> str:
        """The value at the least or greatest place of those that count."""
        return self.aggregate(f"{edge}_by({self.value}, {self.chosen(self.place(order))})")


def aggregated(values: Values) -> str:
    """The value of an aggregation over groups ``a``."""
    return _FUNCTIONS[values.each.window.function](values)


def whole(sql: str, dtype: FeatureType) -> str:
    """An integer of up to 38 digits that has to be one of some type, or an error."""
    low, high = integer_range(dtype)
    error = f"CAST({sql}::VARCHAR || {literal(f' is not an {dtype}')} AS NUMBER(38, 0))"
    return f"CASE WHEN {sql} IS NULL OR {sql} BETWEEN {low} AND {high} THEN {sql} ELSE {error} END"


def _count(values: Values) -> str:
    return f"coalesce({values.count}, 0)"


def _total(values: Values, sql: str = "") -> str:
    """The exact sum of integers."""
    return values.aggregate(f"sum(CAST({values.chosen(sql or values.value)} AS NUMBER(38, 0)))")


def _sum(values: Values) -> str:
    if values.dtype in FLOATS:
        return f"coalesce({values.added(values.value)}, 0::FLOAT)"
    total = _total(values)
    before, after = values.each.too_large()
    keys = values.each.entity()
    named = " || ', ' || ".join(f"{literal(name + '=')} || {key}::VARCHAR" for name, key in keys)
    # With the sum itself, so that no planner makes the message, which is an error, of constants beforehand.
    message = f"{literal(before)} || {named or literal('the one row of all')} || {literal(after)} || {total}::VARCHAR"
    fits = f"{total} BETWEEN {-(2**63)} AND {2**63 - 1}"
    error = f"CAST({message} AS NUMBER(38, 0))"
    return (
        f"CAST(CASE WHEN {total} IS NULL THEN 0 WHEN {fits} THEN {total} ELSE {error} END AS NUMBER(38, 0))"
    )


def _mean(values: Values) -> str:
    if values.dtype in FLOATS:
        return f"{values.added(values.value)} / nullif({values.count}, 0)::FLOAT"
    total, count = _total(values), _total(values, "1")
    exact = f"{total} BETWEEN {-_EXACT} AND {_EXACT}"
    return f"CASE WHEN {exact} THEN {total}::FLOAT / {count}::FLOAT ELSE {_divided(total, count)} END"


def _divided(total: str, count: str) -> str:
    """A large sum divided once: the quotient of floats, corrected by what is left over, which is exact.

    The quotient is taken apart into numbers that are integers when they are scaled: multiples of 2**32, of 1, and of
    2**-39, which is the last bit of the least quotient of a sum beyond 2**53 and as many rows as there may be.
    """
    quotient = f"(abs({total})::FLOAT / {count}::FLOAT)"
    high = f"floor({quotient} / {2**32})"
    low = f"floor({quotient} - {high} * {2**32})"
    rest = f"({quotient} - {high} * {2**32} - {low})"
    high, low, rest = (f"CAST({part} AS NUMBER(38, 0))" for part in (high, low, f"{rest} * {2**39}"))
    left = f"((abs({total}) - {count} * {2**32} * {high} - {count} * {low}) * {2**39} - {count} * {rest})"
    return f"sign({total}) * ({quotient} + {left}::FLOAT / {count}::FLOAT / {2**39}::FLOAT)"


def _variance(values: Values) -> str:
    mean = values.each.computed.windows.of(
        f"avg({values.chosen(values.value)}) OVER (PARTITION BY {values.each.group})"
    )
    away = f"({values.value} - {mean})"
    if values.dtype in INTEGERS:  # beyond 2**53 only these are exact
        away = f"(CAST({values.value} AS NUMBER(38, 1)) - CAST({mean} AS NUMBER(38, 1)))::FLOAT"
    squares, rest = values.added(f"{away} * {away}"), values.added(away)
    count = f"nullif({values.count}, 0)::FLOAT"
    return f"greatest(({squares} - {rest} * {rest} / {count}) / {count}, 0::FLOAT)"


def _stddev(values: Values) -> str:
    return f"sqrt({_variance(values)})"


def _min(values: Values) -> str:
    return values.at_edge("min", values.order)


def _max(values: Values) -> str:
    return values.at_edge("max", values.order)


def _first(values: Values) -> str:
    return values.at_edge("min", _by_time(values))


def _last(values: Values) -> str:
    return values.at_edge("max", _by_time(values))


def _by_time(values: Values) -> list[str]:
    event, *created = values.each.times
    return [event, *(f"{each} NULLS FIRST" for each in created), *values.order]


def _any(values: Values) -> str:
    return f"{values.aggregate(f'max({values.chosen(_number(values))})')} = 1"


def _all(values: Values) -> str:
    return f"{values.aggregate(f'min({values.chosen(_number(values))})')} = 1"


def _number(values: Values) -> str:
    return f"CASE WHEN {values.value} THEN 1 ELSE 0 END"


def _count_distinct(values: Values) -> str:
    rank = values.place(values.order, ranked="dense_rank")
    return f"coalesce({values.aggregate(f'count(DISTINCT {values.chosen(rank)})')}, 0)"


def _mode(values: Values) -> str:
    """The value that is there most often; of several the one that is first in order."""
    rank = values.place(values.order, ranked="dense_rank")
    given = f"CASE WHEN {values.each.over(values.value)} THEN 1 ELSE 0 END"
    times = values.each.computed.windows.of(
        f"count(*) OVER (PARTITION BY {values.each.group}, {given}, {rank})"
    )
    return values.aggregate(f"max_by({values.value}, {values.chosen(f'{times} * {_MOST_RANKS} - {rank}')})")


def _median(values: Values) -> str:
    return _between(values, 0.5)


def _percentile(values: Values) -> str:
    return _between(values, values.argument)


def _between(values: Values, fraction: float) -> str:
    """In proportion between the two values around a place, step by step as all engines do it."""
    given, group = values.each.over(values.value), values.each.group
    windows = values.each.computed.windows
    nth = windows.of(
        f"row_number() OVER (PARTITION BY {group}, CASE WHEN {given} THEN 1 ELSE 0 END "
        f"ORDER BY {values.place(values.order)})"
    )
    count = windows.of(f"count({values.chosen('1')}) OVER (PARTITION BY {group})")
    before = f"floor(({count} - 1)::FLOAT * {fraction!r}::FLOAT)"
    low = values.aggregate(
        f"max({values.chosen(f'CASE WHEN {nth} = {before} + 1 THEN {values.value} END')})::FLOAT"
    )
    high = values.aggregate(
        f"max({values.chosen(f'CASE WHEN {nth} = least({before} + 2, {count}) THEN {values.value} END')})::FLOAT"
    )
    place = f"(({values.count} - 1)::FLOAT * {fraction!r}::FLOAT)"
    part = f"({place} - floor({place}))"
    return f"CASE WHEN {part} = 0 OR {low} = {high} THEN {low} ELSE {low} + ({high} - {low}) * {part} END"


def _decayed_sum(values: Values) -> str:
    return _decayed(values, f"{values.value}::FLOAT")


def _decayed_count(values: Values) -> str:
    return _decayed(values, "1::FLOAT")


def _decayed(values: Values, value: str) -> str:
    # In two steps: beyond a thousand half-lives no float holds the weight, which a large value may still show.
    lives = f"least(({values.each.age})::FLOAT / {int(values.argument)}::FLOAT, {_FADED}::FLOAT)"
    half = f"power(2::FLOAT, -({lives}) / 2)"
    return f"coalesce({values.added(f'{value} * {half} * {half}')}, 0::FLOAT)"


_FUNCTIONS: dict[str, Callable[[Values], str]] = {
    "count": _count,
    "sum": _sum,
    "mean": _mean,
    "var": _variance,
    "stddev": _stddev,
    "min": _min,
    "max": _max,
    "first": _first,
    "last": _last,
    "count_distinct": _count_distinct,
    "mode": _mode,
    "median": _median,
    "percentile": _percentile,
    "any": _any,
    "all": _all,
    "decayed_sum": _decayed_sum,
    "decayed_count": _decayed_count,
}
