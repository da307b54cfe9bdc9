"""The events of some entities, sorted by entity and time, and the ranges that windows cut out of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from featurestore.frames.places import Places
from featurestore.windows.arrays import Int64s
from featurestore.windows.ranges import Ranges

NO_CREATED = -(2**63)
FOREVER = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Points:
    """The instants that are asked for, in the order of entity and time, each once."""

    code: Int64s
    until: Int64s

    def __len__(self) -> int:
        return len(self.code)

    def of_codes(self, begin: int, end: int) -> slice:
        """Which points are of these entities."""
        return slice(*np.searchsorted(self.code, [begin, end]).tolist())

    def select(self, chosen: slice) -> Points:
        """Some of them."""
        return Points(self.code[chosen], self.until[chosen])


@dataclass(frozen=True, slots=True)
class Events:
    """Events in the order of ``(code, event, created)``.

    Attributes:
        created: `NO_CREATED` where null; None where the source has no such column.
        inputs: the aggregated columns and those of conditions by name, nulls included.
    """

    code: Int64s
    event: Int64s
    created: Int64s | None
    inputs: Mapping[str, pa.Array]

    def __len__(self) -> int:
        return len(self.code)

    def take(self, positions: Int64s, code: Int64s) -> Events:
        """The events at these positions, under other codes."""
        indices = pa.array(positions)
        return Events(
            code,
            self.event[positions],
            None if self.created is None else self.created[positions],
            {name: column.take(indices) for name, column in self.inputs.items()},
        )


@dataclass(frozen=True, slots=True)
class Timeline:
    """Where events are in time, to be searched.

    Attributes:
        base: the code of the first entity.
        entities: how many there are from there on, with events or without.
        places: of codes from `base` on, and of times.
        own: the places of the events, in order.
    """

    base: int
    entities: int
    places: Places
    own: Int64s

    @classmethod
    def sort(cls, code: Int64s, event: Int64s, created: Int64s | None) -> tuple[Timeline, Int64s | None]:
        """The timeline of events (one at least), and their order by ``(code, event, created)``; None: as they are."""
        base = int(code.min())
        entities = int(code.max()) - base + 1
        places = Places.over(event, entities)
        found, order = places.of(code - base, event), None
        if not bool(np.all(found[:-1] <= found[1:])):
            order = np.argsort(found)
            found = found[order]
        if created is not None:
            order = _settled(order, found, created)
        return cls(base, entities, places, found), order

    def ranges(self, points: Points, *, window: int | None, end: int, begin: int) -> Ranges:
        """For each point the events later than ``until - begin - window`` and not later than ``until - end``.

        Args:
            points: in order.
            window: None for no lower bound.
            end: how long before the point the last event may be.
            begin: how long before the point the window ends (`end` is longer where a delay hides its last
                events).
        """
        code = np.clip(points.code - self.base, 0, self.entities - 1)
        stop = self._passed(self.places.of(code, earlier(points.until, end)))
        if window is None:
            start = self._passed(code * self.places.width)
        else:
            start = self._passed(self.places.of(code, earlier(points.until, begin + window)))
        stop = np.maximum(start, stop)
        for outside, position in (
            (points.code < self.base, 0),
            (points.code >= self.base + self.entities, len(self.own)),
        ):
            start[outside] = stop[outside] = position
        return Ranges(start, stop)

    def _passed(self, places: Int64s) -> Int64s:
        """How many events are not after each place."""
        return np.searchsorted(self.own, places, side="right").astype(np.int64, copy=False)


def _settled(order: Int64s | None, places: Int64s, created: Int64s) -> Int64s | None:
    """The order, with events at one place in the order of their created times."""
    same = places[1:] == places[:-1]
    if not same.any():
        return order
    if order is None:
        order = np.arange(len(places))
    tied = np.zeros(len(order), np.bool_)
    tied[1:] |= same
    tied[:-1] |= same
    among = order[tied]
    order[tied] = among[np.lexsort((created[among], places[tied]))]
    return order


def earlier(times: Int64s, by: int) -> Int64s:
    """Times less a duration, as far back as 64 bits reach."""
    lowest = -(2**63)
    by = min(by, FOREVER)
    return np.where(times < lowest + by, np.int64(lowest), times - np.int64(by))
