"""Values of fixed width: Arrow arrays to numpy arrays of the stored form, and back.

Stored are little-endian numbers; a date as days, a timestamp as microseconds, a bool as one byte, a
decimal as 16 bytes in two's complement without its scale, a vector as its items. Nulls are zeros.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from featurestore.definitions.types import Bool, Decimal, FeatureType, ScalarType, Vector, ZonedTimestamp
from featurestore.errors import SourceError
from featurestore.frames.types import arrow_type
from featurestore.online.ragged import null_mask, validity

_SCALARS = {
    "int8": "i1",
    "int16": "<i2",
    "int32": "<i4",
    "int64": "<i8",
    "uint8": "u1",
    "uint16": "<u2",
    "uint32": "<u4",
    "uint64": "<u8",
    "float16": "<f2",
    "float32": "<f4",
    "float64": "<f8",
    "bool": "?",
    "date": "<i4",
}
Values = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]


def stored_dtype(dtype: FeatureType) -> np.dtype[Any] | None:
    """The numpy type of stored values, or None if their width is not fixed."""
    if isinstance(dtype, ZonedTimestamp):
        return np.dtype("<i8")
    if isinstance(dtype, Decimal):
        return np.dtype(("u1", (16,)))
    if isinstance(dtype, Vector):
        return np.dtype((_SCALARS[str(dtype.item)], (dtype.length,)))
    if isinstance(dtype, ScalarType) and dtype.name in _SCALARS:
        return np.dtype(_SCALARS[dtype.name])
    return None


def fixed_dtype(dtype: FeatureType) -> np.dtype[Any]:
    """The numpy type of stored values of a type whose width is fixed.

    Raises:
        TypeError: if it is not.
    """
    stored = stored_dtype(dtype)
    if stored is None:
        raise TypeError(f"{dtype} has no fixed width")
    return stored


def to_stored(array: pa.Array, dtype: FeatureType, *, name: str) -> Values:
    """The values of an array of ``arrow_type(dtype)`` as an array of `stored_dtype`.

    Raises:
        SourceError: if a vector has a null item; `name` is the feature.
    """
    nulls = null_mask(array)
    values = _values(array, dtype, nulls, name)
    if nulls is not None:
        values = values.copy()
        values[nulls] = 0
    return values


def _values(array: pa.Array, dtype: FeatureType, nulls: Mask | None, name: str) -> Values:
    count, offset = len(array), array.offset
    stored = fixed_dtype(dtype)
    if count == 0:
        return np.zeros(0, stored)
    if isinstance(dtype, Vector):
        items = array.values.slice(offset * dtype.length, count * dtype.length)
        _check_items(items, dtype, nulls, name)
        return to_stored(items, dtype.item, name=name).reshape(count, dtype.length)
    buffer = array.buffers()[1]
    if dtype == Bool:
        bits = np.unpackbits(np.frombuffer(buffer, np.uint8), bitorder="little")
        return bits[offset : offset + count].view(np.bool_)
    return np.frombuffer(buffer, stored.base, offset=offset * stored.itemsize)[
        : count * (stored.itemsize // stored.base.itemsize)
    ].reshape(count, *stored.shape)


def _check_items(items: pa.Array, dtype: Vector, nulls: Mask | None, name: str) -> None:
    null_items = null_mask(items)
    if null_items is None:
        return
    rows = null_items.reshape(-1, dtype.length).any(axis=1)
    if (rows if nulls is None else rows & ~nulls).any():
        raise SourceError(
            f"Feature {name!r}: expected {dtype}, found a vector with a null item.",
            hint="A vector may be null as a whole; declare List(...) if its items may be.",
        )


def from_stored(values: Values, nulls: Mask | None, dtype: FeatureType) -> pa.Array:
    """An array of ``arrow_type(dtype)`` from an array of `stored_dtype`."""
    count = len(values)
    if isinstance(dtype, Vector):
        items = from_stored(np.ascontiguousarray(values).reshape(-1), None, dtype.item)
        return pa.Array.from_buffers(arrow_type(dtype), count, [validity(nulls)], children=[items])
    data = np.packbits(values, bitorder="little") if dtype == Bool else np.ascontiguousarray(values)
    return pa.Array.from_buffers(arrow_type(dtype), count, [validity(nulls), pa.py_buffer(data)])
