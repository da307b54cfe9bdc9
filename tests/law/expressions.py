"""Random row-local expressions: each as SQL, as a Polars expression, and as plain Python that says what is right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import polars as pl
from hypothesis import strategies as st

Row = dict[str, Any]


@dataclass(frozen=True)
class Expression:
    """One expression in three languages; null in, null out, unless it says otherwise."""

    sql: str
    polars: pl.Expr
    python: Callable[[Row], Any]

    def __repr__(self) -> str:
        return self.sql


def column(name: str) -> Expression:
    return Expression(name, pl.col(name), lambda row: row[name])


def constant(value: float) -> Expression:
    return Expression(f"({value!r})::double", pl.lit(value, pl.Float64), lambda _: value)


def _both(
    one: Expression, two: Expression, sql: str, polars: pl.Expr, python: Callable[[Any, Any], Any]
) -> Expression:
    def run(row: Row) -> Any:
        left, right = one.python(row), two.python(row)
        return None if left is None or right is None else python(left, right)

    return Expression(sql.format(one.sql, two.sql), polars, run)


def numbers(depth: int = 3) -> st.SearchStrategy[Expression]:
    """Expressions that give a float."""
    leaves = st.sampled_from(["x", "y"]).map(column) | st.integers(-9, 9).map(lambda n: constant(n / 4))
    return st.recursive(leaves, _larger, max_leaves=depth * 2)


def _larger(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    pairs = st.tuples(inner, inner)
    return st.one_of(
        pairs.map(lambda p: _both(*p, "({} + {})", p[0].polars + p[1].polars, lambda a, b: a + b)),
        pairs.map(lambda p: _both(*p, "({} - {})", p[0].polars - p[1].polars, lambda a, b: a - b)),
        pairs.map(lambda p: _both(*p, "({} * {})", p[0].polars * p[1].polars, lambda a, b: a * b)),
        inner.map(_absolute),
        pairs.map(_coalesce),
        st.tuples(conditions(inner), inner, inner).map(_choice),
    )


def _absolute(one: Expression) -> Expression:
    def run(row: Row) -> Any:
        value = one.python(row)
        return None if value is None else abs(value)

    return Expression(f"abs({one.sql})", one.polars.abs(), run)


def _coalesce(pair: tuple[Expression, Expression]) -> Expression:
    one, two = pair

    def run(row: Row) -> Any:
        value = one.python(row)
        return two.python(row) if value is None else value

    return Expression(f"coalesce({one.sql}, {two.sql})", pl.coalesce(one.polars, two.polars), run)


def _choice(parts: tuple[Expression, Expression, Expression]) -> Expression:
    condition, one, two = parts
    return Expression(
        f"CASE WHEN {condition.sql} THEN {one.sql} ELSE {two.sql} END",
        pl.when(condition.polars).then(one.polars).otherwise(two.polars),
        lambda row: one.python(row) if condition.python(row) else two.python(row),
    )


def conditions(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    """Expressions that give a truth value, or null."""
    pairs = st.tuples(inner, inner)
    return st.one_of(
        pairs.map(lambda p: _both(*p, "({} < {})", p[0].polars < p[1].polars, lambda a, b: a < b)),
        pairs.map(lambda p: _both(*p, "({} >= {})", p[0].polars >= p[1].polars, lambda a, b: a >= b)),
        inner.map(
            lambda e: Expression(f"({e.sql} IS NULL)", e.polars.is_null(), lambda row: e.python(row) is None)
        ),
        st.sampled_from(["A", "b", ""]).map(_named),
    )


def _named(text: str) -> Expression:
    return Expression(
        f"(lower(s) = '{text.lower()}')",
        pl.col("s").str.to_lowercase() == text.lower(),
        lambda row: None if row["s"] is None else row["s"].lower() == text.lower(),
    )
