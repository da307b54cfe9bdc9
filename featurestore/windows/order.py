"""The order of rule 3 as integers: null-free columns as int64 keys that sort as their values, and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from featurestore.windows.arrays import Int64s, Mask

_NAN = 2**63 - 1
_SIGN = np.uint64(1 << 63)


@dataclass(frozen=True, slots=True)
class Keys:
    """A column's values as keys.

    Attributes:
        keys: one for each value, in the order of the values; equal only for values that are the same.
        decode: keys to values; those that are masked become null.
    """

    keys: Int64s
    decode: Callable[[Int64s, Mask], pa.Array]


def order_keys(column: pa.Array) -> Keys:
    """The keys of a column without nulls; −0.0 is just below 0.0, and there is one NaN, above all."""
    found = column.type
    if pa.types.is_floating(found):
        return _float_keys(column)
    if pa.types.is_uint64(found):
        keys = (column.to_numpy(zero_copy_only=False) ^ _SIGN).view(np.int64)
        return Keys(keys, lambda k, mask: pa.array(k.view(np.uint64) ^ _SIGN, mask=mask))
    if pa.types.is_integer(found):
        return Keys(_plain(column), lambda k, mask: pa.array(k, mask=mask).cast(found))
    if pa.types.is_boolean(found):
        return Keys(_plain(column.cast(pa.int8())), lambda k, mask: pa.array(k != 0, mask=mask))
    if pa.types.is_date32(found):
        days = column.cast(pa.int32())
        return Keys(_plain(days), lambda k, mask: pa.array(k.astype(np.int32), mask=mask).cast(found))
    if pa.types.is_timestamp(found):
        return Keys(_plain(column.cast(pa.int64())), lambda k, mask: pa.array(k, mask=mask).cast(found))
    return _ranked_keys(column)


def _plain(column: pa.Array) -> Int64s:
    values: Int64s = column.to_numpy(zero_copy_only=False).astype(np.int64)
    return values


def _float_keys(column: pa.Array) -> Keys:
    values = column.to_numpy(zero_copy_only=False).astype(np.float64)
    keys = _ordered(values.view(np.int64))
    keys[np.isnan(values)] = _NAN

    def decode(found: Int64s, mask: Mask) -> pa.Array:
        floats = np.where(found == _NAN, np.nan, _ordered(found).view(np.float64))
        return pa.array(floats.astype(column.type.to_pandas_dtype()), mask=mask)

    return Keys(keys, decode)


def _ordered(bits: Int64s) -> Int64s:
    """The bits of floats as integers in the order of the floats, and back: the negative ones run backwards."""
    sign = bits >> 63
    sign &= _NAN
    sign ^= bits
    return sign


def _ranked_keys(column: pa.Array) -> Keys:
    """Values of any other type by their place among the distinct ones."""
    encoded = column.dictionary_encode()
    order = pc.sort_indices(encoded.dictionary)
    places = np.empty(len(order), np.int64)
    places[order.to_numpy()] = np.arange(len(order))
    distinct = encoded.dictionary.take(order)
    keys = places[encoded.indices.to_numpy(zero_copy_only=False)]
    return Keys(keys, lambda found, mask: distinct.take(pa.array(found, mask=mask)))
