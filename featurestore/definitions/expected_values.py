"""Values that expectations compare features with: exact, to JSON and back, and fitting a feature's type."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from featurestore.definitions.types import (
    FLOATS,
    INTEGERS,
    Bool,
    Bytes,
    Date,
    FeatureType,
    String,
    ZonedTimestamp,
)
from featurestore.definitions.types import Decimal as DecimalType

ExpectedValue = bool | int | float | Decimal | str | bytes | date | datetime


def to_value(value: object) -> ExpectedValue:
    """A value as users write it, or as `value_to_json` has it. Naive times are UTC.

    Raises:
        ValueError: if it is none, or no finite number.
    """
    if isinstance(value, Mapping):
        return _from_json(value)
    if isinstance(value, bool | str | bytes):
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, float | Decimal):
        if not math.isfinite(value):
            raise ValueError(f"{value} can be no bound and no allowed value")
        return float(value) if isinstance(value, float) else value
    if isinstance(value, datetime):
        return (value if value.tzinfo is not None else value.replace(tzinfo=UTC)).astimezone(UTC)
    if isinstance(value, date):
        return value
    raise ValueError(
        f"expected a number, a decimal, a text, bytes, a bool, a date or a datetime, found {value!r}"
    )


def value_to_json(value: ExpectedValue) -> object:
    """The JSON form: what JSON has no word for under the name of its type."""
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if isinstance(value, Decimal):
        return {"decimal": str(value)}
    if isinstance(value, datetime):
        return {"timestamp": value.isoformat()}
    if isinstance(value, date):
        return {"date": value.isoformat()}
    return value


def _from_json(document: Mapping[str, Any]) -> ExpectedValue:
    if len(document) == 1:
        ((kind, text),) = document.items()
        if kind in _READ:
            value: ExpectedValue = _READ[kind](text)
            return value
    raise ValueError(f"expected a value, found {dict(document)!r}")


_READ: dict[str, Any] = {
    "bytes": bytes.fromhex,
    "decimal": Decimal,
    "timestamp": datetime.fromisoformat,
    "date": date.fromisoformat,
}


def has_order(dtype: FeatureType) -> bool:
    """Whether a range of values of a type can be expected."""
    return dtype in INTEGERS + FLOATS or dtype == Date or isinstance(dtype, DecimalType | ZonedTimestamp)


def has_values(dtype: FeatureType) -> bool:
    """Whether a set of values of a type can be expected."""
    return has_order(dtype) or dtype in (String, Bytes, Bool)


def fits(value: ExpectedValue, dtype: FeatureType) -> bool:
    """Whether a value can be compared with values of a type."""
    if isinstance(value, bool):
        return dtype == Bool
    if isinstance(value, int | float | Decimal):
        return dtype in INTEGERS + FLOATS or isinstance(dtype, DecimalType)
    if isinstance(value, datetime):
        return isinstance(dtype, ZonedTimestamp)
    if isinstance(value, date):
        return dtype == Date
    return dtype == (String if isinstance(value, str) else Bytes)
