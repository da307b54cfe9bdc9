"""Hashes of 64 bits that are the same everywhere: of a value's canonical bytes, whole columns at a time.

Canonical bytes are little-endian: integers, bools, dates (days) and timestamps (microseconds) take eight bytes in
two's complement, floats those of the float64, with one NaN, decimals sixteen bytes without their scale; strings
are UTF-8. With zeros up to a multiple of eight they are words w1, w2 and so on, and the hash is
``mix(length + mix(w1 + G) + mix(w2 + 2·G) + …)`` modulo 2**64, where mix is the finalizer of SplitMix64
(Steele, Lea and Flood, 2014) and G its increment.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Words = npt.NDArray[np.uint64]

INCREMENT = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_NAN = np.uint64(0x7FF8000000000000)


def value_hashes(values: pa.Array) -> Words:
    """The hash of each value of an array without nulls."""
    found = values.type
    if not len(values):
        return np.zeros(0, np.uint64)
    if pa.types.is_decimal(found):
        # Sixteen bytes each, wherever the array begins in its buffer.
        octets = np.frombuffer(values.buffers()[1], np.uint64, 2 * len(values), offset=16 * values.offset)
        return word_hashes(octets, np.full(len(values), 16, np.int64))
    if pa.types.is_string(found) or pa.types.is_binary(found):
        return word_hashes(*_padded(values.cast(pa.large_binary())))
    # What `word_hashes` gives for one word each, without looking for where the values begin.
    return mix(np.uint64(8) + mix(value_words(values) + INCREMENT))


def value_words(values: pa.Array) -> Words:
    """The canonical bytes of values that take eight of them, each as one word."""
    found = values.type
    if pa.types.is_floating(found):
        numbers = values.to_numpy(zero_copy_only=False).astype(np.float64)
        return np.where(np.isnan(numbers), _NAN, numbers.view(np.uint64))
    if pa.types.is_boolean(found):
        values = values.cast(pa.int8())
    if pa.types.is_date32(found):
        values = values.cast(pa.int32())
    if pa.types.is_timestamp(found):
        values = values.cast(pa.int64())
    if pa.types.is_uint64(values.type):
        return np.asarray(values, np.uint64)
    return np.asarray(values).astype(np.int64).view(np.uint64)


def _padded(values: pa.Array) -> tuple[Words, npt.NDArray[np.int64]]:
    """The words of byte strings, one value after the other, and their lengths in bytes."""
    offsets = np.frombuffer(values.buffers()[1], np.int64)[values.offset : values.offset + len(values) + 1]
    lengths = np.diff(offsets)
    sizes = (lengths + 7) // 8 * 8
    begins = np.cumsum(sizes) - sizes
    octets = np.zeros(int(sizes.sum()), np.uint8)
    if len(octets):
        shift = np.repeat(begins - offsets[:-1], lengths)
        used = np.arange(offsets[0], offsets[-1])
        octets[used + shift] = np.frombuffer(values.buffers()[2], np.uint8)[offsets[0] : offsets[-1]]
    return octets.view(np.uint64), lengths


def word_hashes(words: Words, lengths: npt.NDArray[np.int64]) -> Words:
    """The hash of each value of some words, one value after the other, and their lengths in bytes."""
    counts = (lengths + 7) // 8
    ends = np.cumsum(counts)
    place = np.arange(len(words)) - np.repeat(ends - counts, counts) + 1
    mixed = mix(words + place.astype(np.uint64) * INCREMENT)
    # Differences of running totals are exact modulo 2**64.
    totals = np.concatenate([np.zeros(1, np.uint64), np.cumsum(mixed, dtype=np.uint64)])
    return mix(lengths.astype(np.uint64) + totals[ends] - totals[ends - counts])


def mix(words: Words) -> Words:
    """The finalizer of SplitMix64, of each word."""
    mixed = words >> np.uint64(30)
    for shift, factor in ((27, _FIRST), (31, _SECOND)):
        mixed ^= words
        mixed *= factor
        words, mixed = mixed, mixed >> np.uint64(shift)
    mixed ^= words
    return mixed
