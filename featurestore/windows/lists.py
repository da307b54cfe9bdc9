"""Functions that give lists: the first or last values of a window, all of them or the distinct ones."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from featurestore.protocols.offline import WindowColumn
from featurestore.windows.arrays import Int64s
from featurestore.windows.column import Column
from featurestore.windows.ranges import Laid, Ranges, lay


def first_n(column: Column, ranges: Ranges, window: WindowColumn) -> pa.Array:
    """The first n values, in order of time."""
    return _listed(column, Ranges(ranges.start, np.minimum(ranges.stop, ranges.start + _items(window))))


def last_n(column: Column, ranges: Ranges, window: WindowColumn) -> pa.Array:
    """The last n values, in order of time."""
    return _listed(column, Ranges(np.maximum(ranges.start, ranges.stop - _items(window)), ranges.stop))


def _items(window: WindowColumn) -> int:
    return 1 if window.argument is None else int(window.argument)


def _listed(column: Column, ranges: Ranges) -> pa.Array:
    parts = [(column.take(laid.positions), np.diff(laid.offsets)) for laid in lay(ranges)]
    return _lists(column, parts)


def first_distinct_n(column: Column, ranges: Ranges, window: WindowColumn) -> pa.Array:
    """The n values that came first, in the order in which they came first."""
    return _distinct(column, ranges, _items(window), last=False)


def last_distinct_n(column: Column, ranges: Ranges, window: WindowColumn) -> pa.Array:
    """The n values that came last, in the order in which they came last."""
    return _distinct(column, ranges, _items(window), last=True)


def _distinct(column: Column, ranges: Ranges, items: int, *, last: bool) -> pa.Array:
    parts = []
    for laid in lay(ranges):
        position = _once(column, laid, last=last)
        owner = laid.owner[position]
        counts = np.bincount(owner, minlength=len(laid.offsets) - 1)
        begins = np.cumsum(counts) - counts
        nth = np.arange(len(owner)) - begins[owner]
        kept = nth >= (counts - items)[owner] if last else nth < items
        parts.append((column.take(laid.positions[position[kept]]), np.minimum(counts, items)))
    return _lists(column, parts)


def _once(column: Column, laid: Laid, *, last: bool) -> Int64s:
    """Where among the laid positions each distinct value of a range comes first (or last), in order."""
    distinct, ranks = column.ranks
    positions = laid.positions if column.in_order is None else column.in_order[laid.positions]
    packed = laid.owner * len(distinct) + ranks[positions]
    order = np.argsort(packed, kind="stable")
    changes = packed[order][1:] != packed[order][:-1]
    edge = np.append(changes, True) if last else np.append(True, changes)
    return np.sort(order[edge[: len(order)]])


def _lists(column: Column, parts: list[tuple[pa.Array, Int64s]]) -> pa.Array:
    lengths = np.concatenate([np.zeros(1, np.int64), *(lengths for _, lengths in parts)])
    values = pa.concat_arrays([column.given.slice(0, 0), *(values for values, _ in parts)])
    return pa.ListArray.from_arrays(pa.array(np.cumsum(lengths).astype(np.int32)), values)
