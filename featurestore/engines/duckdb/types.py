"""Values of declared types in SQL, and back in Arrow."""

from __future__ import annotations

import pyarrow as pa

from featurestore.definitions.types import (
    Bytes,
    Decimal,
    FeatureType,
    List,
    Vector,
    ZonedTimestamp,
)
from featurestore.engines.duckdb.times import Column, zoned
from featurestore.frames.types import arrow_type

_SQL = {
    "int8": "TINYINT",
    "int16": "SMALLINT",
    "int32": "INTEGER",
    "int64": "BIGINT",
    "uint8": "UTINYINT",
    "uint16": "USMALLINT",
    "uint32": "UINTEGER",
    "uint64": "UBIGINT",
    "float16": "FLOAT",  # DuckDB has no narrower one
    "float32": "FLOAT",
    "float64": "DOUBLE",
    "bool": "BOOLEAN",
    "string": "VARCHAR",
    "bytes": "BLOB",
    "date": "DATE",
}


def sql_type(dtype: FeatureType) -> str:
    """The type in which DuckDB carries values of `dtype`; a vector is a list until it is returned."""
    if isinstance(dtype, ZonedTimestamp):
        return "TIMESTAMPTZ"
    if isinstance(dtype, Decimal):
        return f"DECIMAL({dtype.precision}, {dtype.scale})"
    if isinstance(dtype, List | Vector):
        return f"{sql_type(dtype.item)}[]"
    return _SQL[str(dtype)]


def value(column: Column, dtype: FeatureType, depth: int = 0) -> str:
    """A column of a source as values of the declared type, in `sql_type`."""
    if pa.types.is_null(column.type):
        return f"NULL::{sql_type(dtype)}"
    if pa.types.is_dictionary(column.type):
        return value(Column(column.sql, column.type.value_type, column.zone), dtype, depth)
    if isinstance(dtype, ZonedTimestamp):
        return zoned(column)
    if isinstance(dtype, List) and not column.text and _has_times(dtype):
        item = f"x{depth}"
        inner = value(Column(item, column.type.value_type, column.zone), dtype.item, depth + 1)
        return f"list_transform({column.sql}, lambda {item}: {inner})"
    if column.text and dtype == Bytes:
        return f"encode({column.sql})"
    return f"{column.sql}::{sql_type(dtype)}"


def _has_times(dtype: FeatureType) -> bool:
    return isinstance(dtype, ZonedTimestamp) or (isinstance(dtype, List) and _has_times(dtype.item))


def returned(expression: str, dtype: FeatureType) -> str:
    """The expression in the form in which it leaves DuckDB."""
    return (
        f"{expression}::{sql_type(dtype.item)}[{dtype.length}]" if isinstance(dtype, Vector) else expression
    )


def to_declared(column: pa.Array, dtype: FeatureType) -> pa.Array:
    """What DuckDB returned, in the Arrow type of `dtype`."""
    wanted = arrow_type(dtype)
    return column if column.type == wanted else column.cast(wanted)
