"""A short checksum of a result, so that a fast wrong answer is seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from benchmarks.data import FEATURES

if TYPE_CHECKING:
    import pyarrow as pa

CHECKED_ENTITIES = 1_000
_NULL = np.uint64(0x5DEECE66D)


def of_features(table: pa.Table) -> str:
    """The checksum of the features of a table: its rows, their order, their bits and their nulls."""
    total = _checksum([table[name].combine_chunks() for name in FEATURES])
    return f"{table.num_rows}:{total:016x}"


def of_matrix(values: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> str:
    """The checksum of features without nulls, one row per entity."""
    import pyarrow as pa

    return of_features(pa.table({name: values[:, i].copy() for i, name in enumerate(FEATURES)}))


def _checksum(columns: list[pa.Array]) -> int:
    total = np.uint64(0)
    for number, column in enumerate(columns):
        bits = column.fill_null(0.0).to_numpy().view(np.uint64).copy()
        bits[column.is_null().to_numpy(zero_copy_only=False)] = _NULL
        weights = np.arange(1, len(bits) + 1, dtype=np.uint64) * np.uint64(2 * number + 3)
        weights = (weights ^ (weights >> np.uint64(7))) * np.uint64(0x9E3779B97F4A7C15) | np.uint64(1)
        total = total ^ (bits * weights).sum(dtype=np.uint64) + np.uint64(number)
    return int(total)
