"""Entity and time as one integer, its *place*: what is nearest in time is found by one sort and a binary search.

The entity's code stands in the high digits, so that the rows of an entity are neighbours in the order of time.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Int64Array = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int64] | npt.NDArray[np.uint32]
_AT_ONCE = 2**20


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
        within = places % self.width - 1
        return within + self.low if self.times is None else self.times[within]


def count_not_after(places: Int64Array, asked: Int64Array) -> Int64Array:
    """How many of the sorted places are not after each that is asked for, on all processors.

    Look-ups in the order of the places stay in the cache, and so does a part of them while it is sorted.
    """
    found = np.empty(len(asked), np.int64)

    def look_up(start: int) -> None:
        part = asked[start : start + _AT_ONCE]
        order = np.argsort(part)
        found[start : start + _AT_ONCE][order] = np.searchsorted(places, part[order], side="right")

    starts = range(0, len(asked), _AT_ONCE)
    if len(starts) > 1:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(look_up, starts))
    elif starts:
        look_up(0)
    return found
