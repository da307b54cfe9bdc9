"""Feature types: small, hashable descriptions that need no Arrow to exist.

Every type has a text form (``int64``, ``decimal(10, 2)``, ``list<string>``, ``vector<float32, 128>``)
that is what the registry stores; `parse_type` reads it back.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from featurestore.errors import DefinitionError


@dataclass(frozen=True, slots=True)
class FeatureType:
    """Base of all types."""

    def __repr__(self) -> str:
        return str(self)


@dataclass(frozen=True, slots=True, repr=False)
class ScalarType(FeatureType):
    """A type without parameters, e.g. ``Int64`` or ``String``."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True, repr=False)
class ZonedTimestamp(FeatureType):
    """An instant with microsecond precision that is shown in `timezone` (``Timestamp`` is the one in UTC)."""

    timezone: str

    def __str__(self) -> str:
        return "timestamp" if self.timezone == "UTC" else f"timestamp<{self.timezone}>"


@dataclass(frozen=True, slots=True, repr=False)
class Decimal(FeatureType):
    """An exact decimal number with `precision` digits in all (1 to 38), `scale` of them after the point."""

    precision: int
    scale: int = 0

    def __post_init__(self) -> None:
        if not all(isinstance(number, int) for number in (self.precision, self.scale)):
            raise DefinitionError(
                f"Decimal takes two whole numbers, found {self.precision!r} and {self.scale!r}.",
                hint="E.g. Decimal(10, 2).",
            )
        if not 1 <= self.precision <= 38 or not 0 <= self.scale <= self.precision:
            raise DefinitionError(
                f"Decimal({self.precision}, {self.scale}) does not exist.",
                hint="precision is 1 to 38, scale is 0 to precision.",
            )

    def __str__(self) -> str:
        return f"decimal({self.precision}, {self.scale})"


@dataclass(frozen=True, slots=True, repr=False)
class List(FeatureType):
    """A list of any length with items of one type; the list and its items may be null."""

    item: FeatureType

    def __post_init__(self) -> None:
        _check_type(self.item)

    def __str__(self) -> str:
        return f"list<{self.item}>"


@dataclass(frozen=True, slots=True, repr=False)
class Vector(FeatureType):
    """A vector of exactly `length` floats (``Float32`` unless `item` says otherwise), none of them null."""

    length: int
    item: FeatureType = ScalarType("float32")

    def __post_init__(self) -> None:
        length: object = self.length
        if not isinstance(length, int) or length < 1 or self.item not in (Float16, Float32, Float64):
            raise DefinitionError(
                f"Vector({self.length}, {self.item}) does not exist.",
                hint="length is 1 or more, item is Float16, Float32 or Float64.",
            )

    def __str__(self) -> str:
        return f"vector<{self.item}, {self.length}>"


@dataclass(frozen=True, slots=True, repr=False)
class Map(FeatureType):
    """A map from keys of one type to values of one type, in the order of the keys; values may be null.

    Aggregations by a second key give maps. A column of a source cannot be one.
    """

    key: FeatureType
    value: FeatureType

    def __post_init__(self) -> None:
        if self.key not in KEY_TYPES:
            raise DefinitionError(
                f"Map({self.key}, {self.value}) does not exist.",
                hint=f"key is one of {', '.join(map(str, KEY_TYPES))}.",
            )
        _check_type(self.value)

    def __str__(self) -> str:
        return f"map<{self.key}, {self.value}>"


Int8 = ScalarType("int8")
Int16 = ScalarType("int16")
Int32 = ScalarType("int32")
Int64 = ScalarType("int64")
UInt8 = ScalarType("uint8")
UInt16 = ScalarType("uint16")
UInt32 = ScalarType("uint32")
UInt64 = ScalarType("uint64")
Float16 = ScalarType("float16")
Float32 = ScalarType("float32")
Float64 = ScalarType("float64")
Bool = ScalarType("bool")
String = ScalarType("string")
Bytes = ScalarType("bytes")
Date = ScalarType("date")
Timestamp = ZonedTimestamp("UTC")

SIGNED_INTEGERS = (Int8, Int16, Int32, Int64)
UNSIGNED_INTEGERS = (UInt8, UInt16, UInt32, UInt64)
INTEGERS = SIGNED_INTEGERS + UNSIGNED_INTEGERS
FLOATS = (Float16, Float32, Float64)
KEY_TYPES = (*INTEGERS, String, Bytes, Bool, Date, Timestamp)

_SCALARS = {t.name: t for t in (*INTEGERS, *FLOATS, Bool, String, Bytes, Date)}
_PATTERNS = (
    (re.compile(r"timestamp<(.+)>"), ZonedTimestamp),
    (re.compile(r"decimal\((\d+), (\d+)\)"), lambda p, s: Decimal(int(p), int(s))),
    (re.compile(r"list<(.+)>"), lambda item: List(parse_type(item))),
    (re.compile(r"map<(\w+), (.+)>"), lambda key, value: Map(parse_type(key), parse_type(value))),
    (re.compile(r"vector<(\w+), (\d+)>"), lambda item, n: Vector(int(n), parse_type(item))),
)


def _check_type(value: object) -> None:
    if not isinstance(value, FeatureType):
        raise DefinitionError(
            f"{value!r} is not a feature type.",
            hint="Expected one such as fs.Float64, fs.Int64 or fs.String.",
        )


def holds_map(dtype: FeatureType) -> bool:
    """Whether a type is a map or a list of maps."""
    return isinstance(dtype, Map) or (isinstance(dtype, List) and holds_map(dtype.item))


def parse_type(text: str) -> FeatureType:
    """Read a type back from its text form.

    Raises:
        DefinitionError: if `text` names no type.
    """
    if text in _SCALARS:
        return _SCALARS[text]
    if text == "timestamp":
        return Timestamp
    for pattern, build in _PATTERNS:
        if match := pattern.fullmatch(text):
            return build(*match.groups())
    raise DefinitionError(
        f"{text!r} is not a feature type.",
        hint=f"The types are {', '.join(_SCALARS)}, timestamp, timestamp<zone>, decimal(p, s), "
        "list<type>, map<key, type> and vector<float, length>.",
    )
