"""The steps of a point-in-time join as SQL to be read."""

from __future__ import annotations

from collections.abc import Sequence

from featurestore.engines.duckdb import fetch, lives, match
from featurestore.engines.duckdb.scan import Relation
from featurestore.engines.duckdb.tables import Tables
from featurestore.engines.duckdb.times import EVERY_TIME
from featurestore.protocols.offline import ViewPlan


def explained(view: ViewPlan, relation: Relation, columns: Sequence[str], t: Tables) -> str:
    """All steps for one view, each under a line that says what it is for."""
    steps = [
        ("The entities that are asked for", [match.entity_keys(view, t, columns)]),
        ("The entity rows, and until when each sees", [match.spine(view, t, columns)]),
        (
            "The rows of these entities: keys and times only (event times out of reach are skipped as well)",
            [match.narrow(view, relation, t, EVERY_TIME)],
        ),
        *_matching(view, relation, t),
        ("The rows that won", fetch.winners(t)),
        ("Their features, in one scan, and who wins among those that tie", _values(view, relation, t)),
        ("The result", [fetch.result(view, t)]),
    ]
    texts = [f"-- {title}\n" + ";\n".join(statements) + ";" for title, statements in steps]
    return "\n\n".join([f"-- View {view.label}", *texts])


def _matching(view: ViewPlan, relation: Relation, t: Tables) -> list[tuple[str, list[str]]]:
    if match.is_nearest(view):
        return [("The nearest row before each entity row", match.nearest(view, t))]
    rows_go = view.source.event_id is not None
    return [
        ("When each row comes and goes", [*lives.placed(view, t), lives.points(t)]),
        ("The greatest row alive at each entity row", lives.match(view, t, rows_go=rows_go)),
        ("Rows that tie and come or go at different times", [lives.doubtful(t)]),
        ("Only if there are any (then the match is repeated)", lives.refined(view, relation, t)),
    ]


def _values(view: ViewPlan, relation: Relation, t: Tables) -> list[str]:
    return fetch.values(view, relation, t, tied=True)
