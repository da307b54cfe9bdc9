"""Feature types as Arrow types, and which Arrow columns convert to them without loss."""

from __future__ import annotations

import pyarrow as pa

from featurestore.definitions.types import (
    Bytes,
    Date,
    Decimal,
    FeatureType,
    List,
    Map,
    String,
    Timestamp,
    Vector,
    ZonedTimestamp,
    parse_type,
)

_ARROW = {
    "int8": pa.int8(),
    "int16": pa.int16(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "uint8": pa.uint8(),
    "uint16": pa.uint16(),
    "uint32": pa.uint32(),
    "uint64": pa.uint64(),
    "float16": pa.float16(),
    "float32": pa.float32(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
    "string": pa.string(),
    "bytes": pa.binary(),
    "date": pa.date32(),
}
_NAMES = {found: name for name, found in _ARROW.items()}
_FLOAT_BITS = {"float16": 11, "float32": 24, "float64": 53}


def arrow_type(dtype: FeatureType) -> pa.DataType:
    """The Arrow type that values of `dtype` have in every frame the library returns."""
    if isinstance(dtype, ZonedTimestamp):
        return pa.timestamp("us", dtype.timezone)
    if isinstance(dtype, Decimal):
        return pa.decimal128(dtype.precision, dtype.scale)
    if isinstance(dtype, List):
        return pa.list_(arrow_type(dtype.item))
    if isinstance(dtype, Vector):
        return pa.list_(arrow_type(dtype.item), dtype.length)
    if isinstance(dtype, Map):
        return pa.map_(arrow_type(dtype.key), arrow_type(dtype.value))
    return _ARROW[str(dtype)]


def feature_type(found: pa.DataType) -> FeatureType | None:
    """The feature type that holds every value of an Arrow column; None if there is none, or nothing to tell."""
    if found in _NAMES:
        return parse_type(_NAMES[found])
    if pa.types.is_dictionary(found):
        return feature_type(found.value_type)
    if pa.types.is_timestamp(found):
        return Timestamp if found.tz is None else ZonedTimestamp(found.tz)
    if pa.types.is_date(found):
        return Date
    if pa.types.is_decimal(found) and found.precision <= 38 and 0 <= found.scale <= found.precision:
        return Decimal(found.precision, found.scale)
    if is_text(found):
        return String
    if is_bytes(found):
        return Bytes
    item = feature_type(found.value_type) if _is_list(found) else None
    return None if item is None else List(item)


def converts(found: pa.DataType, dtype: FeatureType) -> bool:
    """Whether every value of the Arrow type `found` is a value of `dtype`, so that nothing is lost.

    Naive timestamps and nanoseconds count as convertible: the source's zone and the law of time say how.
    Lists convert to a vector where each has its length, which only the data can tell.
    """
    if pa.types.is_dictionary(found):
        return converts(found.value_type, dtype)
    if isinstance(dtype, ZonedTimestamp):
        same = pa.types.is_timestamp(found)
    elif isinstance(dtype, List | Vector):
        same = _is_list(found) and converts(found.value_type, dtype.item)
    elif isinstance(dtype, Decimal):
        same = _to_decimal(found, dtype)
    elif dtype == String:
        same = is_text(found)
    elif dtype == Bytes:
        same = is_bytes(found)
    else:
        same = found == _ARROW[str(dtype)] or _widens(found, str(dtype))
    return bool(same or pa.types.is_null(found))


def is_text(found: pa.DataType) -> bool:
    """Whether an Arrow type holds strings, in whatever layout."""
    return bool(
        pa.types.is_string(found) or pa.types.is_large_string(found) or pa.types.is_string_view(found)
    )


def is_bytes(found: pa.DataType) -> bool:
    """Whether an Arrow type holds bytes, in whatever layout."""
    return bool(
        pa.types.is_binary(found)
        or pa.types.is_large_binary(found)
        or pa.types.is_fixed_size_binary(found)
        or pa.types.is_binary_view(found)
    )


def _widens(found: pa.DataType, name: str) -> bool:
    wanted = _ARROW[name]
    if name in _FLOAT_BITS and pa.types.is_floating(found):
        return bool(found.bit_width <= wanted.bit_width)
    if not pa.types.is_integer(found):
        return False
    signed = pa.types.is_signed_integer(found)
    if name in _FLOAT_BITS:
        return bool(found.bit_width - signed <= _FLOAT_BITS[name])
    if not pa.types.is_integer(wanted):
        return False
    if signed == pa.types.is_signed_integer(wanted):
        return bool(found.bit_width <= wanted.bit_width)
    return bool(not signed and found.bit_width < wanted.bit_width)


def _to_decimal(found: pa.DataType, dtype: Decimal) -> bool:
    whole = dtype.precision - dtype.scale
    if pa.types.is_decimal(found):
        return bool(found.scale <= dtype.scale and found.precision - found.scale <= whole)
    return bool(pa.types.is_integer(found) and len(str(2**found.bit_width)) <= whole)


def _is_list(found: pa.DataType) -> bool:
    return bool(
        pa.types.is_list(found) or pa.types.is_large_list(found) or pa.types.is_fixed_size_list(found)
    )
