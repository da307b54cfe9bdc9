"""Entity keys as bytes, and where they live in the store.

The values of the join keys follow one another in the order of the keys' names. Integers are big-endian with
the sign bit flipped (bytes are in the order of the numbers), a date is its days as an int32, a timestamp its
microseconds as an int64, a bool one byte; a string or bytes is its length (u32, big-endian) and its bytes,
so that no two entities share a key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from featurestore.definitions.types import Bool, Bytes, FeatureType, String
from featurestore.errors import EntityDataError, RowFormatError
from featurestore.frames.keys import key_column
from featurestore.frames.types import arrow_type
from featurestore.online.fixed_width import fixed_dtype, from_stored, to_stored
from featurestore.online.key_values import ordered_dtype, value_packer
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

_KEY_START = b"{e"
_KEY_END = b"}"


def space_of(project: str, view: str, version: int, generation: int) -> bytes:
    """The space of one generation of a view version.

    Names hold no colon, so no space is the beginning of another.
    """
    return f"fs1:{project}:{view}@{version}:{generation}:".encode()


def key_frame(space: bytes) -> tuple[bytes, bytes]:
    """What stands before and after an entity key in the full key of a row.

    It makes the entity key a Redis Cluster hash tag, so that all views of an entity live in one slot
    (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#hash-tags). The letter keeps
    the tag from being empty; a ``}`` inside the key shortens the tag, alike in all views.
    """
    return space + _KEY_START, _KEY_END


class EntityKeyEncoder:
    """Join keys of one view to key bytes and back.

    Args:
        join_keys: types by name.
    """

    def __init__(self, join_keys: Mapping[str, FeatureType]) -> None:
        self._names = list(join_keys)
        self._keys = sorted(join_keys.items())
        self._packers = [(name, value_packer(name, dtype)) for name, dtype in self._keys]

    def encode(self, table: pa.Table | pa.RecordBatch) -> pa.LargeBinaryArray:
        """The key of each row, null where a join key is null.

        Raises:
            EntityDataError: if a join key is missing or of another type.
        """
        if not self._keys:
            return binary_array(np.zeros(table.num_rows + 1, np.int64), np.zeros(0, np.uint8))
        parts: list[pa.LargeBinaryArray] = []
        for name, dtype in self._keys:
            self._check_has(name, table.schema.names)
            parts += _parts(_array(table.column(name), dtype, name), dtype, name)
        return join(parts, nulls="emit_null")

    def encode_rows(self, columns: Mapping[str, Sequence[object]]) -> list[bytes | None]:
        """The same for a handful of rows in Python.

        Raises:
            EntityDataError: if a join key is missing, or a value of another type or out of range.
        """
        packed: list[list[bytes | None]] = []
        for name, pack in self._packers:
            self._check_has(name, columns)
            packed.append([None if value is None else pack(value) for value in columns[name]])
        if len(packed) == 1:
            return packed[0]
        if not packed:
            raise EntityDataError(
                "An entity without join keys has one key for all rows.", hint="Use encode with a table."
            )
        return [
            None if None in parts else b"".join(filter(None, parts)) for parts in zip(*packed, strict=True)
        ]

    def decode(self, keys: Sequence[bytes]) -> pa.Table:
        """The join keys of entity keys, a column each.

        Raises:
            RowFormatError: if a key is not one of this entity.
        """
        lengths = np.fromiter(map(len, keys), np.int64, len(keys))
        ends = np.cumsum(lengths)
        buffer, position = np.frombuffer(b"".join(keys), np.uint8), ends - lengths
        columns: dict[str, pa.Array] = {}
        for name, dtype in self._keys:
            columns[name], position = _read(buffer, position, ends, dtype)
        _check(position == ends)
        return pa.table({name: columns[name] for name in self._names}) if columns else _no_columns(len(keys))

    def _check_has(self, name: str, names: Sequence[str] | Mapping[str, object]) -> None:
        if name not in names:
            raise EntityDataError(f"Join key {name!r} is missing; there are: {', '.join(names) or 'none'}.")


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
        ordered = ordered_dtype(dtype)
        values = (values.view(ordered.values) ^ ordered.sign).astype(ordered.stored)
    packed = fixed_width_array(values, values.itemsize)
    if nulls is None:
        return [packed]
    buffers = [validity(nulls), *packed.buffers()[1:]]
    return [pa.LargeBinaryArray.from_buffers(packed.type, len(packed), buffers)]


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
    ordered = ordered_dtype(dtype)
    values = (head.view(ordered.stored).astype(ordered.values) ^ ordered.sign).view(fixed_dtype(dtype))
    return from_stored(values, None, dtype), start


def _no_columns(rows: int) -> pa.Table:
    return pa.table({"": pa.nulls(rows)}).select([])


def _check(holds: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> None:
    if not holds.all():
        raise RowFormatError("A stored entity key does not have the join keys of this entity.")
