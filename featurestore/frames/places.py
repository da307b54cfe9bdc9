"""Entity and time as one integer, its *place*: what is nearest in time is found by one sort and a binary search.

The entity's code stands in the high digits, so that the rows of an entity are neighbours in the order of time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Int64Array = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int64] | npt.NDArray[np.uint32]
_AT_ONCE = 2**20


@dataclass(frozen=True)
class Places:
    """Places of rows, and of what is asked for.

    Attributes:
        rows: of each row.
        asked: of each code and time that is asked for; a row is visible up to it.
        width: how many places an entity has.
        times: what stands for the places of an entity, if these are not the microseconds from `first` on.
        first: the microsecond of an entity's place 1.
    """

    rows: Int64Array
    asked: Int64Array
    width: int
    first: int
    times: Int64Array | None

    @classmethod
    def of(cls, code: Codes, time: Int64Array, asked_code: Codes, asked_time: Int64Array) -> Places:
        """Places of at least one row and at least one that is asked for; codes are not negative.

        The rows' times are overwritten: large arrays are dear, so no more of them are made than needed.
        """
        low, high = int(time.min()), int(time.max())
        entities = max(int(code.max()), int(asked_code.max())) + 1
        width = high - low + 2
        if width * entities < 2**63:
            rows, asked, times = time, asked_time.clip(low - 1, high) - (low - 1), None
            rows -= low - 1
        else:
            # Too far apart for 63 bits: take the place of the time among the times instead of the time.
            times = np.unique(time)
            width = len(times) + 1
            rows = np.searchsorted(times, time, side="right").astype(np.int64)
            asked = np.searchsorted(times, asked_time, side="right").astype(np.int64)
        for start in range(0, len(rows), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            rows[part] += code[part] * np.int64(width)
        return cls(rows, asked_code * np.int64(width) + asked, width, low, times)

    def entity(self, places: Int64Array) -> Int64Array:
        """The codes of the entities that places belong to."""
        return places // self.width

    def time(self, places: Int64Array) -> Int64Array:
        """The times of rows with these places."""
        within = places % self.width - 1
        return within + self.first if self.times is None else self.times[within]


def count_not_after(places: Int64Array, asked: Int64Array) -> Int64Array:
    """How many of the sorted places are not after each that is asked for; sorted look-ups stay in the cache."""
    order = np.argsort(asked)
    found = np.empty(len(asked), np.int64)
    found[order] = np.searchsorted(places, asked[order], side="right")
    return found
