"""The total order of rule 3, and who wins among rows that tie in event and created timestamp.

DuckDB's own order puts nulls inside of lists last and takes −0.0 for 0.0, so values are ordered by keys.
"""

from __future__ import annotations

from collections.abc import Mapping

from featurestore.definitions.types import FLOATS, FeatureType, List, Vector
from featurestore.engines.duckdb.sql import nested, select, where


def greatest_first(columns: Mapping[str, FeatureType]) -> list[str]:
    """ORDER BY terms that put the greatest tuple first: null lowest, one NaN, highest, −0.0 just below 0.0."""
    keys = [key for column, dtype in columns.items() for key in _keys(column, dtype)]
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


def nth_of_tied(table: str, breakers: Mapping[str, FeatureType], condition: str = "") -> str:
    """The place of each row (rid, nth) among the rows of one code and place; 1 is the greatest.

    Args:
        table: with columns code, place, rid and the tie breakers.
        breakers: their columns and types, in order.
        condition: which rows are looked at.
    """
    order = ",\n         ".join([*greatest_first(breakers), "rid"])
    nth = (
        f"row_number() OVER (\n         PARTITION BY code, place\n         ORDER BY {order}\n       ) AS nth"
    )
    return select(["rid", nth], f"FROM {table}", where(condition))


def losers(table: str, breakers: Mapping[str, FeatureType]) -> str:
    """The statement that leaves one of each group of tied rows, whose tie breakers are in the table."""
    nth = nested(nth_of_tied(table, breakers, "tied"), "n")
    lost = select(["rid"], f"FROM {nth}", where("nth > 1"))
    return "\n".join([f"DELETE FROM {table}", where("tied", f"rid IN {nested(lost, '')}")])  # noqa: S608
