"""Approximate functions as they are defined: by a summary of the inputs, here made of all of them at once."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from featurestore.definitions.types import Decimal as DecimalType
from featurestore.definitions.types import FeatureType
from featurestore.testing.oracle.order import order_key

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WORD = 2**64
_INCREMENT = 0x9E3779B97F4A7C15
_MOST = 4096
_STEPS = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1))


def approx_count_distinct(values: Sequence[Any], dtype: FeatureType | None) -> int:
    """Of the different hashes those below ``2**(64 - level)``, at the lowest level with at most 4096 of them."""
    hashes = {value_hash(canonical_bytes(value, dtype)) for value in values}
    level = 0
    while len(hashes) > _MOST:
        level += 1
        hashes = {each for each in hashes if each < 2 ** (64 - level)}
    return len(hashes) << level


def value_hash(octets: bytes) -> int:
    """``mix(length + mix(w1 + G) + mix(w2 + 2·G) + …)`` over the little-endian words, filled up with zeros."""
    padded = octets.ljust(-(-len(octets) // 8) * 8, b"\0")
    words = [int.from_bytes(padded[i : i + 8], "little") for i in range(0, len(padded), 8)]
    mixed = [_mix(word + place * _INCREMENT) for place, word in enumerate(words, 1)]
    return _mix(len(octets) + sum(mixed))


def _mix(word: int) -> int:
    """The finalizer of SplitMix64."""
    word %= _WORD
    for shift, factor in _STEPS:
        word = (word ^ (word >> shift)) * factor % _WORD
    return word


def canonical_bytes(value: Any, dtype: FeatureType | None) -> bytes:
    """A value as bytes, little-endian; strings as UTF-8; NaN is one value."""
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bytes):
        return value
    if isinstance(value, float):
        return struct.pack("<Q", 0x7FF8000000000000) if math.isnan(value) else struct.pack("<d", value)
    if isinstance(value, Decimal) and isinstance(dtype, DecimalType):
        unscaled = int(Fraction(value) * 10**dtype.scale)
        return (unscaled % _WORD**2).to_bytes(16, "little")
    if isinstance(value, datetime):
        value = (value - _EPOCH) // timedelta(microseconds=1)
    elif isinstance(value, date):
        value = value.toordinal() - _EPOCH.toordinal()
    return (int(value) % _WORD).to_bytes(8, "little")


def approx_percentile(values: Sequence[Any], fraction: float) -> float | None:
    """The number at the place ``(n − 1) · fraction``, rounded down, of the numbers cut to nine bits."""
    ordered = sorted((_cut(float(value)) for value in values), key=order_key)
    return ordered[math.floor((len(ordered) - 1) * fraction)] if ordered else None


def _cut(number: float) -> float:
    if not math.isfinite(number):
        return number
    fraction, exponent = math.frexp(number)
    return math.copysign(math.ldexp(math.trunc(fraction * 512) / 512, exponent), number)
