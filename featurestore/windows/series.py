"""Series: an aggregation over the last windows, one before the other, is so many aggregations with offsets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from featurestore.definitions.types import List
from featurestore.protocols.offline import ViewPlan, WindowColumn


def single_windows(view: ViewPlan) -> ViewPlan:
    """The view with each window of a series as an aggregation of its own, the oldest first."""
    return replace(view, windows=tuple(single for window in view.windows for single in _singles(window)))


def _singles(window: WindowColumn) -> Iterable[WindowColumn]:
    count, length = window.series, window.window
    if count is None or length is None or not isinstance(window.dtype, List):
        return [window]
    empty = window.empty[0] if isinstance(window.empty, tuple) else None
    single = replace(window, series=None, dtype=window.dtype.item, empty=empty)
    return [replace(single, offset=window.offset + i * length) for i in reversed(range(count))]


def series_joined(view: ViewPlan, columns: Sequence[pa.Array]) -> tuple[pa.Array, ...]:
    """The values of `single_windows` as those of the view."""
    left = iter(columns)
    return tuple(
        next(left) if window.series is None else _lists([next(left) for _ in range(window.series)])
        for window in view.windows
    )


def _lists(columns: Sequence[pa.Array]) -> pa.Array:
    rows, items = len(columns[0]), len(columns)
    order = np.arange(rows * items).reshape(items, rows).T.ravel()
    offsets = np.arange(rows + 1, dtype=np.int32) * items
    return pa.ListArray.from_arrays(pa.array(offsets), pa.concat_arrays(columns).take(pa.array(order)))
