"""The row that each entity has at one instant: found by key on narrow columns, before its features are read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import polars as pl

from featurestore.engines.polars.match import CODE, NO_TIES, Match, key_names, narrow_parts
from featurestore.engines.polars.scan import EVERY_TIME, ROW, Reach, SourceRows
from featurestore.engines.polars.times import effective_instant
from featurestore.engines.polars.types import comparable
from featurestore.protocols.offline import Changes, ViewPlan
from featurestore.windows.moves import moving_events

if TYPE_CHECKING:
    import pyarrow as pa

_THE_ONE = pl.DataFrame({CODE: pl.Series([0], dtype=pl.Int64)})  # of a view without keys


def latest_rows(
    view: ViewPlan, source: SourceRows, *, at: int, changes: Changes | None, keys: pa.Table | None
) -> tuple[pl.DataFrame, Match]:
    """Each entity's winner (one row each: keys, event, created, ROW), and the match over these rows."""
    by = key_names(view) or [CODE]
    # Of rows that no other one corrects, the latest of all is among the latest of each part. An incremental run knows
    # the entities only in the end: it is faster to find the latest rows of these alone.
    reduces = view.source.event_id is None and changes is None
    each = partial(_latest, by=by) if reduces else None
    last = _latest(visible_rows(view, source, at=at, changes=changes, keys=keys, each=each), by).sort(ROW)
    groups = last.with_columns(
        group=pl.struct(by).rank("dense").cast(pl.Int64), several=pl.len().over(by) > 1
    )
    chosen = groups.unique("group", keep="first", maintain_order=True)
    tied = groups.filter("several").select("group", ROW) if groups["several"].any() else NO_TIES
    return chosen, Match(chosen[ROW], tied)


def _latest(rows: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """Of each entity the rows with the last event timestamp, of these those with the last created one."""
    latest = rows.group_by(by).agg(pl.col("event").max())
    # Most rows are older than what the least active entity has: a comparison spares them the join.
    possible = rows.filter(pl.col("event") >= pl.lit(latest["event"].min(), pl.Int64))
    last = possible.join(latest, on=[*by, "event"], how="semi")
    return last.filter(pl.col("created").eq_missing(pl.col("created").max().over(by)))


def existing_rows(view: ViewPlan, source: SourceRows, *, at: int, changes: Changes | None) -> pl.DataFrame:
    """`visible_rows`, of equal rows with one event id only one."""
    visible = visible_rows(view, source, at=at, changes=changes)
    if view.source.event_id is None:
        return visible
    event = [*(key_names(view) or [CODE]), "id"]
    return visible.filter(pl.col("id").is_null() | (pl.int_range(pl.len()).over(event) == 0))


def visible_rows(
    view: ViewPlan,
    source: SourceRows,
    *,
    at: int,
    changes: Changes | None,
    keys: pa.Table | None = None,
    each: Callable[[pl.DataFrame], pl.DataFrame] | None = None,
) -> pl.DataFrame:
    """The visible rows that exist: keys (CODE where there are none), event, created, visible, ROW.

    Args:
        view: the view.
        source: its rows.
        at: the instant.
        changes: only entities that may have changed (united with `keys`).
        keys: only these entities.
        each: leaves out rows of a part of the source, before the next one is read.
    """
    until = effective_instant(at, view.grid)
    names = key_names(view)
    changed, parts = [], []
    for narrow in narrow_parts(view, source, EVERY_TIME if changes else Reach(latest=until - view.delay)):
        if changes is not None:
            changed.append(changed_entities(view, narrow, at, changes))
        later = narrow["visible"] > until
        part = narrow.filter(~later) if later.any() else narrow
        part = part if names else part.with_columns(pl.lit(0, pl.Int64).alias(CODE))
        parts.append(each(part) if each else part)
    visible = pl.concat(parts)
    wanted = wanted_entities(view, changed if changes else None, keys)
    if wanted is not None:
        visible = visible.join(wanted, on=names or [CODE], how="semi")
    return visible if view.source.event_id is None else _corrected(visible, names or [CODE])


def _corrected(visible: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """The rows that are the last of their event; equal ones stay, the greatest of them wins anyway."""
    event = [*by, "id"]
    created = pl.col("created").eq_missing(pl.col("created").max().over(event))
    last = visible.filter(pl.col("id").is_null() | created)
    return last.filter(pl.col("id").is_null() | (pl.col("event") == pl.col("event").max().over(event)))


def wanted_entities(
    view: ViewPlan, changed: Sequence[pl.DataFrame] | None, keys: pa.Table | None
) -> pl.DataFrame | None:
    """The entities that may have changed (None: any), and those that are given; None for all."""
    names = key_names(view)
    parts = [*(changed or ())]
    if keys is not None:
        columns = [
            comparable(pl.Series(name, keys.column(key.name)))
            for name, key in zip(names, view.keys, strict=True)
        ]
        parts.append(pl.DataFrame(columns) if names else _THE_ONE)
    if not parts:
        return None
    return pl.concat(parts).unique()


def changed_entities(view: ViewPlan, narrow: pl.DataFrame, at: int, changes: Changes) -> pl.DataFrame:
    """The entities of these rows that may have changed: their keys (CODE where there are none)."""
    changed = narrow.filter(_changed(view, at, changes))
    names = key_names(view)
    return changed.select(names).unique() if names else _THE_ONE.head(changed.height)


def _changed(view: ViewPlan, at: int, changes: Changes) -> pl.Expr:
    since, until = (effective_instant(time, view.grid) for time in (changes.since, at))
    changed = (pl.col("visible") > since) & (pl.col("visible") <= until)
    for low, high in moving_events(view, since, until):
        changed |= (pl.col("event") > low) & (pl.col("event") <= high)
    if view.source.created_timestamp is not None:
        changed |= (pl.col("created") > changes.known_after) | pl.col("created").is_null()
    if view.source.available_at is not None:
        changed |= pl.col("available") > changes.known_after
    return changed
