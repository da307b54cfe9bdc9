"""Feature types as Arrow types, and which Arrow columns convert to them without loss."""

from __future__ import annotations

import pyarrow as pa

from featurestore.definitions.types import (
    Bytes,
    Date,
    Decimal,
    FeatureType,
    List,
    String,
    Vector,
    ZonedTimestamp,
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
    return _ARROW[str(dtype)]


def converts(found: pa.DataType, dtype: FeatureType) -> bool:
    """Whether every value of the Arrow type `found` is a value of `dtype`, so that nothing is lost.

    Naive timestamps and nanoseconds count as convertible: the source's zone and the law of time say how.
    Lists convert to a vector where each has its length, which only the data can tell.
    """
    if pa.types.is_null(found):
        return True
    if pa.types.is_dictionary(found):
        return converts(found.value_type, dtype)
    if isinstance(dtype, ZonedTimestamp):
        return pa.types.is_timestamp(found)
    if isinstance(dtype, List):
        return _is_list(found) and converts(found.value_type, dtype.item)
    if isinstance(dtype, Vector):
        return _is_list(found) and converts(found.value_type, dtype.item)
    if isinstance(dtype, Decimal):
        return _to_decimal(found, dtype)
    if dtype == String:
        return pa.types.is_string(found) or pa.types.is_large_string(found) or pa.types.is_string_view(found)
    if dtype == Bytes:
        return _is_binary(found)
    if dtype == Date:
        return pa.types.is_date32(found)
    return found == _ARROW[str(dtype)] or _widens(found, str(dtype))


def _widens(found: pa.DataType, name: str) -> bool:
    bits = found.bit_width if pa.types.is_integer(found) or pa.types.is_floating(found) else 0
    if name in _FLOAT_BITS:
        if pa.types.is_floating(found):
            return bits <= _ARROW[name].bit_width
        magnitude = bits - 1 if pa.types.is_signed_integer(found) else bits
        return bool(bits) and magnitude <= _FLOAT_BITS[name]
    if not pa.types.is_integer(found) or not pa.types.is_integer(_ARROW[name]):
        return False
    wanted = _ARROW[name].bit_width
    if pa.types.is_signed_integer(found) == pa.types.is_signed_integer(_ARROW[name]):
        return bits <= wanted
    return pa.types.is_unsigned_integer(found) and bits < wanted


def _to_decimal(found: pa.DataType, dtype: Decimal) -> bool:
    whole = dtype.precision - dtype.scale
    if pa.types.is_decimal(found):
        return found.scale <= dtype.scale and found.precision - found.scale <= whole
    if pa.types.is_integer(found):
        return len(str(2**found.bit_width)) <= whole
    return False


def _is_list(found: pa.DataType) -> bool:
    return pa.types.is_list(found) or pa.types.is_large_list(found) or pa.types.is_fixed_size_list(found)


def _is_binary(found: pa.DataType) -> bool:
    return (
        pa.types.is_binary(found)
        or pa.types.is_large_binary(found)
        or pa.types.is_fixed_size_binary(found)
        or pa.types.is_binary_view(found)
    )
