"""Content hashes: of values, not of files, so that they are the same for every batch size, compression and release.

A column's hash is SHA-256 over its type and, for every 65,536 rows, over which values are null and over the bytes
of those that are not. The hash of the whole is taken over those of the columns.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from featurestore.definitions.base import canonical_json

BLOCK_ROWS = 65_536


@dataclass(frozen=True, slots=True)
class Content:
    """What some rows hold.

    Attributes:
        hash: over everything below.
        rows: how many there are.
        types: column to Arrow type, in order.
        columns: column to the hash of its values.
    """

    hash: str
    rows: int
    types: Mapping[str, str]
    columns: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """The JSON form."""
        columns = [[name, self.types[name], digest] for name, digest in self.columns.items()]
        return {"hash": self.hash, "rows": self.rows, "columns": columns}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Content:
        """Read the JSON form back."""
        columns = document["columns"]
        types = {name: dtype for name, dtype, _ in columns}
        digests = {name: digest for name, _, digest in columns}
        return cls(document["hash"], document["rows"], types, digests)


class ContentHasher:
    """Takes blocks of rows one after the other; all but the last must have `BLOCK_ROWS` rows."""

    def __init__(self, schema: pa.Schema) -> None:
        self._types = {field.name: type_text(field.type) for field in schema}
        self._columns = {name: hashlib.sha256(dtype.encode()) for name, dtype in self._types.items()}
        self._rows = 0

    def update(self, block: pa.Table) -> None:
        """Take the next block."""
        self._rows += block.num_rows
        for name, hasher in self._columns.items():
            for part in _buffers(_one_array(block.column(name))):
                hasher.update(part)

    def result(self) -> Content:
        """The hashes of all that was taken."""
        columns = {name: hasher.hexdigest() for name, hasher in self._columns.items()}
        listed = [[name, self._types[name], digest] for name, digest in columns.items()]
        whole = hashlib.sha256(canonical_json({"rows": self._rows, "columns": listed}).encode())
        return Content(whole.hexdigest(), self._rows, self._types, columns)


def type_text(dtype: pa.DataType) -> str:
    """A type in words; what writers call the values within lists and maps is not part of it."""
    types = pa.types
    if types.is_fixed_size_list(dtype):
        return f"list<{type_text(dtype.value_type)}>[{dtype.list_size}]"
    if types.is_list(dtype) or types.is_large_list(dtype):
        return f"{'large_' if types.is_large_list(dtype) else ''}list<{type_text(dtype.value_type)}>"
    if types.is_map(dtype):
        return f"map<{type_text(dtype.key_type)}, {type_text(dtype.item_type)}>"
    if types.is_struct(dtype):
        return f"struct<{', '.join(f'{field.name}: {type_text(field.type)}' for field in dtype)}>"
    return str(dtype)


def blocks(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    """The rows of batches in tables of `BLOCK_ROWS` rows, the last one shorter."""
    pending: list[pa.Table] = []
    have = 0
    for batch in batches:
        pending.append(pa.Table.from_batches([batch]).cast(schema))
        have += batch.num_rows
        while have >= BLOCK_ROWS:
            table = pa.concat_tables(pending)
            yield table.slice(0, BLOCK_ROWS).combine_chunks()
            have -= BLOCK_ROWS
            pending = [table.slice(BLOCK_ROWS)]
    if have:
        yield pa.concat_tables(pending).combine_chunks()


def content_of(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Content:
    """The content of rows that come in batches of any size."""
    hasher = ContentHasher(schema)
    for block in blocks(batches, schema):
        hasher.update(block)
    return hasher.result()


def _one_array(column: pa.ChunkedArray) -> pa.Array:
    combined = column.combine_chunks()
    return pa.concat_arrays(combined.chunks) if isinstance(combined, pa.ChunkedArray) else combined


def _buffers(array: pa.Array) -> Iterator[bytes | memoryview]:
    """The values of an array as bytes that depend on them alone: not on offsets, nor on what is under nulls."""
    dtype = array.type
    if isinstance(array, pa.ExtensionArray):
        yield from _buffers(array.storage)
        return
    if pa.types.is_dictionary(dtype):
        yield from _buffers(array.dictionary_decode())
        return
    yield np.packbits(np.asarray(array.is_valid())).tobytes()
    if pa.types.is_null(dtype):
        return
    there = array.drop_null() if array.null_count else array
    if pa.types.is_struct(dtype):
        for field in there.flatten():
            yield from _buffers(field)
    elif pa.types.is_map(dtype):
        yield from _lengths(np.diff(np.asarray(there.offsets)))
        yield from _buffers(_items(there, there.keys))
        yield from _buffers(_items(there, there.items))
    elif pa.types.is_nested(dtype):
        yield from _lengths(np.asarray(pc.list_value_length(there)))
        yield from _buffers(there.flatten())
    elif pa.types.is_boolean(dtype):
        yield np.packbits(np.asarray(there)).tobytes()
    else:
        yield from _flat(there)


def _flat(array: pa.Array) -> Iterator[bytes | memoryview]:
    dtype = array.type
    if _has_offsets(dtype):
        wide = array.cast(pa.large_binary())
        offsets = np.frombuffer(wide.buffers()[1], np.int64)[wide.offset : wide.offset + len(wide) + 1]
        yield from _lengths(np.diff(offsets))
        if len(wide) and wide.buffers()[2] is not None:
            yield memoryview(wide.buffers()[2])[int(offsets[0]) : int(offsets[-1])]
        return
    width = dtype.bit_width // 8
    if len(array):
        yield memoryview(array.buffers()[1])[array.offset * width : (array.offset + len(array)) * width]


def _has_offsets(dtype: pa.DataType) -> bool:
    types = pa.types
    return bool(
        types.is_string(dtype)
        or types.is_large_string(dtype)
        or types.is_string_view(dtype)
        or types.is_binary(dtype)
        or types.is_large_binary(dtype)
        or types.is_binary_view(dtype)
    )


def _items(array: pa.MapArray, values: pa.Array) -> pa.Array:
    # Keys and items are not cut to the slice that the array is.
    offsets = array.offsets
    if not len(array):
        return values.slice(0, 0)
    first = offsets[0].as_py()
    return values.slice(first, offsets[-1].as_py() - first)


def _lengths(lengths: Any) -> Iterator[bytes]:
    yield np.ascontiguousarray(lengths, dtype="<i8").tobytes()
