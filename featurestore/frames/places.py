"""Entity and time as one integer, its *place*: what is nearest in time is found by one sort and a binary search.

The entity's code stands in the high digits, so that the rows of an entity are neighbours in the order of time.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Int64Array = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int64] | npt.NDArray[np.uint32]
_AT_ONCE = 2**18
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Places:
    """How entities (codes from 0 on) and times become places.

    Attributes:
        low, high: the first and the last time of a row, in microseconds.
        width: how many places an entity has.
        times: the rows' distinct times, where these are too far apart to be places themselves.
    """

    low: int
    high: int
    width: int
    times: Int64Array | None

    @classmethod
    def over(cls, time: Int64Array, entities: int) -> Places:
        """For rows (one at least) of so many entities."""
        low, high = int(time.min()), int(time.max())
        width = high - low + 2
        if width * entities < 2**63:
            return cls(low, high, width, None)
        times = np.unique(time)
        return cls(low, high, len(times) + 1, times)

    def of(self, code: Codes, time: Int64Array) -> Int64Array:
        """Any times of entities; one between two rows' times is at the place of the earlier."""
        if self.times is None:
            within = time.clip(self.low - 1, self.high)
            within -= self.low - 1
        else:
            within = np.searchsorted(self.times, time, side="right").astype(np.int64)
        return self._added(code, within)

    def of_rows(self, code: Codes, time: Int64Array) -> Int64Array:
        """The rows' own times, which may be overwritten: large arrays are dear, so no more are made than needed."""
        if self.times is not None:
            return self.of(code, time)
        time -= self.low - 1
        return self._added(code, time)

    def _added(self, code: Codes, within: Int64Array) -> Int64Array:
        for start in range(0, len(within), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            within[part] += code[part] * np.int64(self.width)
        return within

    def entity(self, places: Int64Array) -> Int64Array:
        """The codes of the entities that places belong to."""
        return places // self.width

    def time(self, places: Int64Array) -> Int64Array:
        """The times of rows with these places."""
        return self.time_of(places % self.width)

    def time_of(self, within: Int64Array) -> Int64Array:
        """The times of rows, by how far their places are (one at least) above their entity's first."""
        return within + (self.low - 1) if self.times is None else self.times[within - 1]


@dataclass(frozen=True)
class Asked:
    """What is asked for, at least of one entity: its code, up to when it sees, and its own time.

    Attributes:
        code, until, at: of one length; `until` may be shortened by a delay that is the same for all.
    """

    code: Codes
    until: Int64Array
    at: Int64Array

    @cached_property
    def order(self) -> list[npt.NDArray[np.uint32]]:
        """The order of code and `until` within each part: sorted once for all sources that are searched."""
        places = Places.over(self.until, int(self.code.max()) + 1)

        def sort(part: slice) -> npt.NDArray[np.uint32]:
            return np.argsort(places.of(self.code[part], self.until[part])).astype(np.uint32)

        return _in_parts(sort, len(self.code))


def last_seen(places: Places, rows: Int64Array, asked: Asked, ttl: int | None) -> Int64Array:
    """For each that asks, the number of its entity's last row that is not after its `until`.

    Args:
        places: of the rows.
        rows: their places, sorted.
        asked: who asks.
        ttl: how much earlier than its own time the row may be at most; None for any.

    Returns:
        Numbers in `rows`, −1 where there is none.
    """
    found = np.empty(len(asked.code), np.int64)
    order = asked.order

    def search(part: slice) -> None:
        # Look-ups in the order of the places stay in the cache, and so does all that is made for a part.
        sort = order[part.start // _AT_ONCE]
        code, until = asked.code[part][sort].astype(np.int64), asked.until[part][sort]
        position = np.searchsorted(rows, places.of(code, until), side="right") - 1
        within = rows[np.maximum(position, 0)] - code * places.width
        hit = (position >= 0) & (within >= 0)
        if ttl is not None:
            hit &= _young_enough(asked.at[part][sort], places.time_of(np.where(hit, within, 1)), ttl)
        position[~hit] = -1
        found[part][sort] = position

    _in_parts(search, len(found))
    return found


def _young_enough(at: Int64Array, event: Int64Array, ttl: int) -> npt.NDArray[np.bool_]:
    """Rule 4, for events that are not later than the times: the unsigned difference cannot overflow."""
    return at.view(np.uint64) - event.view(np.uint64) <= np.uint64(min(ttl, 2**64 - 1))


def _in_parts(work: Callable[[slice], Result], rows: int) -> list[Result]:
    """What the work returns for each part of the rows, on all processors."""
    parts = [slice(start, start + _AT_ONCE) for start in range(0, rows, _AT_ONCE)]
    if len(parts) < 2:
        return [work(part) for part in parts]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(work, parts))
