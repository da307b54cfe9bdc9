"""Who wins: for each entity row the place of its source row, by rules 1 to 4, on keys and times alone.

Source rows are narrow (entity code, event, created, row identity). Each has a *place* in the order of its
entity: the event timestamp where the winner is simply the nearest row before the entity row, else event and
created timestamp packed into 128 bits. Rows that tie share a place; `fetch` tells them apart.
"""

from __future__ import annotations

from dataclasses import dataclass

from featurestore.engines.duckdb.scan import Relation, key_names, narrow_rows, visible_from
from featurestore.engines.duckdb.sql import aliased, create, equal, nested, numbered, select, where
from featurestore.engines.duckdb.times import Bounds, effective
from featurestore.protocols.offline import ViewPlan

_FOREVER = 2**63 - 1
_CREATED_VALUES = 2**64


@dataclass(frozen=True, slots=True)
class Tables:
    """The names of one view's tables."""

    prefix: str

    def __getattr__(self, name: str) -> str:
        return f"{self.prefix}{name}"


def is_nearest(view: ViewPlan) -> bool:
    """Whether the winner is the nearest row before the entity row, because rows only come and never go."""
    return view.source.available_at is None and view.source.event_id is None


def entity_keys(view: ViewPlan, t: Tables, columns: list[str]) -> str:
    """The distinct entities of the entity rows, under codes."""
    keys = key_names(view)
    distinct = select(
        ["DISTINCT " + ", ".join(aliased(columns, "k"))],
        "FROM entities",
        where(*(f"{column} IS NOT NULL" for column in columns)),
    )
    return create(t.keys, select(["row_number() OVER () AS code", *keys], f"FROM {nested(distinct, 'k')}"))


def spine(view: ViewPlan, t: Tables, columns: list[str]) -> str:
    """The entity rows with their entity's code and the instant up to which they see."""
    same = " AND ".join(f"k.{k} = {c}" for k, c in zip(key_names(view), columns, strict=True))
    until = effective("e.t", view.grid, delay=view.delay if is_nearest(view) else 0)
    query = select(["e.row", "e.t", "k.code", f"{until} AS until"], "FROM entities e", f"LEFT JOIN {t.keys} k ON {same}")
    return create(t.spine, query)


def spine_bounds(t: Tables) -> str:
    """The range of times that the entity rows ask for."""
    return select(["min(t) AS earliest", "max(until) AS latest"], f"FROM {t.spine}")


def narrow(view: ViewPlan, relation: Relation, t: Tables, bounds: Bounds) -> str:
    """The rows of the source that any of the entities may see."""
    rows = nested(narrow_rows(view, relation, bounds), "x")
    columns = ["k.code", "x.event", "x.created", "x.rid"]
    conditions = ["x.event IS NOT NULL"]
    if bounds.earliest is not None:
        conditions.append(f"x.event >= {bounds.earliest}")
    if bounds.latest is not None:
        conditions.append(f"x.event <= {bounds.latest}")
    if view.source.event_id is not None:
        columns.append("x.id")
    if not is_nearest(view):
        columns.append(f"{visible_from(view, 'x')} AS visible")
        if view.source.available_at is not None:
            conditions.append("x.available IS NOT NULL")
    joined = f"JOIN {t.keys} k ON {equal('k', 'x', key_names(view))}"
    return create(t.narrow, select(columns, f"FROM {rows}", joined, where(*conditions)))


def nearest(view: ViewPlan, t: Tables) -> list[str]:
    """The nearest row before each entity row, where rows only come."""
    placed = select(["code", "event AS place", "event", "created", "rid"], f"FROM {t.narrow}")
    matched = select(
        ["s.row", "s.code", f"{_within_ttl(view, 's.t', 'n.event')} AS place"],
        f"FROM {t.spine} s",
        f"ASOF LEFT JOIN {t.narrow} n ON s.code = n.code AND s.until >= n.event",
    )
    return [create(t.placed, placed, view=True), create(t.match, _in_ttl(matched))]


def _within_ttl(view: ViewPlan, time: str, event: str) -> str:
    return event if view.ttl is None else f"CASE WHEN {time}::HUGEINT - {event} <= {view.ttl} THEN {event} END"


def _in_ttl(matched: str) -> str:
    return matched
