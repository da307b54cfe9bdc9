"""Values of features as JSON, and back by the feature's type: exact both ways."""

from __future__ import annotations

import base64
import math
from datetime import date, datetime
from decimal import Decimal
from typing import Any


def to_json_value(value: Any) -> bool | int | float | str | None:
    """A value as JSON: decimals, days, instants, bytes (base64) and floats that are not finite as text."""
    if isinstance(value, float):
        return to_json_number(value)
    if isinstance(value, bytes):
        return to_base64(value)
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    found: bool | int | str | None = value
    return found


def from_json_value(value: Any, kind: str) -> Any:
    """Read a value back, given the text form of its type."""
    if value is None or isinstance(value, bool):
        return value
    if kind.startswith("float"):
        return float(value)
    if not isinstance(value, str) or kind == "string":
        return value
    if kind == "bytes":
        return from_base64(value)
    if kind == "date":
        return date.fromisoformat(value)
    if kind.startswith("timestamp"):
        return datetime.fromisoformat(value)
    return Decimal(value) if kind.startswith("decimal") else value


def to_json_number(value: float | None) -> float | str | None:
    """A number as JSON, which knows neither infinity nor NaN."""
    return value if value is None or math.isfinite(value) else str(value)


def from_json_number(value: float | str | None) -> float | None:
    """Read a number back."""
    return None if value is None else float(value)


def to_base64(value: bytes) -> str:
    """Bytes as text."""
    return base64.b64encode(value).decode("ascii")


def from_base64(value: str) -> bytes:
    """Text as bytes."""
    return base64.b64decode(value, validate=True)
