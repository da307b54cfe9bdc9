"""Events that come late or go when they are corrected: which of a window's events exist at an instant.

A row lives from the instant at which it is visible until another row of its event, with a later created
timestamp, is. The windows are laid side by side, batch by batch, and what does not exist at a window's instant
is left out: the cost grows with the events within the windows, added up over all points.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from featurestore.windows.arrays import Int64s
from featurestore.windows.events import FOREVER, Events, Points
from featurestore.windows.order import order_keys
from featurestore.windows.ranges import Ranges, lay

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Lives:
    """When each event comes and goes: it exists from `visible` until just before `gone`."""

    visible: Int64s
    gone: Int64s

    def exist(self, positions: Int64s, until: Int64s) -> Int64s:
        """Which of the events at these positions exist at these instants."""
        alive = (self.visible[positions] <= until) & (until < self.gone[positions])
        return np.flatnonzero(alive)


def lives_of(events: Events, visible: Int64s, event_id: pa.Array | None) -> Lives:
    """The lives of sorted events; an event whose id is null is never corrected."""
    gone = np.full(len(events), FOREVER, np.int64)
    if event_id is None:
        return Lives(visible, gone)
    ids = event_id.dictionary_encode().indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    created = np.zeros(len(events), np.int64) if events.created is None else events.created
    values = [*_tie_keys(events)[::-1], events.event, created]
    several = np.flatnonzero(ids >= 0)
    order = several[np.lexsort([key[several] for key in (*values, ids, events.code)])]
    same = (ids[order[1:]] == ids[order[:-1]]) & (events.code[order[1:]] == events.code[order[:-1]])
    gone[order] = _least_after(visible[order], same)
    return Lives(visible, gone)


def _tie_keys(events: Events) -> list[Int64s]:
    """What tells rows apart that are equal in all times."""
    keys = []
    for column in events.inputs.values():
        place = np.zeros(len(column), np.int64)
        valid = np.asarray(column.is_valid())
        if valid.any():
            found = order_keys(column.drop_null()).keys
            place[valid] = np.unique(found, return_inverse=True)[1] + 1
        keys.append(place)
    return keys


def _least_after(visible: Int64s, same: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Int64s:
    """For each row the least `visible` of the rows after it that are of the same event."""
    if not len(visible):
        return visible
    # One running minimum from the end for all events: each event's rows rank below those of the next.
    times, place = np.unique(visible, return_inverse=True)
    event = np.concatenate([np.zeros(1, np.int64), np.cumsum(~same)])
    width = len(times) + 1
    packed = event * width + place
    least = np.minimum.accumulate(np.append(packed[1:], (event[-1] + 1) * width)[::-1])[::-1]
    own = least // width == event
    return np.where(own, times[np.where(own, least % width, 0)], np.int64(FOREVER))


def existing(
    events: Events, lives: Lives, ranges: Ranges, points: Points
) -> Iterator[tuple[slice, Events, Ranges]]:
    """Run by run of points: the events of their windows that exist at them, under the points' numbers as codes."""
    for laid in lay(ranges):
        kept = lives.exist(laid.positions, points.until[laid.ranges][laid.owner])
        owner = laid.owner[kept]
        counts = np.bincount(owner, minlength=len(laid.offsets) - 1)
        ends = np.cumsum(counts)
        yield laid.ranges, events.take(laid.positions[kept], owner), Ranges(ends - counts, ends)
