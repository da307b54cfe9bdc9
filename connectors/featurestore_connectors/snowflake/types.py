"""Snowflake's types as Arrow types, one for one: the table is in docs/warehouses.md."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from featurestore_connectors.names import quoted
from featurestore_connectors.snowflake.lists import parsed

# The driver's numbers of the types.
_NAMES = {
    0: "number", 1: "float", 2: "text", 3: "date", 4: "timestamp_ntz", 5: "variant", 6: "timestamp_ltz",
    7: "timestamp_tz", 8: "timestamp_ntz", 9: "object", 10: "array", 11: "binary", 12: "time", 13: "boolean",
    14: "geography", 15: "geometry", 16: "vector",
}  # fmt: skip
_AS_THEY_ARE = {
    "float": pa.float64(), "text": pa.string(), "date": pa.date32(), "timestamp_ntz": pa.timestamp("us"),
    "timestamp_ltz": pa.timestamp("us", "UTC"), "timestamp_tz": pa.timestamp("us", "UTC"), "binary": pa.binary(),
    "boolean": pa.bool_(),
}  # fmt: skip
_JSON = ("variant", "object", "array")
_PLAIN = re.compile(r"[A-Z_][A-Z0-9_$]*")
_LONG = 18  # digits that 64 bits have


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table or query.

    Attributes:
        name: its name; in small letters where Snowflake's own is in capitals, as it makes of names without quotes.
        own: its name in Snowflake.
        kind: Snowflake's type.
        sql: the column itself, over rows called ``s``.
        returned: the expression that is read.
        type: the Arrow type that values have.
        text: whether it is read as the type that a view declares: integers of up to 38 digits, JSON.
        digits: of a time's seconds.
    """

    name: str
    own: str
    kind: str
    sql: str
    returned: str
    type: pa.DataType
    text: bool = False
    digits: int = 0


def described(description: Sequence[Any]) -> list[Column]:
    """The columns as the driver describes them."""
    return [_column(each) for each in description]


def _column(found: Any) -> Column:
    name, kind = shown_name(found.name), _NAMES.get(found.type_code, "unknown")
    sql = f"s.{quoted(found.name)}"
    if kind == "number":
        if found.scale:
            dtype: pa.DataType = pa.decimal128(found.precision or 38, found.scale)
        else:
            dtype = pa.int64()
        many = not found.scale and (found.precision or 38) > _LONG
        return Column(name, found.name, kind, sql, sql, dtype, text=many)
    if kind in _JSON:
        return Column(name, found.name, kind, sql, f"TO_JSON({sql})", pa.string(), text=True)
    if kind == "vector":
        return Column(name, found.name, kind, sql, f"TO_JSON({sql}::ARRAY)", pa.string())
    digits = (9 if found.scale is None else found.scale) if kind.startswith("timestamp") else 0
    return Column(name, found.name, kind, sql, sql, _AS_THEY_ARE.get(kind, pa.string()), digits=digits)


def shown_name(own: str) -> str:
    """What a column or table of Snowflake is called here."""
    return own.lower() if _PLAIN.fullmatch(own) else own


def converted(found: pa.Array, wanted: pa.DataType, *, up: bool = True) -> pa.Array:
    """Values as the driver gives them in the type that was wanted.

    Args:
        found: the values.
        wanted: the type.
        up: digits of times beyond microseconds are rounded up, else down.

    Raises:
        pyarrow.ArrowInvalid: if a value is not of the type.
    """
    if pa.types.is_timestamp(found.type):
        return _microseconds(found, up=up).cast(wanted)
    if pa.types.is_time(found.type):
        return found.cast(pa.time64("us")).cast(wanted)
    if pa.types.is_nested(wanted):
        return parsed(found, wanted)
    if pa.types.is_integer(found.type) and pa.types.is_decimal(wanted):
        found = found.cast(pa.decimal128(38, 0))
    return found if found.type == wanted else found.cast(wanted)


def _microseconds(found: pa.Array, *, up: bool) -> pa.Array:
    zone = None if found.type.tz is None else "UTC"
    if found.type.unit != "ns":
        return found.cast(pa.timestamp("us", found.type.tz)).cast(pa.timestamp("us", zone))
    ticks = found.view(pa.int64())
    whole = pc.divide(ticks, 1000)  # towards zero
    rest = pc.subtract(ticks, pc.multiply(whole, 1000))
    step = pc.greater(rest, 0).cast(pa.int64()) if up else pc.negate(pc.less(rest, 0).cast(pa.int64()))
    return pc.add(whole, step).view(pa.timestamp("us", zone))
