"""Values of fixed width: Arrow arrays to numpy arrays of the stored form (see `stored_types`), and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from featurestore.definitions.types import Bool, FeatureType, Vector
from featurestore.errors import SourceError
from featurestore.frames.types import arrow_type
from featurestore.online.ragged import null_mask, validity
from featurestore.online.stored_types import Stored, fixed_form, stored_form

Values = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]


def numpy_dtype(stored: Stored) -> np.dtype[Any]:
    """The numpy type of stored values."""
    number = np.dtype(f"<{stored.code}")
    return number if stored.length is None else np.dtype((number, (stored.length,)))


def stored_dtype(dtype: FeatureType) -> np.dtype[Any] | None:
    """The numpy type of a feature's stored values, or None if their width is not fixed."""
    stored = stored_form(dtype)
    return None if stored is None else numpy_dtype(stored)


def fixed_dtype(dtype: FeatureType) -> np.dtype[Any]:
    """The numpy type of stored values of a type whose width is fixed.

    Raises:
        TypeError: if it is not.
    """
    return numpy_dtype(fixed_form(dtype))


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
