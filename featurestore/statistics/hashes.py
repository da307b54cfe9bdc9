"""Hashes of whole columns of any feature type, for counting what differs: the same in every run and on every computer.

What takes eight bytes is hashed by one step of SplitMix64, which gives different words different hashes; the rest as by
`featurestore.windows.hashes`, taken on to lists and maps.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from featurestore.windows.hashes import INCREMENT, Words, mix, value_hashes, value_words, word_hashes

_NULL = np.uint64(0x6E756C6C)


def column_hashes(values: pa.Array) -> Words:
    """The hash of each value of an array without nulls."""
    found = values.type
    if pa.types.is_floating(found):
        # The negative zero is the other one: adding zero makes it so.
        numbers = values.to_numpy(zero_copy_only=False).astype(np.float64) + 0.0
        numbers[np.isnan(numbers)] = np.nan
        return mix(numbers.view(np.uint64) + INCREMENT)
    if pa.types.is_fixed_size_list(found):
        return _vectors(values)
    if pa.types.is_primitive(found) and not pa.types.is_decimal(found):
        return mix(value_words(values) + INCREMENT)
    # Of what is empty it would be zero, which a sketch cannot hold.
    return _of_any_length(values) ^ INCREMENT


def _of_any_length(values: pa.Array) -> Words:
    found = values.type
    if pa.types.is_map(found):
        offsets = np.asarray(values.offsets)
        first, last = int(offsets[0]), int(offsets[-1])
        keys = _with_nulls(values.keys.slice(first, last - first))
        items = _with_nulls(values.items.slice(first, last - first))
        return word_hashes(mix(keys + INCREMENT) ^ items, np.diff(offsets) * 8)
    if pa.types.is_list(found) or pa.types.is_large_list(found):
        return word_hashes(_with_nulls(values.flatten()), np.diff(np.asarray(values.offsets)) * 8)
    return value_hashes(values)


def _with_nulls(values: pa.Array) -> Words:
    if not values.null_count:
        return column_hashes(values)
    hashes = np.full(len(values), _NULL)
    hashes[np.asarray(values.is_valid())] = column_hashes(values.drop_null())
    return hashes


def _vectors(values: pa.FixedSizeListArray) -> Words:
    """Of the bits of the floats: a sum of them times odd numbers, one for each place (Carter and Wegman, 1979)."""
    length = values.type.list_size
    numbers = values.flatten().to_numpy(zero_copy_only=False)
    numbers = numbers + numbers.dtype.type(0)
    numbers[np.isnan(numbers)] = np.nan
    bits: npt.NDArray[np.unsignedinteger] = numbers.view(f"u{numbers.dtype.itemsize}").reshape(-1, length)
    factors = mix(np.arange(1, length + 1, dtype=np.uint64) * INCREMENT) | np.uint64(1)
    return mix(bits.astype(np.uint64) @ factors)
