"""Python values of a database driver as Arrow columns: exactly, or an error."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

_INSTANT = pa.timestamp("us", "UTC")
_LOCAL = pa.timestamp("us")
# What a column of a table holds, by SQLAlchemy's type; the first that fits.
_DECLARED: tuple[tuple[type[sa.types.TypeEngine[Any]], pa.DataType], ...] = (
    (sa.Boolean, pa.bool_()),
    (sa.SmallInteger, pa.int16()),
    (sa.BigInteger, pa.int64()),
    (sa.Integer, pa.int32()),
    (sa.Float, pa.float64()),
    (sa.LargeBinary, pa.binary()),
    (sa.Date, pa.date32()),
    (sa.String, pa.string()),
    (sa.Uuid, pa.string()),
    (sa.JSON, pa.string()),
)
# What a value of a query is, by its class.
_FOUND: dict[type, pa.DataType] = {
    bool: pa.bool_(), int: pa.int64(), float: pa.float64(), str: pa.string(), bytes: pa.binary(),
    memoryview: pa.binary(), uuid.UUID: pa.string(), dict: pa.string(), list: pa.string(), date: pa.date32(),
}  # fmt: skip
_AS_TEXT: dict[type, Callable[[Any], str]] = {
    uuid.UUID: str,
    dict: json.dumps,
    list: json.dumps,
    Decimal: str,
}


# Where REAL has four bytes; elsewhere it has eight.
_SHORT_REAL = ("postgresql", "mssql")


def declared_type(kind: sa.types.TypeEngine[Any], dialect: str) -> pa.DataType | None:
    """The Arrow type of a table's column; None if its values are read as the type that a view declares."""
    if isinstance(kind, sa.Integer) and (dialect == "sqlite" or getattr(kind, "unsigned", False)):
        return pa.int64() if dialect == "sqlite" else pa.uint64()
    if isinstance(kind, sa.REAL) and dialect in _SHORT_REAL:
        return pa.float32()
    if isinstance(kind, sa.DateTime):
        return _INSTANT if kind.timezone else _LOCAL
    if isinstance(kind, sa.Numeric) and not isinstance(kind, sa.Float):
        return _decimal(kind.precision, kind.scale)
    return next((arrow for cls, arrow in _DECLARED if isinstance(kind, cls)), None)


def _decimal(precision: int | None, scale: int | None) -> pa.DataType | None:
    if precision is None or not 0 <= (scale or 0) <= precision <= 76:
        return None
    return (pa.decimal128 if precision <= 38 else pa.decimal256)(precision, scale or 0)


def type_of_values(values: Iterable[object]) -> pa.DataType | None:
    """The Arrow type of values, null where there are none; None if they have no exact one in common."""
    kinds = {_type_of_value(value) for value in values if value is not None} or {pa.null()}
    return kinds.pop() if len(kinds) == 1 else None


def _type_of_value(value: object) -> pa.DataType | None:
    if isinstance(value, datetime):
        return _LOCAL if value.tzinfo is None else _INSTANT
    return _FOUND.get(type(value))


def to_arrow(values: Sequence[Any], wanted: pa.DataType) -> pa.Array:
    """Values as a column of a type.

    Raises:
        ValueError: if a value is not exactly of the type.
    """
    classes = set(map(type, values)) - {type(None)}
    if pa.types.is_string(wanted):
        for cls in classes & _AS_TEXT.keys():
            values = [_AS_TEXT[cls](value) if type(value) is cls else value for value in values]
    elif classes == {str}:
        return pa.array(values, pa.string()).cast(wanted)
    if memoryview in classes:
        values = [bytes(value) if isinstance(value, memoryview) else value for value in values]
    if classes == {int} and pa.types.is_boolean(wanted):
        return _truths(values)
    if classes <= {int, float} and float in classes and not pa.types.is_floating(wanted):
        return pa.array(values, pa.float64()).cast(wanted)
    if datetime in classes and pa.types.is_timestamp(wanted):
        _check_zones(values, wanted)
    return pa.array(values, wanted)


def _truths(values: Sequence[int | None]) -> pa.Array:
    if set(values) - {0, 1, None}:
        raise ValueError("a number is neither 0 nor 1")
    return pa.array(values, pa.int64()).cast(pa.bool_())


def _check_zones(values: Sequence[Any], wanted: pa.DataType) -> None:
    zoned = {value.tzinfo is not None for value in values if isinstance(value, datetime)}
    if zoned != {wanted.tz is not None}:
        raise ValueError("some times have a zone and others have none")
