"""Aggregations by a further column: a map from its values to what a function makes of their rows.

The rows of windows are laid side by side, so that the cost grows with the rows in all windows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from featurestore.definitions.types import Map
from featurestore.frames.types import arrow_type
from featurestore.protocols.offline import WindowColumn
from featurestore.windows.arrays import Int64s, Mask
from featurestore.windows.column import Column, Columns
from featurestore.windows.events import Events
from featurestore.windows.functions import compute
from featurestore.windows.integers import SumOverflowError
from featurestore.windows.order import Keys
from featurestore.windows.ranges import Laid, Ranges, lay


def compute_any(columns: Columns, ranges: Ranges, window: WindowColumn, until: Int64s) -> pa.Array:
    """The values of one aggregation at the instants `until`, by a further column or not.

    Raises:
        SumOverflowError: if an integer sum does not fit into 64 bits.
    """
    column = columns.get(window.column, window.where)
    if window.by is None or not isinstance(window.dtype, Map):
        return compute(column, ranges, window, until)
    keyed = _Keyed.of(column, window.by)
    single = replace(window, by=None, keys=None, dtype=window.dtype.value)
    return keyed.maps(keyed.inputs.ranges(ranges), single, until, window.keys or 0)


@dataclass(frozen=True, slots=True)
class _Keyed:
    """The inputs whose key is not null.

    Attributes:
        inputs: with the keys as values.
        positions: of the inputs among the events.
        keys: of the inputs, in an order.
        distinct: the keys that differ, in that order.
        ranks: for each input the place of its key among them.
    """

    inputs: Column
    positions: Int64s
    keys: Keys
    distinct: Int64s
    ranks: Int64s

    @classmethod
    def of(cls, column: Column, by: str) -> _Keyed:
        events, keys = column.events, column.events.inputs[by]
        used = np.asarray(keys.is_valid())
        used = used if column.used is None else used & column.used
        inputs = Column(events, used, keys.filter(pa.array(used)))
        return cls(inputs, np.flatnonzero(used), inputs.keys, *inputs.ranks)

    def maps(self, ranges: Ranges, window: WindowColumn, until: Int64s, most: int) -> pa.Array:
        """A map for each range of inputs."""
        dtype = arrow_type(window.dtype)
        keys, values, counts = [np.zeros(0, np.int64)], [pa.array([], dtype)], [np.zeros(1, np.int64)]
        for laid in lay(ranges):
            groups = _Groups.of(laid, self.ranks, len(self.distinct))
            times = self.inputs.times[laid.positions]
            kept = groups.latest(times, most)
            try:
                found = self._values(laid, groups, kept, window, until)
            except SumOverflowError as error:
                raise SumOverflowError(laid.ranges.start + int(groups.owner[kept][error.range])) from error
            values.append(found if found.type == dtype else found.cast(dtype))
            keys.append(groups.rank[kept])
            counts.append(np.bincount(groups.owner[kept], minlength=len(laid.offsets) - 1))
        places = self.distinct[np.concatenate(keys)]
        offsets = pa.array(np.cumsum(np.concatenate(counts)).astype(np.int32))
        names = self.keys.decode(places, np.zeros(len(places), np.bool_))
        return pa.MapArray.from_arrays(offsets, names, pa.concat_arrays(values))

    def _values(
        self, laid: Laid, groups: _Groups, kept: Mask, window: WindowColumn, until: Int64s
    ) -> pa.Array:
        """What the function makes of each kept group: as if each were an entity of its own."""
        members = kept[groups.number]
        ends = np.cumsum(groups.counts[kept])
        chosen = self.positions[laid.positions[groups.order[members]]]
        events: Events = self.inputs.events.take(chosen, np.repeat(np.arange(len(ends)), groups.counts[kept]))
        own = Ranges(ends - groups.counts[kept], ends)
        column = Column.of(events, window.column, window.where)
        return compute(column, own, window, until[laid.ranges][groups.owner[kept]])


@dataclass(frozen=True, slots=True)
class _Groups:
    """Laid positions in groups of one range and one key, in the order of both.

    Attributes:
        order: the laid positions group by group, each in the order of time.
        number: for each of them the number of its group.
        counts: how many each group has.
        owner: the range of each group.
        rank: the place of each group's key.
    """

    order: Int64s
    number: Int64s
    counts: Int64s
    owner: Int64s
    rank: Int64s

    @classmethod
    def of(cls, laid: Laid, ranks: Int64s, distinct: int) -> _Groups:
        packed = laid.owner * distinct + ranks[laid.positions]
        order = np.argsort(packed, kind="stable")
        found, number, counts = np.unique(packed[order], return_inverse=True, return_counts=True)
        owner = found // max(distinct, 1)
        return cls(order, number, counts, owner, found - owner * distinct)

    def latest(self, times: Int64s, most: int) -> Mask:
        """Of each range the groups with the latest times, of equally late ones those with smaller keys."""
        last = times[self.order[np.cumsum(self.counts) - 1]]
        best = np.lexsort((self.rank, -last, self.owner))
        owner = self.owner[best]
        begins = np.flatnonzero(np.append(True, owner[1:] != owner[:-1]))[: len(owner)]
        nth = np.arange(len(best)) - np.repeat(begins, np.diff(np.append(begins, len(owner))))
        kept = np.zeros(len(best), np.bool_)
        kept[best[nth < most]] = True
        return kept
