"""Entity rows as the points that they ask for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from featurestore.windows.arrays import Int64s
from featurestore.windows.events import Points, Timeline


@dataclass(frozen=True)
class Spine:
    """Entity rows as points.

    Attributes:
        points: each once, in order.
        of_row: for each entity row the number of its point; the number of points where it has none.
    """

    points: Points
    of_row: Int64s

    @classmethod
    def of(cls, row: Int64s, code: Int64s, until: Int64s, *, rows: int) -> Spine:
        """Of so many entity rows, of which these (by number) have a known entity and instant."""
        of_row = np.zeros(rows, np.int64)
        if not len(row):
            return cls(Points(code, until), of_row)
        timeline, order = Timeline.sort(code, until, None)
        if order is not None:
            row, code, until = row[order], code[order], until[order]
        new = np.append(True, timeline.own[1:] != timeline.own[:-1])
        points = Points(code[new].astype(np.int64), until[new])
        of_row[:] = len(points)
        of_row[row] = np.cumsum(new) - 1
        return cls(points, of_row)
