"""Aggregation functions in PostgreSQL's SQL, exact where the law wants it.

Sums, means and variances of floats are made in ``numeric``, which neither drifts nor overflows; those of integers are
exact. What depends on an order comes from arrays, sorted once for all functions that need them: by time, or by value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from featurestore.definitions.types import (
    FLOATS,
    Bool,
    Bytes,
    Decimal,
    FeatureType,
    Float16,
    List,
    UInt64,
)
from featurestore.protocols.offline import WindowColumn
from featurestore_connectors.postgres.sql import literal
from featurestore_connectors.push_down.inputs import InputValues, integer_range

_LARGEST, _LEAST = "1.7976931348623158e308", "2.5e-324"  # beyond, a float is infinite or zero
_DIGITS = 60  # with so many a quotient is never taken for one half way between two floats
_FADED = 2100  # half-lives after which even the largest float is less than the smallest
_SCALE = 2.0**600
_SPECIAL = "('Infinity', '-Infinity', 'NaN')"


def unaggregated(window: WindowColumn) -> str | None:
    """Why PostgreSQL cannot give what an aggregation is; None if it can."""
    if window.function.startswith("approx_"):
        return f"and {window.function} is defined by a summary that SQL does not make"
    if window.column is not None and window.input == Float16:
        return "of float16, a type that PostgreSQL does not have"
    return None


class Values(InputValues):
    """The values that an aggregation is made of, and what PostgreSQL makes of them."""

    __slots__ = ()

    def aggregate(self, sql: str) -> str:
        """An aggregate over the values that count, as a column of groups."""
        return self.each.computed.groups.of(f"{sql} FILTER (WHERE {self.each.over(self.value)})")

    def computed(self, sql: str) -> str:
        """What is computed once of each row of the source, over rows ``r``."""
        return self.each.computed.rows.of(sql)

    @property
    def count(self) -> str:
        """How many there are; null without a row."""
        return self.aggregate("count(*)")

    @property
    def total(self) -> str:
        """Their sum as ``numeric``: of integers exactly, of floats to 15 digits of each."""
        return self.aggregate(f"sum({self.numeric})")

    @property
    def numeric(self) -> str:
        """A value as ``numeric``, over rows ``r``; integers may stay what they are."""
        return self.computed(f"({self.raw})::numeric") if self.dtype in FLOATS else self.value

    def by_time(self) -> str:
        """All values as an array, in the order of ``(event, created, value)``."""
        created = ["r.created NULLS FIRST"] if self.each.created else []
        return self._array(["r.event", *created, *map(self.computed, self.order)])

    def by_value(self) -> str:
        """All values as an array, in their own order."""
        return self._array(list(map(self.computed, self.order)))

    def _array(self, order: Sequence[str]) -> str:
        return self.aggregate(f"array_agg({self.value} ORDER BY {', '.join(order)})")

    def same(self, item: str) -> str:
        """What items that are one value share: NaN is one, −0.0 is not 0.0."""
        return f"{item}::text" if self.dtype in FLOATS else item


def aggregated(values: Values) -> str:
    """The value of an aggregation over groups ``a``."""
    window = values.each.window
    return _returned(_FUNCTIONS[window.function](values), window.dtype)


def whole(sql: str, dtype: FeatureType) -> str:
    """A ``numeric`` that has to be an integer of some type, or an error."""
    low, high = integer_range(dtype)
    kind = "numeric" if dtype == UInt64 else "bigint"
    error = f"({sql}::text || {literal(f' is not an {dtype}')})::{kind}"
    return f"CASE WHEN {sql} = trunc({sql}) AND {sql} BETWEEN {low} AND {high} THEN {sql}::{kind} ELSE {error} END"


def _returned(sql: str, dtype: FeatureType) -> str:
    """Numbers that the driver has no type for as texts."""
    item = dtype.item if isinstance(dtype, List) else dtype
    if not isinstance(item, Decimal) and item != UInt64:
        return sql
    return f"({sql})::text{'[]' if isinstance(dtype, List) else ''}"


def _count(values: Values) -> str:
    return f"coalesce({values.count}, 0)"


def _sum(values: Values) -> str:
    total = values.total
    if values.dtype in FLOATS:
        return f"coalesce({_float(total)}, 0)"
    before, after = values.each.too_large()
    keys = values.each.entity()
    named = " || ', ' || ".join(f"{literal(name + '=')} || {key}::text" for name, key in keys)
    # With the sum itself, so that no planner makes the message, which is an error, of constants beforehand.
    message = f"{literal(before)} || {named or literal('the one row of all')} || {literal(after)} || {total}"
    fits = f"{total} BETWEEN {-(2**63)} AND {2**63 - 1}"
    return f"CASE WHEN {total} IS NULL THEN 0 WHEN {fits} THEN {total}::bigint ELSE ({message})::bigint END"


def _float(numeric: str) -> str:
    """A ``numeric`` as the nearest float, beyond all floats as infinity or zero."""
    return (
        f"CASE WHEN {numeric} <= -{_LARGEST} THEN '-Infinity'::float8 "
        f"WHEN {numeric} >= {_LARGEST} AND {numeric} <> 'NaN' THEN 'Infinity'::float8 "
        f"WHEN {numeric} > -{_LEAST} AND {numeric} < {_LEAST} THEN 0::float8 ELSE {numeric}::float8 END"
    )


def _mean(values: Values) -> str:
    if values.dtype in FLOATS:
        return _float(f"({values.total} / nullif({values.count}, 0))")
    return f"(round({values.total}, {_DIGITS}) / nullif({values.count}, 0))::float8"


def _variance(values: Values) -> str:
    value = values.computed(_exactly(values.raw)) if values.dtype in FLOATS else values.value
    return _float(values.aggregate(f"var_pop({value})"))


def _stddev(values: Values) -> str:
    return f"sqrt({_variance(values)})"


def _exactly(value: str) -> str:
    """A float as ``numeric``, with all its digits: PostgreSQL's own cast keeps 15 of them."""
    bits = f"('x' || encode(float8send({value}), 'hex'))::bit(64)::bigint"
    exponent = "(q.bits >> 52) & 2047"
    mantissa = f"((q.bits & {2**52 - 1}) + CASE WHEN {exponent} > 0 THEN {2**52} ELSE 0 END)::numeric"
    power = f"(greatest({exponent}, 1) - 1075)::int"
    digits = (
        f"sign(q.x)::numeric * {mantissa} * CASE WHEN {power} >= 0 THEN power(2::numeric, {power}) "
        f"ELSE power(5::numeric, -{power}) * ('1e' || {power})::numeric END"
    )
    return (
        f"(SELECT CASE WHEN q.x IN {_SPECIAL} THEN q.x::numeric "
        f"WHEN abs(q.x) < 9e15 AND q.x = trunc(q.x) THEN q.x::bigint::numeric ELSE {digits} END "
        f"FROM (SELECT {value} AS x, {bits} AS bits OFFSET 0) AS q)"
    )


def _min(values: Values) -> str:
    return _extreme(values, "min")


def _max(values: Values) -> str:
    return _extreme(values, "max")


def _extreme(values: Values, which: str) -> str:
    if values.dtype == Bool:
        return values.aggregate(f"bool_{'and' if which == 'min' else 'or'}({values.value})")
    if values.dtype == Bytes:
        return f"""decode({values.aggregate(f'''{which}(encode({values.value}, 'hex') COLLATE "C")''')}, 'hex')"""
    found = values.aggregate(f"{which}({values.value})")
    if values.dtype not in FLOATS:
        return found
    # The order's second part tells zeros apart, which are equal here.
    positive = values.computed(values.order[1])
    all_or_any = "and" if which == "min" else "or"
    sign = values.aggregate(f"bool_{all_or_any}({values.value} <> 0 OR {positive})")
    if which == "max":
        sign = values.aggregate(f"bool_or({values.value} = 0 AND {positive})")
    return (
        f"CASE WHEN {found} = 0 THEN CASE WHEN {sign} THEN 0::float8 ELSE '-0'::float8 END ELSE {found} END"
    )


def _any(values: Values) -> str:
    return values.aggregate(f"bool_or({values.value})")


def _all(values: Values) -> str:
    return values.aggregate(f"bool_and({values.value})")


def _count_distinct(values: Values) -> str:
    return f"coalesce({values.aggregate(f'count(DISTINCT {values.same(values.value)})')}, 0)"


def _first(values: Values) -> str:
    return f"({values.by_time()})[1]"


def _last(values: Values) -> str:
    return f"({values.by_time()})[cardinality({values.by_time()})]"


def _first_n(values: Values) -> str:
    return f"coalesce(({values.by_time()})[1:{values.argument}], '{{}}')"


def _last_n(values: Values) -> str:
    found = values.by_time()
    return f"coalesce(({found})[greatest(cardinality({found}) - {values.argument} + 1, 1):], '{{}}')"


def _first_distinct_n(values: Values) -> str:
    return _distinct(values, "min", "ASC")


def _last_distinct_n(values: Values) -> str:
    return _distinct(values, "max", "DESC")


def _distinct(values: Values, edge: str, direction: str) -> str:
    """The values that come first or last, by the place where each does."""
    found = values.by_time()
    places = (
        f"SELECT {edge}(l.n) AS n FROM unnest({found}) WITH ORDINALITY AS l(u, n) GROUP BY {values.same('l.u')} "
        f"ORDER BY 1 {direction} LIMIT {values.argument}"
    )
    return f"coalesce((SELECT array_agg(({found})[q.n] ORDER BY q.n) FROM ({places}) AS q), '{{}}')"


def _mode(values: Values) -> str:
    return f"({_top(values, 1)})[1]"


def _top_k(values: Values) -> str:
    return f"coalesce({_top(values, values.argument)}, '{{}}')"


def _top(values: Values, items: float) -> str:
    """The most frequent values; of equally frequent ones the smaller, which come first among all, in order."""
    found = values.by_value()
    places = (
        f"SELECT count(*) AS times, min(l.n) AS n FROM unnest({found}) WITH ORDINALITY AS l(u, n) "
        f"GROUP BY {values.same('l.u')} ORDER BY 1 DESC, 2 LIMIT {items}"
    )
    return f"(SELECT array_agg(({found})[q.n] ORDER BY q.times DESC, q.n) FROM ({places}) AS q)"


def _median(values: Values) -> str:
    return _between(values, 0.5)


def _percentile(values: Values) -> str:
    return _between(values, values.argument)


def _between(values: Values, fraction: float) -> str:
    """In proportion between the two values around a place, step by step as all engines do it."""
    found = values.by_value()
    # PostgreSQL refuses a difference beyond all floats, which is infinite, and a product below them, which is zero.
    apart = (
        f"CASE WHEN p.high > 1e291 AND p.low < -1e291 THEN CASE WHEN p.high / 2 - p.low / 2 >= {float(2**1023)!r} "
        "THEN 'Infinity'::float8 ELSE p.high - p.low END ELSE p.high - p.low END"
    )
    large = f"{apart} * {_SCALE!r}::float8 * p.part"
    step = (
        f"CASE WHEN ({apart}) > 1e-290 THEN ({apart}) * p.part "
        f"WHEN ({large}) <= {_SCALE * 2.0**-1000 * 2.0**-75!r} THEN 0 ELSE ({large}) / {_SCALE!r}::float8 END"
    )
    return f"""(SELECT CASE WHEN p.part = 0 OR p.low = p.high THEN p.low ELSE p.low + {step} END
    FROM (SELECT ({found})[floor(o.place)::int + 1]::float8 AS low, o.place - floor(o.place) AS part,
      ({found})[least(floor(o.place)::int + 2, cardinality({found}))]::float8 AS high
      FROM (SELECT (cardinality({found}) - 1)::float8 * '{float(fraction)!r}'::float8 AS place) AS o) AS p)"""


def _decayed_sum(values: Values) -> str:
    faded = f"CASE WHEN {values.value} IN {_SPECIAL} THEN {values.numeric} ELSE 0 END"
    return _decayed(values, f"{values.numeric}::numeric", faded if values.dtype in FLOATS else "0")


def _decayed_count(values: Values) -> str:
    return _decayed(values, "1::numeric", "0")


def _decayed(values: Values, value: str, faded: str) -> str:
    lives = f"({values.each.age})::float8 / {int(values.argument)}"
    # Beyond a thousand half-lives the weight, which no float holds, is the square of one that does.
    half = f"power(2::float8, -({lives}) / 2)::numeric"
    weighed = (
        f"CASE WHEN {lives} > {_FADED} THEN {faded} WHEN {lives} > 1000 THEN {value} * {half} * {half} "
        f"ELSE {value} * power(2::float8, -({lives}))::numeric END"
    )
    return f"coalesce({_float(values.aggregate(f'sum({weighed})'))}, 0)"


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
    "median": _median,
    "percentile": _percentile,
    "any": _any,
    "all": _all,
    "first_n": _first_n,
    "last_n": _last_n,
    "first_distinct_n": _first_distinct_n,
    "last_distinct_n": _last_distinct_n,
    "mode": _mode,
    "top_k": _top_k,
    "decayed_sum": _decayed_sum,
    "decayed_count": _decayed_count,
}
