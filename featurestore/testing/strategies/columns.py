"""Columns of values: a declared type, an Arrow type that converts to it, and a pool of awkward values."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal as Number

import pyarrow as pa
from hypothesis import strategies as st

from featurestore.definitions.types import (
    INTEGERS,
    Bool,
    Bytes,
    Date,
    Decimal,
    FeatureType,
    Float16,
    Float32,
    Float64,
    Int32,
    Int64,
    List,
    String,
    Timestamp,
    UInt64,
    Vector,
    ZonedTimestamp,
)
from featurestore.frames.types import arrow_type, converts

NANS = (math.nan, -math.nan, struct.unpack("<d", b"\x01\x00\x00\x00\x00\x00\xf8\x7f")[0])
_FLOATS = (*NANS, -0.0, 0.0, 1.5, -1.5, math.inf, -math.inf)
_STRINGS = ("", "a", "B", "aa", "a\x00", "é", "e\u0301", "\uffff", "😀", "5", " ", 'q"u,o\nte', "NULL", "NaN")
_BYTES = (b"", b"\x00", b"a", b"\x7f", b"\xff", b"a\x00b")
_DATES = (date(1970, 1, 1), date(1969, 12, 31), date(2024, 2, 29), date(1, 1, 1), date(9999, 12, 31))
_INSTANTS = (
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(2024, 11, 3, 5, 30, tzinfo=UTC),
    datetime(2024, 11, 3, 6, 30, tzinfo=UTC),
)
_DECIMALS = (Number(0), Number("-0.01"), Number("0.01"), Number("9999999.99"), Number("-9999999.99"))


@dataclass(frozen=True)
class Column:
    """A column of a source.

    Attributes:
        dtype: what a definition declares.
        physical: what the source holds.
        pool: the values that rows may have, None among them where nulls are allowed.
    """

    dtype: FeatureType
    physical: pa.DataType
    pool: tuple[object, ...]

    def array(self, values: Sequence[object]) -> pa.Array:
        """The values as the source holds them."""
        if pa.types.is_dictionary(self.physical):
            return pa.array(values, self.physical.value_type).dictionary_encode()
        return pa.array(values, self.physical)


_KEY_TYPES = (Int64, Int64, Int32, UInt64, String, String, Bytes, Bool, Date, Timestamp)
_SCALARS = (
    *INTEGERS, Int64, Float16, Float32, Float64, Float64, Bool, String, Bytes, Date, Timestamp,
    ZonedTimestamp("America/New_York"), Decimal(9, 2), Decimal(38, 10), Decimal(25),
)  # fmt: skip
_NESTED = (
    List(Int64), List(Float64), List(String), List(Bool), List(Date), List(Decimal(9, 2)), List(Bytes),
    List(Timestamp), List(List(Int64)), List(List(Float32)), Vector(2), Vector(2, Float64), Vector(1, Float16),
)  # fmt: skip
_PHYSICAL: tuple[pa.DataType, ...] = (
    *(arrow_type(t) for t in (*INTEGERS, Float16, Float32)),
    pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string()),
    pa.large_binary(), pa.binary_view(), pa.binary(1), pa.timestamp("us"), pa.timestamp("s", "UTC"),
    pa.timestamp("us", "Asia/Kolkata"), pa.decimal128(5, 1), pa.null(),
    pa.large_list(pa.int64()), pa.list_(pa.int32()), pa.large_list(pa.string()), pa.list_(pa.float32()),
    pa.list_(pa.float64()), pa.list_(pa.float32(), 2),
)  # fmt: skip


@st.composite
def key_columns(draw: st.DrawFn) -> Column:
    """A join key: few distinct values, so that entities meet, and sometimes null."""
    dtype = draw(st.sampled_from(_KEY_TYPES))
    physical = draw(_physical(dtype).filter(lambda found: not pa.types.is_null(found)))
    values = draw(st.lists(st.sampled_from(_values(dtype, physical)), min_size=1, max_size=3))
    return Column(dtype, physical, (*values, *draw(st.sampled_from([(), (None,)]))))


@st.composite
def feature_columns(draw: st.DrawFn) -> Column:
    """A feature of any type; two or three distinct values, so that rows tie in part and in full."""
    dtype = draw(st.one_of(st.sampled_from(_SCALARS), st.sampled_from(_NESTED)))
    physical = draw(_physical(dtype))
    if pa.types.is_null(physical):
        return Column(dtype, physical, (None,))
    one = st.sampled_from(_values(dtype, physical)) if not _is_nested(dtype) else _lists(dtype, physical)
    pool = draw(st.lists(one, min_size=1, max_size=4))
    return Column(dtype, physical, (*pool, *draw(st.sampled_from([(), (None,)]))))


def _is_nested(dtype: FeatureType) -> bool:
    return isinstance(dtype, List | Vector)


def _physical(dtype: FeatureType) -> st.SearchStrategy[pa.DataType]:
    own = arrow_type(dtype)
    others = [found for found in _PHYSICAL if found != own and converts(found, dtype)]
    return st.one_of(st.just(own), st.sampled_from([own, *others]))


def _lists(dtype: FeatureType, physical: pa.DataType) -> st.SearchStrategy[object]:
    if isinstance(dtype, Vector):
        items = st.sampled_from([v for v in _values(dtype.item, physical.value_type) if v is not None])
        return st.lists(items, min_size=dtype.length, max_size=dtype.length)
    assert isinstance(dtype, List)
    item: st.SearchStrategy[object] = (
        _lists(dtype.item, physical.value_type)
        if _is_nested(dtype.item)
        else st.sampled_from(_values(dtype.item, physical.value_type))
    )
    size = physical.list_size if pa.types.is_fixed_size_list(physical) else None
    return st.lists(st.one_of(st.none(), item), min_size=size or 0, max_size=size or 3)


def _values(dtype: FeatureType, physical: pa.DataType) -> list[object]:
    if pa.types.is_integer(physical):
        return _integers(physical)
    if pa.types.is_floating(physical):
        return [*_FLOATS, *([2.0**53, 0.1, 5e-324] if physical == pa.float64() else [])]
    if pa.types.is_timestamp(physical):
        return _timestamps(physical)
    if pa.types.is_fixed_size_binary(physical):
        return [value for value in _BYTES if len(value) == physical.byte_width]
    if pa.types.is_decimal(physical):
        return [value for value in _DECIMALS if _holds(physical, value)]
    pools: dict[FeatureType, Sequence[object]] = {
        Bool: (False, True), String: _STRINGS, Bytes: _BYTES, Date: _DATES,
    }  # fmt: skip
    return list(pools[dtype])


def _integers(physical: pa.DataType) -> list[object]:
    signed = pa.types.is_signed_integer(physical)
    low = -(2 ** (physical.bit_width - 1)) if signed else 0
    high = 2 ** (physical.bit_width - signed) - 1
    return [v for v in (low, -1, 0, 1, 5, 11, 2**53, 2**53 + 1, high - 1, high) if low <= v <= high]


def _timestamps(physical: pa.DataType) -> list[object]:
    values = [v.replace(microsecond=0) if physical.unit == "s" else v for v in _INSTANTS]
    if physical.tz is not None:
        return list(values)
    walls = [datetime(2024, 3, 10, 2, 30), datetime(2024, 11, 3, 1, 30)]
    return [*(v.replace(tzinfo=None) for v in values), *walls]


def _holds(physical: pa.DataType, value: Number) -> bool:
    try:
        pa.scalar(value, physical)
    except pa.ArrowInvalid:
        return False
    return True
