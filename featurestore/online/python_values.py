"""Stored values as Python values."""

from __future__ import annotations

import decimal
import struct
from collections.abc import Callable
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from featurestore.definitions.instants import EPOCH
from featurestore.definitions.types import Date, Decimal, FeatureType, String, Vector, ZonedTimestamp
from featurestore.online.stored_types import fixed_form

if TYPE_CHECKING:
    from featurestore.online.fixed_width import Values

_FIRST_DAY = date(1970, 1, 1).toordinal()


def plain_values(values: Values) -> list[Any]:
    """Values of fixed width as a list of numbers and bools, or of bytes (decimals and vectors)."""
    return values.tolist() if values.ndim == 1 else [value.tobytes() for value in values]


def converter(dtype: FeatureType) -> Callable[[Any], Any] | None:
    """The function from a plain value to the type's Python value; None: they are the same."""
    if dtype == String:
        return bytes.decode
    if dtype == Date:
        return lambda days: date.fromordinal(_FIRST_DAY + days)
    if isinstance(dtype, Decimal):
        # From text: arithmetic would round to the context's precision of 28 digits.
        return lambda octets: decimal.Decimal(
            f"{int.from_bytes(octets, 'little', signed=True)}E-{dtype.scale}"
        )
    if isinstance(dtype, Vector):
        unpack = struct.Struct(f"<{dtype.length}{fixed_form(dtype.item).code}").unpack
        return lambda octets: list(unpack(octets))
    return _time_converter(dtype) if isinstance(dtype, ZonedTimestamp) else None


def _time_converter(dtype: ZonedTimestamp) -> Callable[[int], Any]:
    if dtype.timezone == "UTC":
        return lambda instant: EPOCH + timedelta(microseconds=instant)
    import pyarrow as pa

    zone = pa.lib.string_to_tzinfo(dtype.timezone)
    return lambda instant: (EPOCH + timedelta(microseconds=instant)).astimezone(zone)
