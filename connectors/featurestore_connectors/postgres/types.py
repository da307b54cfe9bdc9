"""PostgreSQL's types as Arrow types, one for one: the table is in docs/warehouses.md.

The driver hands most values over in binary. Three things it does silently are undone or refused here: it wraps
infinite and very late times around, flattens arrays of several dimensions, and gives ``money`` as a number of cents.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from featurestore.errors import SourceError
from featurestore_connectors.names import quoted

_AS_THEY_ARE = {
    "bool": pa.bool_(), "int2": pa.int16(), "int4": pa.int32(), "int8": pa.int64(), "float4": pa.float32(),
    "float8": pa.float64(), "text": pa.string(), "varchar": pa.string(), "bytea": pa.binary(), "date": pa.date32(),
    "timestamp": pa.timestamp("us"), "timestamptz": pa.timestamp("us", "UTC"),
}  # fmt: skip
# The earliest time and date of PostgreSQL are in the year 4713 before Christ: what is earlier has been wrapped around.
_EARLIEST_TIME, _EARLIEST_DATE = -(3 * 10**17), -3_000_000
_MINUS_INFINITY = {"time": -(2**63) + 946_684_800_000_000, "date": -(2**31) + 10_957}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table or query.

    Attributes:
        name: its name.
        kind: PostgreSQL's name of the type, such as ``int8`` or ``_text`` (an array of texts).
        sql: the column itself, over rows called ``s``.
        returned: the expression that is read.
        type: the Arrow type that values have.
        text: whether it is text to be read as the type that a view declares: numbers without a precision.
        is_list: whether it is an array.
    """

    name: str
    kind: str
    sql: str
    returned: str
    type: pa.DataType
    text: bool = False
    is_list: bool = False


def described(schema: pa.Schema) -> list[Column]:
    """The columns as the driver describes them."""
    return [_column(field) for field in schema]


def _column(field: pa.Field) -> Column:
    metadata = field.metadata or {}
    kind = metadata.get(b"POSTGRESQL:type", b"").decode()
    sql = f"s.{quoted(field.name)}"
    if pa.types.is_list(field.type):
        item = kind.removeprefix("_")
        if item in _AS_THEY_ARE:
            return Column(field.name, kind, sql, sql, pa.list_(_AS_THEY_ARE[item]), is_list=True)
        numbers = item == "numeric"
        return Column(
            field.name, kind, sql, f"{sql}::text[]", pa.list_(pa.string()), text=numbers, is_list=True
        )
    if kind in _AS_THEY_ARE:
        return Column(field.name, kind, sql, sql, _AS_THEY_ARE[kind])
    if kind == "oid":
        return Column(field.name, kind, sql, f"{sql}::int8", pa.int64())
    if kind == "numeric":
        decimal = _decimal(int(metadata.get(b"POSTGRESQL:typmod", b"-1")))
        return Column(field.name, kind, sql, f"{sql}::text", decimal or pa.string(), text=decimal is None)
    return Column(field.name, kind, sql, f"{sql}::text", pa.string())


def _decimal(modifier: int) -> pa.DataType | None:
    """The Arrow type of ``numeric(precision, scale)``; None without these, or beyond Arrow's digits."""
    if modifier < 0:
        return None
    precision, scale = (modifier - 4) >> 16, (((modifier - 4) & 0x7FF) ^ 1024) - 1024
    digits = max(precision, scale) if scale >= 0 else precision - scale
    if digits > 76:
        return None
    return (pa.decimal128 if digits <= 38 else pa.decimal256)(digits, max(scale, 0))


def converted(found: pa.Array, wanted: pa.DataType) -> pa.Array:
    """Values as the driver gives them in the type that was wanted.

    Raises:
        pyarrow.ArrowInvalid: if a value is not of the type.
    """
    if pa.types.is_temporal(found.type):
        found = _with_infinities(found)
    elif pa.types.is_list(found.type) and pa.types.is_temporal(found.type.value_type):
        items = _with_infinities(found.values)
        found = pa.ListArray.from_arrays(found.offsets, items, mask=found.is_null())
    return found if found.type == wanted else found.cast(wanted)


def _with_infinities(found: pa.Array) -> pa.Array:
    """Times and dates with those that the driver has wrapped around as the ends of the type."""
    is_date = pa.types.is_date(found.type)
    whole, earliest = (pa.int32(), _EARLIEST_DATE) if is_date else (pa.int64(), _EARLIEST_TIME)
    ticks = found.cast(whole) if is_date else found.view(whole)
    lowest = pc.min(ticks).as_py()
    if lowest is None or lowest >= earliest:
        return found
    end = np.iinfo(np.int32 if is_date else np.int64).max
    minus = pc.equal(ticks, _MINUS_INFINITY["date" if is_date else "time"])
    wrapped = pc.less(ticks, earliest)
    ends = pc.if_else(minus, pa.scalar(-end, whole), pa.scalar(end, whole))
    return pc.if_else(wrapped, ends, ticks).cast(found.type)


def check_dimensions(source: str, columns: Sequence[Column], dimensions: Sequence[pa.Array]) -> None:
    """Check that arrays have one dimension.

    Raises:
        SourceError: naming the column of one that has more.
    """
    for column, found in zip(columns, dimensions, strict=True):
        most = pc.max(found).as_py()
        if most is not None and most > 1:
            raise SourceError(
                f"Source {source!r}: column {column.name!r} holds an array of {most} dimensions, expected one.",
                hint="Use query= and unnest it, or turn it into text or json.",
            )
