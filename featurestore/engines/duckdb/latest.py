"""The row that each entity has at one instant: found by key on narrow columns, before its features are read."""

from __future__ import annotations

from collections.abc import Sequence

from featurestore.engines.duckdb.scan import Relation, key_names, narrow_rows, visible_from
from featurestore.engines.duckdb.sql import create, equal, nested, select, where
from featurestore.engines.duckdb.tables import Tables
from featurestore.engines.duckdb.times import Bounds, effective_instant
from featurestore.protocols.offline import Changes, ViewPlan
from featurestore.windows.moves import moving_events


def wanted(
    view: ViewPlan, relation: Relation, t: Tables, at: int, changes: Changes | None, given: str | None
) -> str:
    """wanted: the entities that may have changed, and those that are given (a table with keys k0, k1, …)."""
    keys = key_names(view)
    parts = [select([f"g.{key}" for key in keys], f"FROM {given} g")] if given is not None else []
    if changes is not None:
        changed = nested(narrow_rows(view, relation), "x")
        parts.append(
            select([f"x.{key}" for key in keys], f"FROM {changed}", where(_changed(view, at, changes)))
        )
    union = "\nUNION ALL\n".join(parts)
    present = [f"{key} IS NOT NULL" for key in keys]
    return create(
        t.wanted, select([f"DISTINCT {', '.join(keys)}"], f"FROM {nested(union, 'u')}", where(*present))
    )


def _changed(view: ViewPlan, at: int, changes: Changes) -> str:
    since, until = (effective_instant(time, view.grid) for time in (changes.since, at))
    visible = visible_from(view, "x")
    ways = [f"({visible} > {since} AND {visible} <= {until})"]
    ways += [f"(x.event > {low} AND x.event <= {high})" for low, high in moving_events(view, since, until)]
    if view.source.created_timestamp is not None:
        ways.append(f"x.created > {changes.known_after}")
        ways.append("x.created IS NULL")
    if view.source.available_at is not None:
        ways.append(f"x.available > {changes.known_after}")
    return f"{visible} IS NOT NULL\n  AND ({' OR '.join(ways)})"


def visible_at(view: ViewPlan, at: int) -> tuple[Bounds, str]:
    """Which event timestamps are visible at an instant, and the exact condition on rows called x."""
    until = effective_instant(at, view.grid)
    return Bounds(None, until - view.delay), f"{visible_from(view, 'x')} <= {until}"


def visible_rows(view: ViewPlan, relation: Relation, t: Tables, at: int, *, restricted: bool) -> str:
    """narrow: keys, times and the instant of becoming visible of all visible rows that exist."""
    limits, visible = visible_at(view, at)
    keys = key_names(view)
    query = select(
        [*(f"x.{key}" for key in keys[: len(view.keys)]), "x.event", "x.created",
         f"{visible_from(view, 'x')} AS visible"],
        f"FROM {nested(narrow_rows(view, relation, limits), 'x')}",
        f"SEMI JOIN {t.wanted} w ON {equal('w', 'x', keys)}" if restricted else "",
        where(visible, *(f"x.{key} IS NOT NULL" for key in keys)),
        "" if view.source.event_id is None else _last_of_event([f"x.{key}" for key in keys], "row_number"),
    )  # fmt: skip
    return create(t.narrow, query)


def _last_of_event(entity: Sequence[str], ranked: str = "rank") -> str:
    """Of rows called x with one event id only the last; by rank those that are equal to it too."""
    order = "x.created DESC NULLS LAST, x.event DESC"
    return f"QUALIFY x.id IS NULL OR {ranked}() OVER (PARTITION BY {', '.join(entity)}, x.id ORDER BY {order}) = 1"


def latest_keys(view: ViewPlan, relation: Relation, t: Tables, at: int, *, restricted: bool) -> str:
    """keys: the entities with a visible row, under codes, and the latest event timestamp of each."""
    limits, visible = visible_at(view, at)
    keys = key_names(view)
    found = select(
        [*(f"x.{key}" for key in keys), "max(x.event) AS event"],
        f"FROM {nested(narrow_rows(view, relation, limits), 'x')}",
        f"SEMI JOIN {t.wanted} w ON {equal('w', 'x', keys)}" if restricted else "",
        where(visible, *(f"x.{key} IS NOT NULL" for key in keys)),
        "GROUP BY " + ", ".join(f"x.{key}" for key in keys),
    )
    order = f"ORDER BY {', '.join(keys)}" if view.windows else ""
    return create(t.keys, select([f"row_number() OVER ({order}) AS code", "*"], f"FROM {nested(found, 'k')}"))


def latest_narrow(view: ViewPlan, relation: Relation, t: Tables, at: int) -> str:
    """narrow: the rows that may be an entity's latest.

    Where rows can be corrected, these are all visible rows that are the last of their event (those that are
    equal to it in created and event timestamp too: the greatest of them wins anyway); else those with the
    latest event timestamp.
    """
    limits, visible = visible_at(view, at)
    columns = ["k.code", "x.event", "x.created", "x.rid"]
    same = equal("k", "x", key_names(view))
    last = ""
    if view.source.event_id is None:
        same += " AND x.event = k.event"
    else:
        last = _last_of_event(["k.code"])
    query = select(
        columns,
        f"FROM {nested(narrow_rows(view, relation, limits), 'x')}",
        f"JOIN {t.keys} k ON {same}",
        where(visible),
        last,
    )
    return create(t.narrow, query)


def latest_placed(view: ViewPlan, t: Tables) -> str:
    """placed: the rows with the latest event timestamp of each entity."""
    greatest = (
        "QUALIFY event = max(event) OVER (PARTITION BY code)" if view.source.event_id is not None else ""
    )
    placed = select(["code", "event AS place", "event", "created", "rid"], f"FROM {t.narrow}", greatest)
    return create(t.placed, placed, view=not greatest)


def rows_of_entities(t: Tables) -> str:
    """How many entities there are, and how many rows may be their latest."""
    rows, entities = (select(["count(*)"], f"FROM {table}") for table in (t.narrow, t.keys))
    return select([f"({entities}) AS entities", f"({rows}) AS rows"])


def only_winners(t: Tables) -> str:
    """winners: the rows that may be an entity's latest, where each entity has one such row only."""
    columns = ["code", "event AS place", "event", "created", "rid", "FALSE AS tied"]
    return create(t.winners, select(columns, f"FROM {t.narrow}"), view=True)
