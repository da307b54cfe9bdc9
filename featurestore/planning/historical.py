"""Historical and latest features: a request and entity rows as a training frame."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from featurestore.errors import EntityDataError, RequestError
from featurestore.frames.convert import pandas_index, to_arrow_table
from featurestore.frames.entity_rows import EntityRows, TableRows, entity_rows
from featurestore.frames.times import ENTITY_TIME, time_column
from featurestore.frames.types import arrow_type
from featurestore.planning.point_in_time import engine_entities, plan_view
from featurestore.planning.request import Request
from featurestore.planning.training_frame import TrainingFrame
from featurestore.protocols.offline import OfflineEngine, ViewPlan
from featurestore.sources.files import locate_source

EVENT_TIMESTAMP = "event_timestamp"


def historical_features(
    entity_df: Any,
    request: Request,
    *,
    engine: OfflineEngine,
    root: Path,
    event_timestamp: str,
    timezone: str,
    as_of: int | None,
    personal: Callable[[], Collection[str]],
) -> TrainingFrame:
    """The entity rows with the features that were knowable at each row's time.

    `personal` tells the columns of which a profile shows no values.

    Raises:
        EntityDataError: if a key or the time is missing or of the wrong type.
        SourceError: if a source lacks what a view wants of it, or SQL is refused.
    """
    if isinstance(entity_df, str):
        sources = {view.view.origin.name: locate_source(view.view.origin, root) for view in request.views}
        entity_df = engine.query(sql=entity_df, sources=sources)
    views = tuple(plan_view(view, root=root, as_of=as_of) for view in request.views)
    return _frame(
        entity_rows(entity_df), request, views, engine, event_timestamp, timezone, personal=personal
    )


def latest_features(
    entities: Any,
    request: Request,
    *,
    at: int,
    engine: OfflineEngine,
    root: Path,
    as_of: int | None,
    personal: Callable[[], Collection[str]],
) -> TrainingFrame:
    """Entities with their features at the instant `at`, given as a column ``event_timestamp``.

    `entities` is a frame, or None for every entity that one of the views knows.

    Raises:
        RequestError: if `entities` is None and the views have different join keys.
    """
    views = tuple(plan_view(view, root=root, as_of=as_of) for view in request.views)
    index = None if entities is None else pandas_index(entities)
    table = (
        _known_entities(views, at, engine)
        if entities is None
        else to_arrow_table(entities, what="the entities")
    )
    if EVENT_TIMESTAMP in table.schema.names:
        raise EntityDataError(
            f"The entities already have a column {EVENT_TIMESTAMP!r}; their values are all taken at one instant.",
            hint="Drop the column, or use get_historical_features.",
        )
    count = max(table.num_rows, 0 if any(view.keys for view in views) or table.num_columns else 1)
    instant = pa.array([at], pa.timestamp("us", "UTC")).take(pa.array([0] * count, pa.int64()))
    table = pa.table([*table.columns, instant], names=[*table.schema.names, EVENT_TIMESTAMP])
    rows = TableRows(table, index if table.num_columns > 1 else None)
    return _frame(rows, request, views, engine, EVENT_TIMESTAMP, "UTC", personal=personal)


def _known_entities(views: Sequence[ViewPlan], at: int, engine: OfflineEngine) -> pa.Table:
    keyed = [view for view in views if view.keys]
    keys = {tuple((key.entity_column, str(key.dtype)) for key in view.keys) for view in keyed}
    if len({frozenset(columns) for columns in keys}) > 1:
        raise RequestError(
            "The requested views have different join keys, so there is no one list of all their entities.",
            hint="Pass entities=…, or ask for the views one by one.",
        )
    if not keyed:
        return pa.table({})
    columns = [(key.entity_column, arrow_type(key.dtype)) for key in keyed[0].keys]
    parts = [pa.schema(columns).empty_table()]
    for view in keyed:
        for batch in engine.latest_features(view=view, at=at):
            table = pa.Table.from_batches([batch]).select([key.name for key in view.keys])
            parts.append(table.rename_columns([key.entity_column for key in view.keys]))
    names = parts[0].schema.names
    table = pa.concat_tables([part.select(names) for part in parts])
    return table if len(keyed) == 1 else table.group_by(names, use_threads=False).aggregate([])


def _frame(
    rows: EntityRows,
    request: Request,
    views: tuple[ViewPlan, ...],
    engine: OfflineEngine,
    event_timestamp: str,
    timezone: str,
    *,
    personal: Callable[[], Collection[str]],
) -> TrainingFrame:
    entities = functools.partial(
        engine_entities, request, rows, event_timestamp=event_timestamp, timezone=timezone
    )
    entities()  # what is wrong with the entity rows is said here, not when the frame is computed
    return TrainingFrame(
        rows=rows,
        entities=entities,
        views=views,
        outputs=request.outputs,
        engine=engine,
        event_times=event_times(event_timestamp, timezone),
        personal=personal,
    )


def event_times(event_timestamp: str, timezone: str) -> Callable[[pa.RecordBatch], pa.Array]:
    """What gives the times of rows of a frame in microseconds, by the name of its time column and its zone."""

    def of(batch: pa.RecordBatch) -> pa.Array:
        column = pa.chunked_array([batch.column(event_timestamp)])
        return time_column(column, timezone, name=event_timestamp, reading=ENTITY_TIME).chunk(0)

    return of
