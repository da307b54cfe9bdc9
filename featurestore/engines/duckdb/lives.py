"""Who wins where rows come late (`available_at`) or go when they are corrected (`event_id`).

A row lives from the instant at which it is visible until another row of its event, with a later created
timestamp, is. Its place packs event and created timestamp into one number, so that of the rows alive the
greatest place wins. The instants that are asked for, one *point* each, are numbered by entity and time:

- A row that never goes is noted at the first point that sees it; a running maximum does the rest.
- A row that goes covers a range of points. The range is cut into the blocks of a binary tree (two of each
  size at most), each block keeps its greatest place, and a point looks at the blocks above it.
"""

from __future__ import annotations

from featurestore.engines.duckdb.match import young_enough
from featurestore.engines.duckdb.scan import Relation, wide_rows
from featurestore.engines.duckdb.sql import create, nested, select, where
from featurestore.engines.duckdb.tables import Tables
from featurestore.engines.duckdb.ties import nth_of_tied
from featurestore.protocols.offline import ViewPlan

_FOREVER = 2**63 - 1
# Event and created timestamp in 128 bits; a created timestamp that is null is below all others.
_PLACE = f"event::HUGEINT * {2**64} + coalesce(created::HUGEINT + {2**63 + 1}, 0)"


def placed(view: ViewPlan, t: Tables) -> list[str]:
    """placed: the rows that ever live, with the instants at which they come (visible) and go (gone, or null)."""
    columns = ["code", f"{_PLACE} AS place", "event", "created", "rid", "visible"]
    if view.source.event_id is None:
        rows = select([*columns, "NULL::BIGINT AS gone"], f"FROM {t.narrow}")
        return [create(t.placed, rows), f"DROP TABLE {t.narrow}"]
    corrected = (
        "min(visible) OVER (PARTITION BY code, id ORDER BY created NULLS FIRST, event "
        "GROUPS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)"
    )
    rows = select([*columns, f"CASE WHEN id IS NOT NULL THEN {corrected} END AS gone"], f"FROM {t.narrow}")
    alive = select(["*"], f"FROM {nested(rows, 'n')}", where("gone IS NULL OR gone > visible"))
    return [create(t.placed, alive), f"DROP TABLE {t.narrow}"]


def some_go(t: Tables) -> str:
    """A row if any row goes."""
    return select(["rid"], f"FROM {t.placed}", where("gone IS NOT NULL"), "LIMIT 1")


def points(t: Tables) -> str:
    """points: each instant at which an entity is asked for, numbered by entity and time."""
    asked = select(
        ["DISTINCT code", "until"], f"FROM {t.spine}", where("code IS NOT NULL", "until IS NOT NULL")
    )
    number = "row_number() OVER (ORDER BY code, until) - 1 AS point"
    return create(t.points, select([number, "code", "until"], f"FROM {nested(asked, 'a')}"))


def match(view: ViewPlan, t: Tables, *, rows_go: bool) -> list[str]:
    """match: the place of the row that wins at each entity row."""
    return [*_lasting(t), *(_passing(t) if rows_go else []), *_best(view, t, rows_go=rows_go)]


def _lasting(t: Tables) -> list[str]:
    """first, lasting: at each point the greatest place of the rows that have come to stay."""
    rows = select(["code", "visible", "place", "event"], f"FROM {t.placed}", where("gone IS NULL"))
    first = select(
        ["p.point", "max(n.place) AS place", "max(n.event) AS event"],
        f"FROM {nested(rows, 'n')}",
        f"ASOF JOIN {t.points} p ON n.code = p.code AND n.visible <= p.until",
        "GROUP BY p.point",
    )
    running = select(
        ["p.point", "max(f.place) OVER earlier AS place", "max(f.event) OVER earlier AS event"],
        f"FROM {t.points} p",
        f"LEFT JOIN {t.first} f ON f.point = p.point",
        "WINDOW earlier AS (PARTITION BY p.code ORDER BY p.point)",
    )
    return [_replace(t.first, first), _replace(t.lasting, running)]


def _passing(t: Tables) -> list[str]:
    """spans, nodes, passing: at each point the greatest place of the rows that are there for a while."""
    ends = select(["code", "max(point) + 1 AS stop"], f"FROM {t.points}", "GROUP BY code")
    spans = select(
        ["n.place", "n.event", "p.point AS start", "coalesce(q.point, e.stop) AS stop"],
        f"FROM {nested(select(['*'], f'FROM {t.placed}', where('gone IS NOT NULL')), 'n')}",
        f"ASOF JOIN {t.points} p ON n.code = p.code AND n.visible <= p.until",
        f"ASOF LEFT JOIN {t.points} q ON n.code = q.code AND n.gone <= q.until",
        f"JOIN {nested(ends, 'e')} ON n.code = e.code",
    )
    levels = select(["DISTINCT level"], f"FROM {t.nodes}")
    above = select(
        ["p.point", "l.level", "p.point >> l.level AS node"],
        f"FROM {t.points} p",
        f"CROSS JOIN {nested(levels, 'l')}",
    )
    passing = select(
        ["a.point", "max(n.place) AS place", "max(n.event) AS event"],
        f"FROM {nested(above, 'a')}",
        f"JOIN {t.nodes} n ON n.level = a.level AND n.node = a.node",
        "GROUP BY a.point",
    )
    return [_replace(t.spans, spans), _replace(t.nodes, _nodes(t)), _replace(t.passing, passing)]


def _nodes(t: Tables) -> str:
    """The blocks that cover the ranges of points, each with the greatest place of the rows it is part of.

    At each level the range is [a, b): an odd left end, or the block before an odd right end, has no sibling
    within the range and is a block of the cover; the next level has what is left, in blocks of twice the size.
    """
    levels = select(
        ["place", "event", "start", "stop", "unnest(range(floor(log2(stop - start))::BIGINT + 2)) AS level"],
        f"FROM {t.spans}",
        where("start < stop"),
    )
    ranges = select(
        ["place", "event", "level", "(start + (1::BIGINT << level) - 1) >> level AS a", "stop >> level AS b"],
        f"FROM {nested(levels, 's')}",
    )
    alone = "unnest([CASE WHEN a % 2 = 1 THEN a END, CASE WHEN b % 2 = 1 THEN b - 1 END]) AS node"
    cover = select(["place", "event", "level", alone], f"FROM {nested(ranges, 's')}", where("a < b"))
    return select(
        ["level", "node", "max(place) AS place", "max(event) AS event"],
        f"FROM {nested(cover, 'c')}",
        where("node IS NOT NULL"),
        "GROUP BY level, node",
    )


def _best(view: ViewPlan, t: Tables, *, rows_go: bool) -> list[str]:
    """best, match: the greatest place at each point, and at each entity row if the row is young enough."""
    if rows_go:
        query = select(
            [
                "p.code",
                "p.until",
                "greatest(l.place, c.place) AS place",
                "greatest(l.event, c.event) AS event",
            ],
            f"FROM {t.points} p",
            f"LEFT JOIN {t.lasting} l ON l.point = p.point",
            f"LEFT JOIN {t.passing} c ON c.point = p.point",
        )
    else:
        query = select(
            ["p.code", "p.until", "l.place", "l.event"],
            f"FROM {t.points} p",
            f"JOIN {t.lasting} l ON l.point = p.point",
        )
    match = select(
        ["s.row", "s.code", f"{young_enough(view, 's.t', 'b.event', 'b.place')} AS place"],
        f"FROM {t.spine} s",
        f"LEFT JOIN {t.best} b ON s.code = b.code AND s.until = b.until",
    )
    return [_replace(t.best, query), _replace(t.match, match)]


def doubtful(t: Tables) -> str:
    """doubtful: rows that share a winning place but not their lives, so that who wins depends on the time."""
    gone = f"coalesce(gone, {_FOREVER})"
    groups = select(
        ["n.code", "n.place"],
        f"FROM {t.placed} n",
        f"SEMI JOIN {t.match} m ON n.code = m.code AND n.place = m.place",
        "GROUP BY n.code, n.place",
        f"HAVING count(*) > 1 AND (min(visible) < max(visible) OR min({gone}) < max({gone}))",
    )
    query = select(
        ["n.code", "n.place", "n.rid"],
        f"FROM {t.placed} n",
        f"JOIN {nested(groups, 'g')} ON n.code = g.code AND n.place = g.place",
    )
    return create(t.doubtful, query)


def refined(view: ViewPlan, relation: Relation, t: Tables) -> list[str]:
    """placed: with places of their own for the doubtful rows, in the order of their features."""
    breakers = {f"t{i}": f for i, f in enumerate(view.tie_breakers)}
    nth = nth_of_tied(t.doubtful_values, {column: f.dtype for column, f in breakers.items()})
    query = select(
        ["n.* REPLACE (dense_rank() OVER (ORDER BY n.place, d.nth DESC NULLS FIRST)::HUGEINT AS place)"],
        f"FROM {t.placed} n",
        f"LEFT JOIN {nested(nth, 'd')} ON n.rid = d.rid",
    )
    return [
        create(t.doubtful_values, wide_rows(relation, t.doubtful, ["code", "place", "rid"], breakers)),
        create(t.refined, query),
        f"DROP TABLE {t.placed}",
        f"ALTER TABLE {t.refined} RENAME TO {t.placed}",
    ]


def _replace(table: str, query: str) -> str:
    return create(table, query).replace("CREATE TABLE", "CREATE OR REPLACE TABLE", 1)
