"""Values of variable width: strings, bytes and lists, as byte strings, a whole column at a time.

A string is its UTF-8 bytes. A list is its length (u32), a bitmap of null items (bit set: null; as many bytes
as needed), and its items: of fixed width side by side, else the end of each (u32, counted from the end of
these numbers) and then their bytes. A map is how many bytes its keys take (u32), the list of its keys and that of
its values. All numbers are little-endian; a null is empty.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from featurestore.definitions.types import FeatureType, List, Map
from featurestore.errors import RowFormatError
from featurestore.frames.types import arrow_type
from featurestore.online.fixed_width import Mask, from_stored, stored_dtype, to_stored
from featurestore.online.ragged import (
    Octets,
    Positions,
    binary_array,
    fixed_width_array,
    gather,
    join,
    null_mask,
    offsets_of,
    slices_of,
    validity,
)

_U32 = np.dtype("<u4")


@dataclass(frozen=True)
class Slices:
    """One byte string per value, anywhere in a buffer."""

    buffer: Octets
    starts: Positions
    lengths: Positions

    def numbers(self, dtype: np.dtype[np.generic], at: Positions) -> npt.NDArray[np.int64]:
        """One number per position in the buffer."""
        width = np.full(len(at), dtype.itemsize, np.int64)
        numbers: npt.NDArray[np.int64] = gather(self.buffer, at, width).view(dtype).astype(np.int64)
        return numbers


def to_bytes(array: pa.Array, dtype: FeatureType, *, name: str) -> pa.LargeBinaryArray:
    """The byte string of each value of an array of ``arrow_type(dtype)``; no nulls, they are empty.

    Raises:
        SourceError: if a vector inside a list has a null item; `name` is the feature.
    """
    if isinstance(dtype, Map):
        return _map_bytes(array, dtype, name)
    if not isinstance(dtype, List):
        return array.cast(pa.large_binary()).fill_null(b"")
    counts = np.asarray(array.value_lengths().fill_null(0)).astype(np.int64)
    items, offsets = array.flatten(), offsets_of(counts)
    lengths = _numbers(counts, null_mask(array))
    bitmap = _bitmap(items, offsets, counts)
    stored = stored_dtype(dtype.item)
    if stored is not None:
        data = to_stored(items, dtype.item, name=name)
        octets = np.ascontiguousarray(data).reshape(-1).view(np.uint8)
        return join([lengths, bitmap, binary_array(offsets * stored.itemsize, octets)])
    item_offsets, item_bytes = slices_of(to_bytes(items, dtype.item, name=name))
    firsts = item_offsets[offsets]
    ends = (item_offsets[1:] - np.repeat(firsts[:-1], counts)).astype(_U32)
    return join(
        [lengths, bitmap, binary_array(offsets * 4, ends.view(np.uint8)), binary_array(firsts, item_bytes)]
    )


def _map_bytes(array: pa.Array, dtype: Map, name: str) -> pa.LargeBinaryArray:
    offsets, nulls = pa.array(np.asarray(array.offsets)), null_mask(array)
    mask = None if nulls is None else pa.array(nulls)
    lists = [pa.ListArray.from_arrays(offsets, items, mask=mask) for items in (array.keys, array.items)]
    keys = to_bytes(lists[0], List(dtype.key), name=name)
    return join(
        [_numbers(np.diff(slices_of(keys)[0]), nulls), keys, to_bytes(lists[1], List(dtype.value), name=name)]
    )


def _numbers(counts: Positions, nulls: Mask | None) -> pa.LargeBinaryArray:
    """A number for each value; none for a null, which is empty, unlike an empty list."""
    if nulls is None:
        return fixed_width_array(counts.astype(_U32), 4)
    return binary_array(offsets_of(np.where(nulls, 0, 4)), gather(*_kept(counts, ~nulls)))


def _kept(counts: Positions, kept: Mask) -> tuple[Octets, Positions, Positions]:
    starts = np.flatnonzero(kept).astype(np.int64) * 4
    return counts.astype(_U32).view(np.uint8), starts, np.full(len(starts), 4, np.int64)


def _bitmap(items: pa.Array, offsets: Positions, counts: Positions) -> pa.LargeBinaryArray:
    places = offsets_of((counts + 7) >> 3)
    bits = np.zeros(int(places[-1]), np.uint8)
    nulls = null_mask(items)
    if nulls is not None:
        item = np.flatnonzero(nulls)
        row = np.searchsorted(offsets, item, side="right") - 1
        position = item - offsets[row]
        np.bitwise_or.at(bits, places[row] + (position >> 3), (1 << (position & 7)).astype(np.uint8))
    return binary_array(places, bits)


def from_bytes(values: Slices, nulls: Mask | None, dtype: FeatureType) -> pa.Array:
    """An array of ``arrow_type(dtype)`` from byte strings; those of nulls are empty.

    Raises:
        RowFormatError: if the bytes of a list do not add up.
    """
    if isinstance(dtype, Map):
        return _map_of_bytes(values, nulls, dtype)
    if not isinstance(dtype, List):
        data = gather(values.buffer, values.starts, values.lengths)
        ends = offsets_of(values.lengths).astype(np.int32)
        buffers = [validity(nulls), pa.py_buffer(ends), pa.py_buffer(data)]
        return pa.Array.from_buffers(arrow_type(dtype), len(ends) - 1, buffers)
    counts = _counts(values, nulls)
    offsets = offsets_of(counts)
    item_nulls = _item_nulls(values, counts, offsets)
    items = _items(values, counts, item_nulls, dtype.item)
    buffers = [validity(nulls), pa.py_buffer(offsets.astype(np.int32))]
    return pa.Array.from_buffers(arrow_type(dtype), len(counts), buffers, children=[items])


def _map_of_bytes(values: Slices, nulls: Mask | None, dtype: Map) -> pa.Array:
    there = np.ones(len(values.starts), np.bool_) if nulls is None else ~nulls
    _check(values.lengths[there] >= 4)
    sizes = np.zeros(len(values.starts), np.int64)
    sizes[there] = values.numbers(_U32, values.starts[there])
    rest = np.where(there, values.lengths - 4 - sizes, 0)
    _check(rest >= 0)
    starts = values.starts + 4
    keys = from_bytes(Slices(values.buffer, starts, sizes), nulls, List(dtype.key))
    items = from_bytes(Slices(values.buffer, starts + sizes, rest), nulls, List(dtype.value))
    _check(np.asarray(keys.offsets) == np.asarray(items.offsets))
    _check(np.asarray(keys.values.is_valid()))
    wanted = arrow_type(dtype)
    entries = pa.StructArray.from_arrays(
        [keys.values, items.values], fields=[wanted.key_field, wanted.item_field]
    )
    return pa.Array.from_buffers(wanted, len(keys), [validity(nulls), keys.buffers()[1]], children=[entries])


def _counts(values: Slices, nulls: Mask | None) -> Positions:
    there = np.ones(len(values.starts), np.bool_) if nulls is None else ~nulls
    _check(values.lengths[there] >= 4)
    counts = np.zeros(len(values.starts), np.int64)
    counts[there] = values.numbers(_U32, values.starts[there])
    _check(counts <= 8 * values.lengths)
    return counts


def _item_nulls(values: Slices, counts: Positions, offsets: Positions) -> Mask | None:
    sizes = (counts + 7) >> 3
    _check(4 * (counts > 0) + sizes <= values.lengths)
    bitmap = gather(values.buffer, values.starts + 4, sizes)
    if not bitmap.any():
        return None
    bits = np.unpackbits(bitmap, bitorder="little")
    rows_bits = offsets_of(sizes)[:-1] * 8
    positions = np.arange(offsets[-1]) + np.repeat(rows_bits - offsets[:-1], counts)
    nulls: Mask = bits[positions].view(np.bool_)
    return nulls


def _items(values: Slices, counts: Positions, nulls: Mask | None, item: FeatureType) -> pa.Array:
    starts = values.starts + 4 + ((counts + 7) >> 3)
    room = np.where(values.lengths > 0, values.starts + values.lengths - starts, 0)
    stored = stored_dtype(item)
    if stored is not None:
        _check(room == counts * stored.itemsize)
        octets = gather(values.buffer, starts, counts * stored.itemsize)
        return from_stored(octets.view(stored.base).reshape(-1, *stored.shape), nulls, item)
    _check(room >= 4 * counts)
    ends = gather(values.buffer, starts, 4 * counts).view(_U32).astype(np.int64)
    lengths = _lengths(ends, counts, room - 4 * counts)
    first = np.repeat(starts + 4 * counts, counts)
    return from_bytes(Slices(values.buffer, first + ends - lengths, lengths), nulls, item)


def _lengths(ends: Positions, counts: Positions, room: Positions) -> Positions:
    offsets = offsets_of(counts)
    previous = np.zeros_like(ends)
    previous[1:] = ends[:-1]
    full = counts > 0
    previous[offsets[:-1][full]] = 0
    _check(ends >= previous)
    _check(ends[offsets[1:][full] - 1] == room[full])
    _check(room[~full] == 0)
    return ends - previous


def _check(holds: Mask) -> None:
    if not holds.all():
        raise RowFormatError(
            "A list in a stored row is damaged: its length and its bytes do not fit together."
        )
