"""Rules 1 to 7: the value of each feature of a view for (entity, time)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from featurestore.definitions.schedule import Schedule
from featurestore.definitions.types import FeatureType
from featurestore.definitions.view import FeatureView
from featurestore.testing.oracle.order import as_declared, order_key
from featurestore.testing.oracle.rows import Key, Latest, Row
from featurestore.testing.oracle.times import (
    entity_instant,
    known_instant,
    microseconds,
    source_instant,
)
from featurestore.testing.oracle.windows import aggregate, condition, empty_value, in_window


def historical(
    view: FeatureView,
    rows: Sequence[Row],
    entities: Sequence[Row],
    *,
    event_timestamp: str = "event_timestamp",
    timezone: str = "UTC",
    as_of: datetime | None = None,
    join_keys: Mapping[str, str] | None = None,
    features: Sequence[str] | None = None,
) -> list[dict[str, object]]:
    """The feature values of each entity row, in order.

    Args:
        view: of features, or of aggregations whose input types are known.
        rows: of the source, by source column.
        entities: the rows to be completed.
        event_timestamp: their time column.
        timezone: of naive times among them.
        as_of: rows that were known later do not exist.
        join_keys: renamed keys, key to column of the entity rows.
        features: by default all of the view's.
    """
    names = features if features is not None else [feature.name for feature in view.features]
    renamed = join_keys or {}
    existing = existing_rows(view, rows, entity_instant(as_of))
    result = []
    for entity in entities:
        key = tuple(entity[renamed.get(k, k)] for k in view.join_keys)
        at = entity_instant(entity[event_timestamp], timezone)
        if view.aggregations:
            known = at is not None and None not in key
            seen = visible(view, existing, key, at) if at is not None and known else []
            values = aggregated(view, seen, at or 0, names)
            result.append({name: values[name] for name in names})
            continue
        chosen = None if at is None or None in key else choose(view, existing, key, at)
        if chosen is not None and at is not None and expired(view, chosen.event, at):
            chosen = None
        result.append({name: None if chosen is None else chosen.values[name] for name in names})
    return result


def latest(
    view: FeatureView,
    rows: Sequence[Row],
    at: datetime,
    *,
    as_of: datetime | None = None,
    features: Sequence[str] | None = None,
) -> dict[Key, Latest]:
    """The row that each entity has at the instant `at` by rules 1 to 3, expired or not, by key.

    Aggregations are rows whose event is the effective time: one for each entity with any visible row; with
    `features` only these are computed.
    """
    instant = entity_instant(at)
    if instant is None:
        raise TypeError("at is an instant")
    existing = existing_rows(view, rows, entity_instant(as_of))
    if view.aggregations:
        return _all_aggregated(view, existing, instant, features or [a.name for a in view.aggregations])
    chosen = {key: choose(view, existing, key, instant) for key in dict.fromkeys(row.key for row in existing)}
    return {key: row for key, row in chosen.items() if row is not None}


def changed(
    view: FeatureView,
    rows: Sequence[Row],
    *,
    since: int,
    known_after: int,
    until: int | None = None,
    as_of: datetime | None = None,
) -> set[Key]:
    """The entities that an incremental run has to look at, by their rows that exist.

    A row counts if it became visible after the effective time of `since`, or if its created time (where
    there is such a column) is later than `known_after` or null, or its available time is later than that.
    With `until` only rows count that are visible at its effective time. For aggregations a row counts as well
    if it is in a window at the one effective time and not at the other, or decays between them.
    """
    delay = microseconds(view.source.effective_delay)
    start = effective_time(view.schedule, since)
    end = None if until is None else effective_time(view.schedule, until)
    has_created = view.source.created_timestamp is not None
    return {
        row.key
        for row in existing_rows(view, rows, entity_instant(as_of))
        if (end is None or row.visible_from(delay) <= end)
        and (
            row.visible_from(delay) > start
            or _moved(view, row, start, end)
            or (has_created and (row.created is None or row.created > known_after))
            or (row.available is not None and row.available > known_after)
        )
    }


def _moved(view: FeatureView, row: Latest, start: int, end: int | None) -> bool:
    """Whether a row is in a window at one of two effective times only, or at both and decays between them.

    With an open end, whether it may be.
    """
    if end is None or start == end:
        return end is None and bool(view.aggregations)
    return any(
        at_start != at_end or (at_start and a.function.startswith("decayed_"))
        for a in view.aggregations
        for at_start, at_end in [(in_window(a, row.event, start), in_window(a, row.event, end))]
    )


def aggregated(view: FeatureView, rows: Sequence[Latest], at: int, names: Sequence[str]) -> dict[str, object]:
    """Rule 5 over the visible rows of one entity."""
    effective = effective_time(view.schedule, at)
    return {a.name: aggregate(a, rows, effective) for a in view.aggregations if a.name in names}


def empty_values(view: FeatureView) -> dict[str, object]:
    """What a view gives for no rows at all."""
    return {f.name: None for f in view.features} | {a.name: empty_value(a) for a in view.aggregations}


def _all_aggregated(
    view: FeatureView, rows: Sequence[Latest], at: int, names: Sequence[str]
) -> dict[Key, Latest]:
    effective = effective_time(view.schedule, at)
    found = {}
    for key in dict.fromkeys(row.key for row in rows):
        seen = visible(view, rows, key, at)
        if seen:
            values = aggregated(view, seen, at, names)
            found[key] = Latest(key, effective, None, None, None, values)
    return found


def effective_time(schedule: Schedule | None, at: int) -> int:
    """Rule 1: the last grid point g with ``g + lag <= at``."""
    if schedule is None:
        return at
    every, offset, lag = (microseconds(d) for d in (schedule.every, schedule.offset, schedule.lag))
    return offset + (at - lag - offset) // every * every


def expired(view: FeatureView, event: int, at: int) -> bool:
    """Rule 4: the time itself counts here, not the effective time. For aggregations rule 8 says the limit."""
    if view.aggregations:
        return view.serves_for is not None and at - event > microseconds(view.serves_for)
    return view.ttl is not None and at - event > microseconds(view.ttl)


def existing_rows(view: FeatureView, rows: Sequence[Row], as_of: int | None) -> list[Latest]:
    """All rows that can ever be visible: with a key and an event time, and known by `as_of`."""
    existing = []
    for row in rows:
        read = _read(view, row)
        if read is not None and (as_of is None or _known(view, read, as_of)):
            existing.append(read)
    return existing


def choose(view: FeatureView, rows: Sequence[Latest], key: Key, at: int) -> Latest | None:
    """Rules 1 to 3 for one entity."""
    return max(visible(view, rows, key, at), key=_rank, default=None)


def visible(view: FeatureView, rows: Sequence[Latest], key: Key, at: int) -> list[Latest]:
    """Rules 1 and 2 for one entity: the rows that exist for it at an instant."""
    until = effective_time(view.schedule, at)
    delay = microseconds(view.source.effective_delay)
    seen = [row for row in rows if row.key == key and row.visible_from(delay) <= until]
    return seen if view.source.event_id is None else _one_per_event(seen)


def visible_rows(
    view: FeatureView, rows: Sequence[Row], at: datetime, *, as_of: datetime | None = None
) -> list[Latest]:
    """Rules 1 and 2 for all entities."""
    instant = entity_instant(at)
    if instant is None:
        raise TypeError("at is an instant")
    existing = existing_rows(view, rows, entity_instant(as_of))
    keys = dict.fromkeys(row.key for row in existing)
    return [row for key in keys for row in visible(view, existing, key, instant)]


def _read(view: FeatureView, row: Row) -> Latest | None:
    source = view.source
    zone = source.timezone
    key = tuple(as_declared(row[k], dtype, zone) for k, dtype in view.join_keys.items())
    event = source_instant(row[source.event_timestamp], zone)
    available = None if source.available_at is None else source_instant(row[source.available_at], zone)
    if None in key or event is None or (source.available_at is not None and available is None):
        return None
    return Latest(
        key=key,
        event=event,
        created=None
        if source.created_timestamp is None
        else known_instant(row[source.created_timestamp], zone),
        available=available,
        event_id=None if source.event_id is None else row[source.event_id],
        values=_inputs(view, row)
        if view.aggregations
        else {f.name: as_declared(row[f.column], f.dtype, zone) for f in view.features},
        conditions={a.where: condition(a.where, row) for a in view.aggregations if a.where is not None},
    )


def _inputs(view: FeatureView, row: Row) -> dict[str, object]:
    types: dict[str, FeatureType | None] = {}
    for a in view.aggregations:
        types |= dict.fromkeys(a.open_columns) | a.types
    zone = view.source.timezone
    return {c: row[c] if dtype is None else as_declared(row[c], dtype, zone) for c, dtype in types.items()}


def _known(view: FeatureView, row: Latest, as_of: int) -> bool:
    known = row.available if view.source.available_at is not None else row.created
    return known is not None and known <= as_of


def _rank(row: Latest) -> tuple[Any, ...]:
    """Rule 3: event, created (null lowest), then the declared features in name order.

    Of aggregations these are the aggregated columns, and then which conditions are true.
    """
    values = (order_key(row.values[name]) for name in sorted(row.values))
    return (row.event, order_key(row.created), *values, *(row.conditions[c] for c in sorted(row.conditions)))


def _correction_rank(row: Latest) -> tuple[Any, ...]:
    """Which of the rows of one event exists: the last created, ties as in rule 3."""
    return (order_key(row.created), *_rank(row))


def _one_per_event(rows: Sequence[Latest]) -> list[Latest]:
    """Of the rows of one event only the last one; a row without an id is an event of its own."""
    last: dict[object, Latest] = {}
    for row in rows:
        if row.event_id is None:
            continue
        if row.event_id not in last or _correction_rank(row) > _correction_rank(last[row.event_id]):
            last[row.event_id] = row
    return [row for row in rows if row.event_id is None] + list(last.values())
