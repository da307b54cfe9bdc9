"""What the engine would do, in words and as Polars query plans of the scans."""

from __future__ import annotations

from featurestore.engines.polars.scan import SourceRows
from featurestore.protocols.offline import ViewPlan
from featurestore.windows.answers import METHOD


def explained(view: ViewPlan, source: SourceRows) -> str:
    """The steps for one view."""
    roles = (view.source.event_timestamp, view.source.created_timestamp, view.source.available_at)
    narrow = [*(key.name for key in view.keys), *(role for role in roles if role is not None)]
    wide = list(dict.fromkeys(feature.column for feature in (view.inputs if view.windows else view.features)))
    matching = (
        "sort by (entity, event timestamp) as one integer; binary search of each entity row"
        if view.in_order
        else "rank rows by (event, created, values); highest rank alive at each instant that is asked for"
    )
    if view.windows:
        wanted, matching = (
            "inputs of the aggregations, for the rows of the entities that are asked for",
            METHOD,
        )
    else:
        wanted = "features of the rows that won"
        matching += "; ties by created timestamp, then values" if view.in_order else ""
    steps = [
        f"-- {view.label}: keys and times of all rows",
        source.plan(narrow),
        f"-- {view.label}: match",
        matching,
        f"-- {view.label}: {wanted}",
        source.plan(wide),
    ]
    return "\n".join(steps)
