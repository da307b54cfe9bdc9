"""A short checksum of a result, so that a fast wrong answer is seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.data import FEATURES

if TYPE_CHECKING:
    import pyarrow as pa

CHECKED_ENTITIES = 1_000
_NULL = np.uint64(0x5DEECE66D)
_ODD = np.uint64(0x9E3779B97F4A7C15)

Hashes = np.ndarray[tuple[int], np.dtype[np.uint64]]


def of_features(table: pa.Table) -> str:
    """The checksum of the features of a table."""
    return of_columns([table[name].combine_chunks() for name in FEATURES])


def of_columns(columns: Sequence[pa.Array]) -> str:
    """The number of rows, a checksum of the rows whatever their order, and one in their order.

    Both see every bit and every null.
    """
    rows = np.zeros(len(columns[0]), np.uint64)
    for column in columns:
        rows = _mixed(rows * np.uint64(31) + _bits(column))
    places = _mixed(np.arange(len(rows), dtype=np.uint64)) | np.uint64(1)
    return f"{len(rows)}:{rows.sum():016x}:{(rows * places).sum():016x}"


def of_matrix(values: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> str:
    """The checksum of features without nulls, one row per entity."""
    import pyarrow as pa

    return of_columns([pa.array(column.copy()) for column in values.T])


def _bits(column: pa.Array) -> Hashes:
    bits: Hashes = column.fill_null(0.0).to_numpy().view(np.uint64).copy()
    bits[column.is_null().to_numpy(zero_copy_only=False)] = _NULL
    return bits


def _mixed(values: Hashes) -> Hashes:
    values = (values ^ (values >> np.uint64(31))) * _ODD
    return values ^ (values >> np.uint64(29))
