"""Rules 4 and 8: what a materialized view answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from featurestore.definitions.view import FeatureView
from featurestore.testing.oracle.history import empty_values, expired, latest
from featurestore.testing.oracle.rows import Latest, Row
from featurestore.testing.oracle.times import entity_instant


class Status(StrEnum):
    """What became of one feature of one entity."""

    PRESENT = "PRESENT"
    NULL = "NULL"
    EXPIRED = "EXPIRED"
    NOT_FOUND = "NOT_FOUND"


@dataclass(frozen=True, slots=True)
class Answer:
    """One entity's answer: value and status by feature; the row's event in microseconds, if there is a row."""

    values: Mapping[str, object]
    statuses: Mapping[str, Status]
    event: int | None


def online(
    view: FeatureView,
    rows: Sequence[Row],
    keys: Sequence[Row],
    *,
    end: datetime,
    now: datetime | None = None,
) -> list[Answer]:
    """What an online read at `now` (by default `end`) gives after ``materialize(view, end=end)``.

    Nothing has been reclaimed: an expired row is EXPIRED.
    """
    stored = latest(view, rows, end)
    at = entity_instant(end if now is None else now)
    if at is None:
        raise TypeError("now is an instant")
    wanted = [tuple(row[k] for k in view.join_keys) for row in keys]
    return [answer(view, stored.get(key), at) for key in wanted]


def answer(view: FeatureView, row: Latest | None, now: int) -> Answer:
    """The answer that a stored row (or none) gives at `now`."""
    names = [feature.name for feature in view.features]
    if row is None or row.event > now:
        return Answer(empty_values(view), dict.fromkeys(names, Status.NOT_FOUND), None)
    if expired(view, row.event, now):
        return Answer(empty_values(view), dict.fromkeys(names, Status.EXPIRED), row.event)
    statuses = {n: Status.NULL if row.values[n] is None else Status.PRESENT for n in names}
    return Answer({n: row.values[n] for n in names}, statuses, row.event)
