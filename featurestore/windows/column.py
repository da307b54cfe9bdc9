"""One input of aggregations: the events of which a column is not null and a condition is true."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from featurestore.windows.arrays import Int64s, Mask
from featurestore.windows.events import Events
from featurestore.windows.integers import RunningTotals
from featurestore.windows.moments import MomentTree
from featurestore.windows.order import Keys, order_keys
from featurestore.windows.ranges import BlockTree, Ranges


@dataclass(frozen=True)
class Column:
    """The inputs among the events, in their order.

    Attributes:
        events: all events.
        used: which of them are inputs; None for all.
        values: of the inputs; None where rows are counted.
    """

    events: Events
    used: Mask | None
    values: pa.Array | None

    @classmethod
    def of(cls, events: Events, name: str | None, condition: str | None) -> Column:
        """The inputs of one column (None for rows) where the column of a condition is true."""
        used = None if condition is None else np.asarray(events.inputs[condition].fill_null(False))
        if name is None:
            return cls(events, used, None)
        values = events.inputs[name]
        if values.null_count:
            valid = np.asarray(values.is_valid())
            used = valid if used is None else used & valid
        return cls(events, used, values if used is None else values.filter(pa.array(used)))

    def ranges(self, ranges: Ranges) -> Ranges:
        """Ranges of events as ranges of inputs."""
        if self.used is None:
            return ranges
        return Ranges(self._before[ranges.start], self._before[ranges.stop])

    @cached_property
    def _before(self) -> Int64s:
        """How many inputs there are before each event."""
        used = np.ones(len(self.events), np.bool_) if self.used is None else self.used
        return np.concatenate([np.zeros(1, np.int64), np.cumsum(used, dtype=np.int64)])

    @cached_property
    def given(self) -> pa.Array:
        """The values, where it is a column and not rows that are aggregated."""
        if self.values is None:
            raise AssertionError("rows have no values")
        return self.values

    @cached_property
    def times(self) -> Int64s:
        """When the inputs happened."""
        return self.events.event if self.used is None else self.events.event[self.used]

    @cached_property
    def keys(self) -> Keys:
        """The values in an order."""
        return order_keys(self.given)

    @cached_property
    def sums(self) -> BlockTree:
        """Sums of floats."""
        return BlockTree(np.add, self.given.to_numpy(zero_copy_only=False).astype(np.float64, copy=False))

    @cached_property
    def totals(self) -> RunningTotals:
        """Sums of integers; of bools, how many are true."""
        return RunningTotals(
            self.given.cast(pa.int8()) if pa.types.is_boolean(self.given.type) else self.given
        )

    @cached_property
    def moments(self) -> MomentTree:
        """Means and squared deviations."""
        return MomentTree.of(self.given)

    @cached_property
    def smallest(self) -> BlockTree:
        """The lowest keys."""
        return BlockTree(np.minimum, self.keys.keys)

    @cached_property
    def largest(self) -> BlockTree:
        """The highest keys."""
        return BlockTree(np.maximum, self.keys.keys)

    @cached_property
    def ranks(self) -> tuple[Int64s, Int64s]:
        """The distinct keys in order, and for each value the place of its own among them."""
        distinct, places = np.unique(self.keys.keys, return_inverse=True)
        return distinct, places.astype(np.int64)

    @cached_property
    def in_order(self) -> Int64s | None:
        """The inputs in the order of ``(event, created, value)`` within each entity; None: as they are."""
        same = self._same_as_before
        if not same.any():
            return None
        tied = np.zeros(len(same) + 1, np.bool_)
        tied[1:] |= same
        tied[:-1] |= same
        group = np.concatenate([np.zeros(1, np.int64), np.cumsum(~same)])[tied]
        among = np.flatnonzero(tied)
        order = np.arange(len(tied))
        order[tied] = among[np.lexsort((self.keys.keys[among], group))]
        return order

    @property
    def _same_as_before(self) -> Mask:
        events = self.events
        columns = [events.code, events.event, *([] if events.created is None else [events.created])]
        same = np.ones(max(len(self.given) - 1, 0), np.bool_)
        for column in columns:
            chosen = column if self.used is None else column[self.used]
            same &= chosen[1:] == chosen[:-1]
        return same

    def take(self, positions: Int64s, mask: Mask | None = None) -> pa.Array:
        """Values by their place in the order; those that are masked are null."""
        if self.in_order is not None and len(self.in_order):
            positions = self.in_order[positions if mask is None else np.where(mask, 0, positions)]
        return self.given.take(pa.array(positions, pa.int64(), mask=mask))


class Columns:
    """The inputs of several aggregations over the same events, each made once."""

    def __init__(self, events: Events) -> None:
        self.events = events
        self._made: dict[tuple[str | None, str | None], Column] = {}

    def get(self, name: str | None, condition: str | None) -> Column:
        """The inputs of one column under one condition."""
        key = (name, condition)
        if key not in self._made:
            self._made[key] = Column.of(self.events, name, condition)
        return self._made[key]
