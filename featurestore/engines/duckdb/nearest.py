"""The nearest row before each entity row: one sort of 64-bit places and a binary search, outside of DuckDB.

DuckDB's as-of join holds and sorts keys and times as rows, which takes several times as long and as much memory.
Here a first scan brings codes and times only, and a second one the rows that may have won. Where there are many
rows, the first one takes the entities in parts.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from featurestore.engines.duckdb import match
from featurestore.engines.duckdb.connection import Session
from featurestore.engines.duckdb.scan import Relation
from featurestore.engines.duckdb.sql import create, nested, select, where
from featurestore.engines.duckdb.tables import Tables
from featurestore.engines.duckdb.times import Bounds
from featurestore.frames.places import Asked, Int64Array, Places, last_seen
from featurestore.protocols.offline import ViewPlan

ROWS_AT_ONCE = 2**25


def all_rows(relation: Relation) -> str:
    """How many rows there can be at most."""
    return select(["count(*) AS rows"], f"FROM {relation.raw}")


def events(view: ViewPlan, relation: Relation, t: Tables, limits: Bounds, part: str = "") -> str:
    """The rows that any of the entities (of a part of them) may see: their entity's code and their time."""
    rows = nested(match.narrow_rows_of_entities(view, relation, t, limits), "n")
    return select(["code", "event"], f"FROM {rows}", where(part))


def asked(t: Tables, part: str = "") -> str:
    """The entity rows that see anything (of a part of the entities)."""
    known = ("code IS NOT NULL", "until IS NOT NULL")
    return select(["row", "t", "code", "until"], f"FROM {t.spine}", where(*known, part))


def placed(view: ViewPlan, relation: Relation, t: Tables, limits: Bounds) -> str:
    """placed: the rows at the places that win, several where rows tie."""
    rows = nested(match.narrow_rows_of_entities(view, relation, t, limits), "n")
    query = select(
        ["n.code", "n.event AS place", "n.event", "n.created", "n.rid"],
        f"FROM {rows}",
        f"SEMI JOIN {t.match} m ON n.code = m.code AND n.event = m.place",
    )
    return create(t.placed, query)


def find(
    session: Session, view: ViewPlan, relation: Relation, t: Tables, limits: Bounds, entity_rows: int
) -> None:
    """match: the place of the row that wins at each entity row, null if there is none or it has expired."""
    rows = int(session.row(all_rows(relation))["rows"])
    parts = max(1, -(-rows // ROWS_AT_ONCE))
    code, place = np.zeros(entity_rows, np.uint32), np.zeros(entity_rows, np.int64)
    found = np.zeros(entity_rows, np.bool_)
    for number in range(parts):
        part = f"code % {parts} = {number}" if parts > 1 else ""
        seen = session.columns(events(view, relation, t, limits, part), at_most=rows)
        row, of, event = _winners(view, seen, session.columns(asked(t, part), at_most=entity_rows))
        code[row], place[row], found[row] = of, event, True
    matched = {"row": np.arange(entity_rows), "code": code, "place": pa.array(place, mask=~found)}
    session.register(t.found, pa.table(matched))
    session.run(create(t.match, f"FROM {t.found}"))


def _winners(
    view: ViewPlan, rows: dict[str, Int64Array], asked: dict[str, Int64Array]
) -> tuple[Int64Array, Int64Array, Int64Array]:
    """The entity rows that see a row: their numbers, their entities' codes, and the event timestamps."""
    if not len(rows["event"]) or not len(asked["row"]):
        nothing = np.zeros(0, np.int64)
        return nothing, nothing, nothing
    entities = max(int(rows["code"].max()), int(asked["code"].max())) + 1
    places = Places.over(rows["event"], entities)
    seen_at = places.of_rows(rows.pop("code"), rows.pop("event"))
    seen_at.sort()
    position = last_seen(places, seen_at, Asked(asked["code"], asked["until"], asked["t"]), view.ttl)
    seen = position >= 0
    return asked["row"][seen], asked["code"][seen], places.time(seen_at[position[seen]])
