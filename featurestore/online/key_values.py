"""Single join key values to bytes: strict about their types, fast for a handful."""

from __future__ import annotations

import operator
import struct
import sys
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from featurestore.definitions.instants import to_microseconds
from featurestore.definitions.types import (
    INTEGERS,
    SIGNED_INTEGERS,
    Bool,
    Bytes,
    Date,
    FeatureType,
    String,
)
from featurestore.errors import EntityDataError
from featurestore.online.stored_types import fixed_form

Packer = Callable[[Any], bytes]
_LENGTH = struct.Struct(">I")
_FIRST_DAY = date(1970, 1, 1).toordinal()


def value_packer(name: str, dtype: FeatureType) -> Packer:
    """A function from a value of the join key `name` to its bytes.

    It raises EntityDataError if the value is of another type or out of range.
    """
    if dtype in INTEGERS:
        return _integer_packer(name, dtype)
    if dtype == String:
        return _string_packer(name)
    if dtype == Bytes:
        return _bytes_packer(name)
    if dtype == Bool:
        return _bool_packer(name)
    return _date_packer(name) if dtype == Date else _timestamp_packer(name, dtype)


def _integer_packer(name: str, dtype: FeatureType) -> Packer:
    stored = fixed_form(dtype)
    width = stored.size
    shift = 1 << (8 * width - 1) if dtype in SIGNED_INTEGERS else 0
    pack = struct.Struct(f">{stored.code.upper()}").pack

    def packer(value: Any) -> bytes:
        if type(value) is not int:
            value = _as_integer(value, name, dtype)
        try:
            return pack(value + shift)
        except struct.error as error:
            lowest, highest = -shift, (1 << 8 * width) - 1 - shift
            raise EntityDataError(
                f"Join key {name!r}: expected {dtype} ({lowest} to {highest}), found {value}."
            ) from error

    return packer


def _as_integer(value: Any, name: str, dtype: FeatureType) -> int:
    if _is_bool(value) or not hasattr(value, "__index__"):
        raise _wrong_type(value, name, dtype)
    return operator.index(value)


def _is_bool(value: object) -> bool:
    numpy = sys.modules.get("numpy")  # where it is not loaded, no value is of it
    return isinstance(value, bool) or (numpy is not None and isinstance(value, numpy.bool_))


def _string_packer(name: str) -> Packer:
    def packer(value: Any) -> bytes:
        if not isinstance(value, str):
            raise _wrong_type(value, name, String)
        try:
            text = value.encode()
        except UnicodeEncodeError as error:
            raise EntityDataError(
                f"Join key {name!r}: found a text that is not valid Unicode: {error}."
            ) from error
        return _LENGTH.pack(len(text)) + text

    return packer


def _bytes_packer(name: str) -> Packer:
    def packer(value: Any) -> bytes:
        if not isinstance(value, bytes | bytearray | memoryview):
            raise _wrong_type(value, name, Bytes)
        octets = bytes(value)
        return _LENGTH.pack(len(octets)) + octets

    return packer


def _bool_packer(name: str) -> Packer:
    def packer(value: Any) -> bytes:
        if not _is_bool(value):
            raise _wrong_type(value, name, Bool)
        return b"\1" if value else b"\0"

    return packer


def _date_packer(name: str) -> Packer:
    pack = struct.Struct(">I").pack

    def packer(value: Any) -> bytes:
        if not isinstance(value, date) or isinstance(value, datetime):
            raise _wrong_type(value, name, Date)
        return pack(value.toordinal() - _FIRST_DAY + (1 << 31))

    return packer


def _timestamp_packer(name: str, dtype: FeatureType) -> Packer:
    pack = struct.Struct(">Q").pack

    def packer(value: Any) -> bytes:
        if not isinstance(value, datetime):
            raise _wrong_type(value, name, dtype)
        if getattr(value, "nanosecond", 0):
            raise EntityDataError(f"Join key {name!r}: expected whole microseconds, found nanoseconds.")
        return pack(to_microseconds(value, what=name) + (1 << 63))

    return packer


def _wrong_type(value: object, name: str, dtype: FeatureType) -> EntityDataError:
    return EntityDataError(
        f"Join key {name!r}: expected {dtype}, found {value!r} ({type(value).__name__}).",
        hint=f"Convert it to {dtype} first; a missing key is None.",
    )
