"""The events of a chunk of entities, sorted by entity and time, and the ranges that windows cut out of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from featurestore.windows.arrays import Int64s
from featurestore.windows.ranges import Ranges

CODE, EVENT, CREATED, VISIBLE, EVENT_ID = "code", "event", "created", "visible", "id"
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
class Places:
    """Entity and time as one integer that sorts as both.

    Attributes:
        low, high: of the events' times.
        width: how many places each entity has.
        times: the distinct times, where times are too far apart to be places themselves; else None.
        base: the lowest code.
    """

    low: int
    high: int
    width: int
    times: Int64s | None
    base: int

    @classmethod
    def over(cls, code: Int64s, event: Int64s) -> Places:
        """For events with these codes and times (one at least)."""
        low, high, base = int(event.min()), int(event.max()), int(code.min())
        entities = int(code.max()) - base + 2
        width = high - low + 2
        if width * entities < 2**63:
            return cls(low, high, width, None, base)
        times = np.unique(event)
        return cls(low, high, len(times) + 1, times, base)

    def of(self, code: Int64s, time: Int64s) -> Int64s:
        """How high a time of an entity is; times between two events are as high as the earlier one."""
        if self.times is None:
            place = np.clip(time, self.low - 1, self.high) - (self.low - 1)
        else:
            place = np.searchsorted(self.times, time, side="right")
        return (code - self.base) * self.width + place


def sort_order(code: Int64s, event: Int64s, created: Int64s | None) -> Int64s:
    """The positions of events in the order of ``(code, event, created)``."""
    places = Places.over(code, event).of(code, event)
    if bool(np.all(places[:-1] <= places[1:])):
        order = np.arange(len(places))
    else:
        order = np.argsort(places)
        places = places[order]
    same = places[1:] == places[:-1]
    if created is None or not same.any():
        return order
    tied = np.zeros(len(order), np.bool_)
    tied[1:] |= same
    tied[:-1] |= same
    among = order[tied]
    order[tied] = among[np.lexsort((created[among], places[tied]))]
    return order


@dataclass(frozen=True, slots=True)
class Timeline:
    """The places of a chunk's events, to be searched."""

    places: Places
    own: Int64s

    @classmethod
    def of(cls, events: Events) -> Timeline:
        """Of one event at least."""
        places = Places.over(events.code, events.event)
        return cls(places, places.of(events.code, events.event))

    def ranges(self, points: Points, *, window: int | None, end: int, begin: int) -> Ranges:
        """For each point the events later than ``until - begin - window`` and not later than ``until - end``.

        Args:
            points: in order.
            window: None for no lower bound.
            end: how long before the point the last event may be.
            begin: how long before the point the window ends (`end` is longer where a delay hides its last
                events).
        """
        places = self.places
        last = places.base + int(self.own[-1]) // places.width
        code = np.clip(points.code, places.base, last)
        stop = self._passed(places.of(code, earlier(points.until, end)))
        if window is None:
            start = self._passed((code - places.base) * places.width)
        else:
            start = self._passed(places.of(code, earlier(points.until, begin + window)))
        stop = np.maximum(start, stop)
        for outside, position in ((points.code < places.base, 0), (points.code > last, len(self.own))):
            start[outside] = stop[outside] = position
        return Ranges(start, stop)

    def _passed(self, places: Int64s) -> Int64s:
        """How many events are not after each place."""
        return np.searchsorted(self.own, places, side="right").astype(np.int64)


def earlier(times: Int64s, by: int) -> Int64s:
    """Times less a duration, as far back as 64 bits reach."""
    lowest = -(2**63)
    by = min(by, FOREVER)
    return np.where(times < lowest + by, np.int64(lowest), times - np.int64(by))
