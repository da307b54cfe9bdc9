"""The steps of a point-in-time join as SQL to be read."""

from __future__ import annotations

from collections.abc import Sequence

from featurestore.engines.duckdb import fetch, lives, match, nearest, windows
from featurestore.engines.duckdb.scan import Relation
from featurestore.engines.duckdb.sql import create
from featurestore.engines.duckdb.tables import Tables
from featurestore.engines.duckdb.times import EVERY_TIME
from featurestore.protocols.offline import ViewPlan
from featurestore.windows.answers import METHOD


def explained(view: ViewPlan, relation: Relation, whole: Relation, columns: Sequence[str], t: Tables) -> str:
    """All steps for one view, each under a line that says what it is for.

    Args:
        view: the view.
        relation: its source.
        whole: the source with the columns that only rows that tie need.
        columns: the join keys among the entity rows.
        t: the tables.
    """
    steps = [
        ("The entities that are asked for", [match.entity_keys(view, t, columns)]),
        ("The entity rows, and until when each sees", [match.spine(view, t, columns)]),
        *(
            _aggregating(view, relation, t)
            if view.windows
            else _matching_and_fetching(view, relation, whole, t)
        ),
    ]
    texts = [
        f"-- {title}" + "".join(f"\n{statement};" for statement in statements) for title, statements in steps
    ]
    return "\n\n".join([f"-- View {view.label}", *texts])


def _aggregating(view: ViewPlan, relation: Relation, t: Tables) -> list[tuple[str, list[str]]]:
    return [
        ("The instants that are asked for", [nearest.asked(t)]),
        ("The events of these entities (those out of reach of all windows are skipped)",
         [windows.events_query(view, relation, t, EVERY_TIME)]),
        (f"Then, outside of DuckDB, on {METHOD}", []),
    ]  # fmt: skip


def _matching_and_fetching(
    view: ViewPlan, relation: Relation, whole: Relation, t: Tables
) -> list[tuple[str, list[str]]]:
    return [
        *_matching(view, relation, whole, t),
        ("The rows that won", fetch.winners(t)),
        ("Their features, in one scan, and who wins among those that tie",
         fetch.values(view, whole, t, tied=True)),
        ("The result", [fetch.result(view, t)]),
    ]  # fmt: skip


def _matching(view: ViewPlan, relation: Relation, whole: Relation, t: Tables) -> list[tuple[str, list[str]]]:
    if view.in_order:
        return [
            ("Codes and times of these entities' rows (event times out of reach are skipped)",
             [nearest.events(view, relation, t, EVERY_TIME)]),
            (f"The nearest of them before each of these is found by binary search: {t.match}",
             [nearest.asked(t)]),
            ("The rows at the places that win", [nearest.placed(view, relation, t, EVERY_TIME)]),
        ]  # fmt: skip
    rows_go = view.source.event_id is not None
    narrow = create(t.narrow, match.narrow_rows_of_entities(view, relation, t, EVERY_TIME))
    return [
        ("The rows of these entities: keys and times only", [narrow]),
        ("When each row comes and goes", [*lives.placed(view, t), lives.points(t)]),
        ("The greatest row alive at each entity row", lives.match(view, t, rows_go=rows_go)),
        ("Rows that tie and come or go at different times", [lives.doubtful(t)]),
        ("Only if there are any (then the match is repeated)", lives.refined(view, whole, t)),
        ("The rows at the places that win", [fetch.candidates(t)]),
    ]
