"""Columns to stored rows: a batch at a time, without a step in Python for each row."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from featurestore.definitions.types import FeatureType
from featurestore.frames.types import arrow_type
from featurestore.online.fixed_width import to_stored
from featurestore.online.header import SIGN, version_byte
from featurestore.online.ragged import fixed_width_array, join, null_mask, slices_of
from featurestore.online.row_layout import (
    CREATED,
    EVENT,
    FINGERPRINT,
    NULLS,
    VERSION,
    WRITTEN,
    RowLayout,
)
from featurestore.online.variable_width import to_bytes

Int64Values: TypeAlias = "npt.NDArray[np.int64] | pa.Array | pa.ChunkedArray"


def columns_to_rows(
    layout: RowLayout,
    table: pa.Table,
    *,
    event: Int64Values,
    created: Int64Values | None,
    written: int | npt.NDArray[np.integer[Any]],
    pushed: bool,
) -> list[bytes]:
    """See `RowCodec.encode`."""
    fixed = np.zeros(table.num_rows, layout.dtype)
    fixed[VERSION] = version_byte(pushed=pushed)
    fixed[FINGERPRINT] = int.from_bytes(layout.fingerprint, "big")
    fixed[EVENT] = _ordered(event)
    fixed[CREATED] = 0 if created is None else _ordered(created)
    fixed[WRITTEN] = written
    columns = {name: _array(table.column(name), dtype) for name, dtype in layout.columns.items()}
    if any(column.null_count for column in columns.values()):
        nulls = np.column_stack([np.asarray(column.is_null()) for column in columns.values()])
        fixed[NULLS] = np.packbits(nulls, axis=1, bitorder="little")
    for name in layout.fixed:
        fixed[name] = to_stored(columns[name], layout.columns[name], name=name)
    variable = [to_bytes(columns[name], layout.columns[name], name=name) for name in layout.variable]
    ends = np.zeros(table.num_rows, np.int64)
    for name, values in zip(layout.variable, variable, strict=True):
        ends += np.diff(slices_of(values)[0])
        fixed[name] = ends
    rows: list[bytes] = join([fixed_width_array(fixed, layout.size), *variable]).to_pylist()
    return rows


def _ordered(instants: Int64Values) -> npt.NDArray[np.uint64]:
    nulls = None
    if not isinstance(instants, np.ndarray):
        array = _array(instants, None).cast(pa.int64())
        nulls = null_mask(array)
        instants = np.asarray(array.fill_null(0))
    ordered: npt.NDArray[np.uint64] = instants.astype(np.int64).view(np.uint64) ^ np.uint64(SIGN)
    if nulls is not None:
        ordered[nulls] = 0
    return ordered


def _array(column: pa.Array | pa.ChunkedArray, dtype: FeatureType | None) -> pa.Array:
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if dtype is None or array.type == arrow_type(dtype):
        return array
    return array.cast(arrow_type(dtype))
