"""The total order of values of rule 3, and values as their feature declares them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from featurestore.definitions.types import FeatureType, List, Vector, ZonedTimestamp
from featurestore.testing.oracle.times import Nano, from_instant, source_instant


def order_key(value: object) -> tuple[Any, ...]:
    """A tuple that sorts as the value does: null lowest at every depth, one NaN and highest, −0.0 below 0.0,
    false before true, strings and bytes by their bytes, lists element by element.
    """
    if value is None:
        return (0,)
    if isinstance(value, float):
        return (1, *_float_key(value))
    if isinstance(value, str):
        return (1, value.encode())
    if isinstance(value, list | tuple):
        return (1, tuple(order_key(item) for item in value))
    if isinstance(value, bool | int | bytes | date | datetime | Decimal):
        return (1, value)
    raise TypeError(f"the law of time gives no order to {value!r}")


def _float_key(value: float) -> tuple[int, float, int]:
    if math.isnan(value):
        return (1, 0.0, 0)
    return (0, value, 0 if math.copysign(1.0, value) < 0 else 1)


def as_declared(value: object, dtype: FeatureType, zone: str) -> object:
    """The value of a source column as a value of the declared type (which loses nothing)."""
    if value is None:
        return None
    if isinstance(dtype, List | Vector):
        if not isinstance(value, Sequence):
            raise TypeError(f"{value!r} is no list")
        return [as_declared(item, dtype.item, zone) for item in value]
    if isinstance(dtype, ZonedTimestamp):
        if not isinstance(value, date | datetime | Nano):
            raise TypeError(f"{value!r} is no time")
        instant = source_instant(value, zone)
        return None if instant is None else from_instant(instant)
    if str(dtype).startswith("float") and isinstance(value, int):
        return float(value)
    if str(dtype).startswith("decimal") and isinstance(value, int):
        return Decimal(value)
    return value
