"""How values of fixed width are stored, told without numpy or Arrow: a serving process begins without them.

Stored are little-endian numbers; a date as days, a timestamp as microseconds, a bool as one byte, a
decimal as 16 bytes in two's complement without its scale, a vector as its items. Nulls are zeros.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from featurestore.definitions.types import Decimal, FeatureType, ScalarType, Vector, ZonedTimestamp

_CODES = {
    "int8": "b",
    "int16": "h",
    "int32": "i",
    "int64": "q",
    "uint8": "B",
    "uint16": "H",
    "uint32": "I",
    "uint64": "Q",
    "float16": "e",
    "float32": "f",
    "float64": "d",
    "bool": "?",
    "date": "i",
}


class Stored(NamedTuple):
    """The form of a stored value.

    Attributes:
        code: of a number, as `struct` and numpy have it.
        length: how many numbers make the value; None: it is one.
    """

    code: str
    length: int | None = None

    @property
    def size(self) -> int:
        """Bytes of a value."""
        return struct.calcsize(f"<{self.code}") * (1 if self.length is None else self.length)

    @property
    def in_struct(self) -> str:
        """The format of `struct` for a value; several numbers come as bytes."""
        return self.code if self.length is None else f"{self.size}s"


def stored_form(dtype: FeatureType) -> Stored | None:
    """The form of a type's values, or None if their width is not fixed."""
    if isinstance(dtype, ZonedTimestamp):
        return Stored("q")
    if isinstance(dtype, Decimal):
        return Stored("B", 16)
    if isinstance(dtype, Vector):
        return Stored(_CODES[str(dtype.item)], dtype.length)
    if isinstance(dtype, ScalarType) and dtype.name in _CODES:
        return Stored(_CODES[dtype.name])
    return None


def fixed_form(dtype: FeatureType) -> Stored:
    """The form of a type's values, whose width is fixed.

    Raises:
        TypeError: if it is not.
    """
    stored = stored_form(dtype)
    if stored is None:
        raise TypeError(f"{dtype} has no fixed width")
    return stored
