"""Where a training frame can stay."""

from __future__ import annotations

from collections.abc import Sequence

from featurestore.adapters import engine_of_kind
from featurestore.errors import RequestError
from featurestore.protocols.offline import ChoosesEngine, OfflineEngine, ViewPlan, WritesTables


def engine_of_tables(engine: OfflineEngine, views: Sequence[ViewPlan]) -> WritesTables:
    """The engine that leaves a frame of some views in their database.

    Args:
        engine: the engine of the request; one that chooses leaves it to where the views' sources are.
        views: of the frame.

    Raises:
        RequestError: if there is none.
    """
    kinds = sorted({view.source.kind for view in views})
    found: object = engine
    if isinstance(engine, ChoosesEngine):
        found = engine_of_kind(kinds[0]) if len(kinds) == 1 else None
    if not isinstance(found, WritesTables):
        raise RequestError(
            f"The frame cannot become a table of a database: its views read sources of kind {', '.join(kinds)}, and "
            f"its engine is {engine.name!r}.",
            hint="All views have to read one PostgreSQL or Snowflake database, with its engine; or use to_parquet.",
        )
    return found
