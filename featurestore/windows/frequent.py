"""The most frequent values of a window; the cost is that of `holistic`."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from featurestore.protocols.offline import WindowColumn
from featurestore.windows.column import Column
from featurestore.windows.holistic import first_of_runs, sorted_places
from featurestore.windows.ranges import Ranges


def top_k(column: Column, ranges: Ranges, window: WindowColumn) -> pa.Array:
    """The most frequent values, the most frequent first; of equally frequent ones the smaller first."""
    items = int(window.argument or 0)
    keys, counts = [np.zeros(0, np.int64)], [np.zeros(1, np.int64)]
    for laid, places in sorted_places(column, ranges):
        first = np.flatnonzero(first_of_runs(laid, places))
        owner, times = laid.owner[first], np.diff(np.append(first, len(places)))
        # Values are in order within each range, and stay so where they are equally frequent.
        order = np.lexsort((-times, owner))
        found = np.bincount(owner, minlength=len(laid.offsets) - 1)
        nth = np.arange(len(order)) - np.repeat(np.cumsum(found) - found, found)
        keys.append(column.ranks[0][places[first[order[nth < items]]]])
        counts.append(np.minimum(found, items))
    values = np.concatenate(keys)
    offsets = np.cumsum(np.concatenate(counts)).astype(np.int32)
    return pa.ListArray.from_arrays(offsets, column.keys.decode(values, np.zeros(len(values), np.bool_)))
