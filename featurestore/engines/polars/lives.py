"""Who wins where rows come late (`available_at`) or go when they are corrected (`event_id`).

A row lives from the instant at which it is visible until another row of its event, with a later created
timestamp, is. Rows are ranked once, by rule 3; of the rows alive the highest rank wins. The instants that are
asked for, one *point* each, are in the order of entity and time:

- A row that never goes is noted at the first point that sees it; a running maximum does the rest.
- A row that goes covers a range of points: it is noted at the nodes of a binary tree over the points that
  make up the range, and a point looks at the nodes above it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from featurestore.engines.polars.match import CODE, NO_TIES, Match, Spine
from featurestore.engines.polars.scan import ROW, SourceRows
from featurestore.engines.polars.ties import ranked
from featurestore.engines.polars.times import young_enough
from featurestore.protocols.offline import ViewPlan

Int64Array = npt.NDArray[np.int64]


def match_lives(view: ViewPlan, source: SourceRows, narrow: pl.DataFrame, spine: Spine) -> Match:
    """The match where rows come late or go."""
    empty = pl.repeat(None, spine.frame.height, dtype=pl.Int64, eager=True)
    asked = spine.frame.with_row_index("position").drop_nulls([CODE, "until"])
    if not narrow.height or not asked.height:
        return Match(empty, NO_TIES)
    alive = with_lives(ranked(view, source, narrow), view).filter(
        pl.col("gone").is_null() | (pl.col("gone") > pl.col("visible"))
    )
    points = asked.select(CODE, "until").unique().sort(CODE, "until")
    best = _best(alive, points)
    asked = asked.join(
        points.with_columns(rank=pl.Series(best)), on=[CODE, "until"], how="left", maintain_order="left"
    ).filter(pl.col("rank") >= 0)
    by_rank = alive.select("rank", "event", ROW).sort("rank")
    found = by_rank["rank"].search_sorted(asked["rank"])
    young = young_enough(asked["t"], by_rank["event"].gather(found), view.ttl)
    rows = by_rank[ROW].gather(found).filter(young)
    return Match(empty.scatter(asked["position"].filter(young), rows) if rows.len() else empty, NO_TIES)


def with_lives(rows: pl.DataFrame, view: ViewPlan) -> pl.DataFrame:
    """The ranked rows with `gone`, the instant at which a correction of their event is visible, or null."""
    if view.source.event_id is None:
        return rows.with_columns(gone=pl.lit(None, pl.Int64))
    event = [CODE, "id"]
    several = rows.filter(pl.col("id").is_not_null(), pl.len().over(event) > 1)
    later = (
        several.sort("created", "rank", descending=True, nulls_last=True)
        .with_columns(gone=pl.col("visible").shift(1).cum_min().over(event))
        .select(ROW, "gone")
    )
    return rows.join(later, on=ROW, how="left")


def _best(alive: pl.DataFrame, points: pl.DataFrame) -> Int64Array:
    """The highest rank alive at each point, −1 where there is none."""
    place = _Points(points)
    start = place.first_not_before(alive[CODE], alive["visible"])
    stop = place.end_of(alive[CODE])
    ranks = alive["rank"].to_numpy().astype(np.int64)
    goes = alive["gone"].is_not_null().to_numpy()
    best = _lasting(place, start[~goes], stop[~goes], ranks[~goes])
    if goes.any():
        going = alive.filter(pl.Series(goes))
        ends = np.minimum(place.first_not_before(going[CODE], going["gone"]), stop[goes])
        best = np.maximum(best, _passing(points.height, start[goes], ends, ranks[goes]))
    return best


class _Points:
    """The points, in the order of entity and time, to be searched."""

    def __init__(self, points: pl.DataFrame) -> None:
        self._times = points["until"].unique().sort()
        self._width = self._times.len() + 1
        self.code = points[CODE].to_numpy()
        at = self._times.search_sorted(points["until"]).cast(pl.Int64).to_numpy()
        self._place = pl.Series(self.code * self._width + at)

    def first_not_before(self, code: pl.Series, time: pl.Series) -> Int64Array:
        """The first point of the entity (or of a later one) that is not before the time."""
        at = self._times.search_sorted(time).cast(pl.Int64)
        return self._place.search_sorted(code * self._width + at).cast(pl.Int64).to_numpy()

    def end_of(self, code: pl.Series) -> Int64Array:
        """The first point after those of the entity."""
        return self._place.search_sorted((code + 1) * self._width).cast(pl.Int64).to_numpy()


def _lasting(place: _Points, start: Int64Array, stop: Int64Array, ranks: Int64Array) -> Int64Array:
    best = np.full(len(place.code), -1, np.int64)
    seen = start < stop
    np.maximum.at(best, start[seen], ranks[seen])
    # One running maximum for all entities: those that come later start above all ranks of the earlier.
    step = int(ranks.max(initial=0)) + 2
    _, entity = np.unique(place.code, return_inverse=True)
    base = entity.astype(np.int64) * step
    return np.asarray(np.maximum.accumulate(base + best + 1) - base - 1)


def _passing(points: int, start: Int64Array, stop: Int64Array, ranks: Int64Array) -> Int64Array:
    tree = np.full(2 * points, -1, np.int64)
    left, right = start + points, np.maximum(stop, start) + points
    while (open_ranges := left < right).any():
        left, right, ranks = left[open_ranges], right[open_ranges], ranks[open_ranges]
        odd = left % 2 == 1
        np.maximum.at(tree, left[odd], ranks[odd])
        left = left + odd
        odd = right % 2 == 1
        right = right - odd
        np.maximum.at(tree, right[odd], ranks[odd])
        left, right = left // 2, right // 2
    node = np.arange(points) + points
    best = tree[node]
    while (node := node // 2).any():
        best = np.maximum(best, tree[node])
    return best
