"""The total order of rule 3, and who wins among rows that tie in event and created timestamp.

DuckDB's own order puts nulls inside of lists last and takes −0.0 for 0.0, so values are ordered by keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from featurestore.definitions.types import FLOATS, FeatureType, List, Vector
from featurestore.engines.duckdb.sql import nested, numbered, select, where


def greatest_first(columns: Iterable[str], dtypes: Iterable[FeatureType]) -> list[str]:
    """ORDER BY terms that put the greatest tuple first: null lowest, one NaN, highest, −0.0 just below 0.0."""
    keys = [key for column, dtype in zip(columns, dtypes, strict=True) for key in _keys(column, dtype)]
    return [f"{key} DESC NULLS LAST" for key in keys]


def _keys(expression: str, dtype: FeatureType) -> list[str]:
    if dtype in FLOATS:
        return [expression, _not_minus_zero(expression)]
    if isinstance(dtype, List | Vector):
        return [_list_key(expression, dtype.item, 0)]
    return [expression]


def _not_minus_zero(expression: str) -> str:
    return f"NOT ({expression} = 0 AND signbit({expression}))"


def _list_key(expression: str, item: FeatureType, depth: int) -> str:
    """A list of structs that compares as the list should: an item that is null is below every other."""
    x = f"x{depth}"
    fields = [f"present: {x} IS NOT NULL"]
    if isinstance(item, List | Vector):
        fields.append(f"item: {_list_key(x, item.item, depth + 1)}")
    else:
        fields.append(f"item: {x}")
    if item in FLOATS:
        fields.append(f"zero: {_not_minus_zero(x)}")
    return f"list_transform({expression}, lambda {x}: {{{', '.join(fields)}}})"


def nth_of_tied(table: str, dtypes: Sequence[FeatureType], condition: str = "") -> str:
    """The place of each row (rid, nth) among the rows of one code and place; 1 is the greatest.

    Args:
        table: with columns code, place, rid and the tie breakers t0, t1, …
        dtypes: of the tie breakers.
        condition: which rows are looked at.
    """
    order = ", ".join([*greatest_first(numbered("t", len(dtypes)), dtypes), "rid"])
    nth = f"row_number() OVER (PARTITION BY code, place ORDER BY {order}) AS nth"
    return select(["rid", nth], f"FROM {table}", where(condition))


def losers(table: str, dtypes: Sequence[FeatureType]) -> str:
    """The statement that leaves one of each group of tied rows, whose tie breakers are in the table."""
    placed = nested(nth_of_tied(table, dtypes, "tied"), "n")
    return f"DELETE FROM {table}\nWHERE tied AND rid IN (SELECT rid FROM {placed} WHERE nth > 1)"
