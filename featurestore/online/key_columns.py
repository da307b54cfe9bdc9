"""Columns of join keys to entity keys and back: a batch at a time (see `keys` for their form)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa

from featurestore.definitions.types import Bool, Bytes, FeatureType, String
from featurestore.errors import RowFormatError
from featurestore.frames.keys import key_column
from featurestore.frames.types import arrow_type
from featurestore.online.fixed_width import Mask, fixed_dtype, from_stored, to_stored
from featurestore.online.ragged import (
    Octets,
    Positions,
    binary_array,
    fixed_width_array,
    gather,
    join,
    null_mask,
    offsets_of,
    validity,
)

NamedTypes: TypeAlias = Sequence[tuple[str, FeatureType]]


class _OrderedDtype(NamedTuple):
    """How numbers become bytes in their order: seen as `values`, xor `sign`, stored as `stored`."""

    values: np.dtype[Any]
    stored: np.dtype[Any]
    sign: np.unsignedinteger[Any]


def columns_to_keys(table: pa.Table | pa.RecordBatch, join_keys: NamedTypes) -> pa.LargeBinaryArray:
    """The key of each row, null where a join key is null; join keys in the order of their names.

    Raises:
        EntityDataError: if a join key is of another type.
    """
    if not join_keys:
        return binary_array(np.zeros(table.num_rows + 1, np.int64), np.zeros(0, np.uint8))
    parts: list[pa.LargeBinaryArray] = []
    for name, dtype in join_keys:
        parts += _parts(_array(table.column(name), dtype, name), dtype, name)
    return join(parts, nulls="emit_null")


def keys_to_columns(keys: Sequence[bytes], join_keys: NamedTypes) -> pa.Table:
    """The join keys of entity keys, a column each.

    Raises:
        RowFormatError: if a key is not one of this entity.
    """
    lengths = np.fromiter(map(len, keys), np.int64, len(keys))
    ends = np.cumsum(lengths)
    buffer, position = np.frombuffer(b"".join(keys), np.uint8), ends - lengths
    columns: dict[str, pa.Array] = {}
    for name, dtype in join_keys:
        columns[name], position = _read(buffer, position, ends, dtype)
    _check(position == ends)
    return pa.table(columns) if columns else _no_columns(len(keys))


def _array(column: pa.Array | pa.ChunkedArray, dtype: FeatureType, name: str) -> pa.Array:
    chunked = column if isinstance(column, pa.ChunkedArray) else pa.chunked_array([column])
    return key_column(chunked, dtype, name=name).combine_chunks()


def _parts(array: pa.Array, dtype: FeatureType, name: str) -> list[pa.LargeBinaryArray]:
    nulls = null_mask(array)
    if dtype in (String, Bytes):
        import pyarrow.compute as pc

        lengths = np.asarray(pc.fill_null(pc.binary_length(array), 0)).astype(">u4")
        return [fixed_width_array(lengths, 4), array.cast(pa.large_binary())]
    values = to_stored(array, dtype, name=name)
    if dtype != Bool:
        ordered = _ordered_dtype(dtype)
        values = (values.view(ordered.values) ^ ordered.sign).astype(ordered.stored)
    packed = fixed_width_array(values, values.itemsize)
    if nulls is None:
        return [packed]
    buffers = [validity(nulls), *packed.buffers()[1:]]
    return [pa.LargeBinaryArray.from_buffers(packed.type, len(packed), buffers)]


def _ordered_dtype(dtype: FeatureType) -> _OrderedDtype:
    stored = fixed_dtype(dtype)
    unsigned = np.dtype(f"u{stored.itemsize}")
    sign = 1 << (8 * stored.itemsize - 1) if stored.kind == "i" else 0
    return _OrderedDtype(unsigned, unsigned.newbyteorder(">"), unsigned.type(sign))


def _read(
    buffer: Octets, start: Positions, ends: Positions, dtype: FeatureType
) -> tuple[pa.Array, Positions]:
    width = 4 if dtype in (String, Bytes) else fixed_dtype(dtype).itemsize
    _check(start + width <= ends)
    head = gather(buffer, start, np.full(len(start), width, np.int64))
    start = start + width
    if dtype in (String, Bytes):
        lengths = head.view(">u4").astype(np.int64)
        _check(start + lengths <= ends)
        offsets, data = offsets_of(lengths).astype(np.int32), gather(buffer, start, lengths)
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data)]
        return pa.Array.from_buffers(arrow_type(dtype), len(start), buffers), start + lengths
    if dtype == Bool:
        return from_stored(head.view(np.bool_), None, dtype), start
    ordered = _ordered_dtype(dtype)
    values = (head.view(ordered.stored).astype(ordered.values) ^ ordered.sign).view(fixed_dtype(dtype))
    return from_stored(values, None, dtype), start


def _no_columns(rows: int) -> pa.Table:
    return pa.table({"": pa.nulls(rows)}).select([])


def _check(holds: Mask) -> None:
    if not holds.all():
        raise RowFormatError("A stored entity key does not have the join keys of this entity.")
