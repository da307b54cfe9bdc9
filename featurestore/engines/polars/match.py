"""Who wins: for each entity row the number of its source row, by rules 1 to 4, on keys and times alone.

An entity (by its code) and a time become one integer, the code in the high digits, so that the rows of an
entity in the order of time are neighbours after one sort, and a match is a binary search.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from featurestore.engines.polars.scan import EVERY_TIME, ROW, Reach, SourceRows
from featurestore.engines.polars.times import MAX_INSTANT, check_delay, effective, instants
from featurestore.engines.polars.types import comparable, key_values
from featurestore.frames.places import Asked, Int64Array, Places, last_seen
from featurestore.frames.times import CREATED_TIME, SOURCE_TIME, Reading
from featurestore.protocols.offline import TIME_COLUMN, ViewPlan

if TYPE_CHECKING:
    import pyarrow as pa

CODE = "__fs_code"
ROWS_AT_ONCE = 2**21


@dataclass(frozen=True)
class Narrow:
    """Rows of a source without their features; `frame` has CODE, ROW, event, created, visible and id.

    Rows without a key or an event timestamp, rows that are never visible, and rows that were not known as of
    the plan's `as_of` are not in it.
    """

    frame: pl.DataFrame


@dataclass(frozen=True)
class Match:
    """The winners.

    Attributes:
        rows: for each entity row the number of its source row, null where there is none. Where several rows
            tie in event and created timestamp it is any one of them.
        tied: rows (ROW) of a tie under a common number (group), for the ties that won; `rows` names one.
    """

    rows: pl.Series
    tied: pl.DataFrame


NO_TIES = pl.DataFrame(schema={"group": pl.Int64, ROW: pl.Int64})


def key_names(view: ViewPlan) -> list[str]:
    """What the keys are called here: k0, k1 and so on."""
    return [f"__fs_k{i}" for i in range(len(view.keys))]


def read_narrow(view: ViewPlan, rows: SourceRows, reach: Reach) -> pl.DataFrame:
    """Keys and times of the source's rows: k0, k1, …, event, created, visible, id and ROW.

    Rows out of reach may be left out.
    """
    return _narrow(view, rows.read(_narrow_columns(view), reach=reach), rows.text)


def narrow_parts(view: ViewPlan, rows: SourceRows, reach: Reach) -> Iterator[pl.DataFrame]:
    """The same in parts; at least one."""
    parts = rows.parts(_narrow_columns(view), at_once=ROWS_AT_ONCE, reach=reach)
    return (_narrow(view, raw, rows.text) for raw in parts)


def _narrow_columns(view: ViewPlan) -> list[str]:
    source = view.source
    roles = [source.event_timestamp, source.created_timestamp, source.available_at, source.event_id]
    return [*(key.name for key in view.keys), *(role for role in roles if role is not None)]


def _narrow(view: ViewPlan, raw: pl.DataFrame, text: Collection[str]) -> pl.DataFrame:
    source = view.source
    data = [
        key_values(raw[key.name], key.dtype, view, text=key.name in text).alias(name)
        for name, key in zip(key_names(view), view.keys, strict=True)
    ]
    event = _role(view, raw, "event_timestamp", SOURCE_TIME)
    check_delay(event, view.delay, column=source.event_timestamp)
    created = _role(view, raw, "created_timestamp", CREATED_TIME)
    available = _role(view, raw, "available_at", SOURCE_TIME)
    frame = pl.DataFrame([*data, event.alias("event"), created.alias("created"), raw[ROW].cast(pl.Int64)])
    visible = pl.col("event") + view.delay if view.delay else pl.col("event")
    if source.available_at is not None:
        frame = frame.with_columns(available=available)
        visible = pl.when(pl.col("available").is_not_null()).then(pl.max_horizontal(visible, "available"))
    if source.event_id is not None:
        frame = frame.with_columns(raw[source.event_id].alias("id"))
    frame = frame.with_columns(visible=visible)
    # A filter copies all columns, even where every row passes.
    needed = (*key_names(view), "event", "visible")
    conditions = [pl.col(name).is_not_null() for name in needed if frame[name].null_count()]
    if view.as_of is not None:
        known = "created" if source.available_at is None else "available"
        conditions.append(pl.col(known) <= view.as_of)
    return frame.filter(*conditions) if conditions else frame


def _role(view: ViewPlan, raw: pl.DataFrame, role: str, reading: Reading) -> pl.Series:
    column = getattr(view.source, role)
    if column is None:
        return pl.repeat(None, raw.height, dtype=pl.Int64, eager=True)
    return instants(raw[column], view.source.timezone, reading, what=f"{role} {column!r}")


@dataclass(frozen=True)
class Spine:
    """The entity rows of one view.

    Attributes:
        frame: t, until (the last visible instant, less the delay where `nearest`), and CODE; nulls where a
            key or the time is null.
        keys: the distinct entities: k0, k1, … and CODE.
    """

    frame: pl.DataFrame
    keys: pl.DataFrame

    @cached_property
    def asked(self) -> tuple[pl.Series | None, Asked]:
        """The rows that see anything, and their positions; None if these are all."""
        known, position = self.frame, None
        if known[CODE].null_count() or known["until"].null_count():
            known = known.with_row_index("position").drop_nulls([CODE, "until"])
            position = known["position"]
        return position, Asked(known[CODE].to_numpy(), known["until"].to_numpy(), known["t"].to_numpy())


class Spines:
    """The spines of a request's entity rows; views that ask for the same share one."""

    def __init__(self, entities: pa.Table) -> None:
        self._entities = entities
        self._known: dict[object, Spine] = {}

    def of(self, view: ViewPlan) -> Spine:
        """The spine of a view."""
        keys = tuple(key.entity_column for key in view.keys)
        same = (keys, view.grid, _taken_off(view))
        if same not in self._known:
            self._known[same] = entity_spine(view, self._entities)
        return self._known[same]


def _taken_off(view: ViewPlan) -> int:
    """What is taken off the effective times, instead of added to each event."""
    return view.delay if view.in_order and not view.windows else 0


def entity_spine(view: ViewPlan, entities: pa.Table) -> Spine:
    """The entity rows with their entity's code and the instant up to which they see."""
    times = pl.Series("t", entities.column(TIME_COLUMN), dtype=pl.Int64)
    names = key_names(view)
    columns = [
        comparable(pl.Series(name, entities.column(key.entity_column)))
        for name, key in zip(names, view.keys, strict=True)
    ]
    frame = pl.DataFrame([*columns, times])
    until = effective(times, view.grid, delay=_taken_off(view))
    frame = frame.with_columns(until=until)
    if not names:
        coded = frame.with_columns(pl.lit(0, pl.Int64).alias(CODE))
        return Spine(coded, pl.DataFrame({CODE: pl.Series([0], dtype=pl.Int64)}))
    keys = (
        frame.select(names)
        .unique(maintain_order=bool(view.windows))
        .drop_nulls()
        .with_row_index(CODE)
        .with_columns(pl.col(CODE).cast(pl.Int64))
    )
    return Spine(frame.join(keys, on=names, how="left", maintain_order="left").drop(names), keys)


def with_codes(narrow: pl.DataFrame, keys: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """The narrow rows of these entities in their order, with their codes instead of their keys."""
    if not names:
        return narrow.with_columns(pl.lit(0, pl.Int64).alias(CODE))
    found = narrow.select(names).join(keys, on=list(names), how="left", maintain_order="left")[CODE]
    coded = narrow.drop(names).with_columns(found)
    return coded.filter(pl.col(CODE).is_not_null()) if found.null_count() else coded


def nearest(view: ViewPlan, narrow: pl.DataFrame, spine: Spine) -> Match:
    """The match where rows only come: the last event not after `until`, of these the last created."""
    position, asked = spine.asked
    if not narrow.height or not len(asked.code):
        return Match(_nothing(spine), NO_TIES)
    places = Places.over(narrow["event"].to_numpy(), max(_last(narrow[CODE]), int(asked.code.max())) + 1)
    order, rows = _sorted_places(places, narrow)
    found = last_seen(places, rows, asked, view.ttl)
    chosen, tied = _settle_created(narrow, order, found, rows)
    return Match(chosen if position is None else _nothing(spine).scatter(position, chosen), tied)


def _last(codes: pl.Series) -> int:
    return int(codes.to_numpy().max())


def _sorted_places(places: Places, narrow: pl.DataFrame) -> tuple[npt.NDArray[np.uint32], Int64Array]:
    """The narrow rows in the order of their places, and these places."""
    rows = pl.Series(places.of_rows(narrow[CODE].to_numpy(), narrow["event"].to_numpy().copy()))
    order = rows.arg_sort()
    return order.to_numpy(), rows.gather(order).to_numpy()


def _settle_created(
    narrow: pl.DataFrame, numbers: npt.NDArray[np.uint32], found: Int64Array, places: Int64Array
) -> tuple[pl.Series, pl.DataFrame]:
    """Source rows at the found positions, −1 for none; of those that share a place, the last created."""
    rows = narrow[ROW].to_numpy()
    seen = pl.Series(found >= 0)
    chosen = rows[numbers[found]]
    ties = np.zeros(len(places), np.bool_)
    ties[1:] = places[1:] == places[:-1]
    several = ties[found] & seen.to_numpy() if ties.any() else ties[:0]
    if not several.any():
        return _where(seen, chosen), NO_TIES
    groups = np.unique(found[several])
    starts = np.searchsorted(places, places[groups])
    counts = groups - starts + 1
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    member = numbers[np.repeat(starts, counts) + within]
    created = narrow["created"].gather(pl.Series(member))
    candidates = pl.DataFrame({"group": np.repeat(groups, counts), ROW: rows[member], "created": created})
    best = candidates.filter(pl.col("created").eq_missing(pl.col("created").max().over("group")))
    winner = best.group_by("group").agg(pl.col(ROW).first(), pl.len())
    settled = winner.sort("group")[ROW].to_numpy()
    chosen[several] = settled[np.searchsorted(groups, found[several])]
    many = winner.filter(pl.col("len") > 1).select("group")
    return _where(seen, chosen), best.join(many, on="group", how="semi").select("group", ROW)


def _where(seen: pl.Series, chosen: Int64Array) -> pl.Series:
    """The chosen rows, null where none is seen."""
    rows = pl.Series(chosen)
    return rows if seen.all() else rows.set(~seen, None)


def _nothing(spine: Spine) -> pl.Series:
    return pl.repeat(None, spine.frame.height, dtype=pl.Int64, eager=True)


def reach_of(view: ViewPlan, spine: Spine) -> Reach:
    """The event timestamps that any entity row can make use of.

    A row too old for the ttl can only lose to another one that is too old; but as a correction it can make
    another row of its event disappear.
    """
    first, latest = spine.frame["t"].min(), spine.frame["until"].max()
    if not isinstance(first, int) or not isinstance(latest, int):
        return EVERY_TIME
    latest = min(latest if view.in_order else latest - view.delay, MAX_INSTANT)
    if view.ttl is None or view.source.event_id is not None:
        return Reach(latest=latest)
    return Reach(first - view.ttl, latest)
