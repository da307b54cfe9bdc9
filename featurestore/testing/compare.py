"""Strict comparison of rows: order, types and bits count; nothing is sorted, dropped or rounded."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from featurestore.testing.oracle.about import About

if TYPE_CHECKING:
    import pyarrow as pa


def exact(value: object) -> object:
    """A form in which only the same value of the same kind is equal: 0.0 is not −0.0, 1 is not True, NaN is NaN."""
    if isinstance(value, float):
        return ("float", "nan" if math.isnan(value) else struct.pack("<d", value))
    if isinstance(value, datetime):
        return ("instant", value.astimezone(UTC) if value.tzinfo else value)
    if isinstance(value, Decimal):
        return ("decimal", value)
    if isinstance(value, dict):
        value = list(value.items())
    if isinstance(value, list | tuple):
        return ("list", tuple(exact(item) for item in value))
    if value is None or isinstance(value, bool | int | str | bytes | date):
        return (type(value).__name__, value)
    raise TypeError(f"cannot compare {value!r}")


def same(found: object, wanted: object) -> bool:
    """Whether a value is the wanted one, or near enough where the law lets floats differ.

    A map is a dict or, in Arrow's way, a list of pairs.
    """
    if isinstance(found, dict):
        found = list(found.items())
    if isinstance(wanted, list | tuple) and isinstance(found, list | tuple):
        return len(found) == len(wanted) and all(map(same, found, wanted))
    return wanted.admits(found) if isinstance(wanted, About) else exact(found) == exact(wanted)


def assert_rows(found: pa.Table, expected: Sequence[Mapping[str, Any]]) -> None:
    """The table holds exactly the expected rows, in their order, with all columns and no others.

    Raises:
        AssertionError: naming the first row and column that differ.
    """
    assert found.num_rows == len(expected), f"expected {len(expected)} rows, found {found.num_rows}"
    for index, (row, wanted) in enumerate(zip(found.to_pylist(), expected, strict=True)):
        assert row.keys() == wanted.keys(), f"expected the columns {list(wanted)}, found {list(row)}"
        for name in wanted:
            assert same(row[name], wanted[name]), (
                f"row {index}, column {name!r}: expected {wanted[name]!r}, found {row[name]!r}"
            )


def key_id(key: Sequence[object]) -> tuple[object, ...]:
    """A key in a form that is equal only for the same entity."""
    return tuple(exact(part) for part in key)


def by_key(table: pa.Table, keys: Sequence[str]) -> dict[tuple[object, ...], dict[str, Any]]:
    """The rows by key, for results whose order is free.

    Raises:
        AssertionError: if a key comes twice.
    """
    rows: dict[tuple[object, ...], dict[str, Any]] = {}
    for row in table.to_pylist():
        key = key_id([row[name] for name in keys])
        assert key not in rows, f"the entity {[row[name] for name in keys]} comes twice"
        rows[key] = row
    return rows
