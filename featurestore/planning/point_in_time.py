"""Point-in-time plans: a request and entity rows as what an engine carries out."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from featurestore.definitions.instants import duration_to_microseconds
from featurestore.definitions.steps import row_steps
from featurestore.definitions.view import FeatureView
from featurestore.errors import EntityDataError, SourceError
from featurestore.frames.entity_rows import EntityRows
from featurestore.frames.keys import key_column
from featurestore.frames.times import ENTITY_TIME, time_column
from featurestore.planning.aggregations import check_conditions, value_columns, with_known_types
from featurestore.planning.entity_columns import check_entity_columns
from featurestore.planning.request import Request, RequestedView
from featurestore.protocols.offline import TIME_COLUMN, Grid, KeyColumn, ViewPlan
from featurestore.sources.check import check_columns
from featurestore.sources.files import locate_source
from featurestore.transforms.rows import row_schema


def plan_view(requested: RequestedView, *, root: Path, as_of: int | None = None) -> ViewPlan:
    """The engine-neutral plan of one view, its source checked.

    Args:
        requested: the view and its features.
        root: the folder where relative paths of sources start.
        as_of: microseconds; rows that were known later do not exist.

    Raises:
        SourceError: if the source lacks what the view wants, or cannot tell what was known when.
        TransformError: if a transform does not fit the source.
    """
    source, steps = locate_source(requested.view.origin, root), row_steps(requested.view)
    view = with_known_types(requested.view, source)
    rows = row_schema(source, steps)
    inputs = {column: dtype for f in view.features for column, dtype in f.inputs.items() if dtype is not None}
    wanted = [*view.join_keys.items(), *inputs.items()]
    check_columns(view.name, source, rows.arrow, rows.text, wanted)
    check_conditions(view, rows)
    if as_of is not None and source.available_at is None and source.created_timestamp is None:
        raise SourceError(
            f"View {view.name!r}: as_of needs to know when rows became known, and source {source.name!r} has "
            "neither available_at nor created_timestamp.",
            hint="Declare one of them on the source.",
        )
    return ViewPlan(
        label=requested.label,
        source=source,
        keys=tuple(KeyColumn(k, requested.entity_column(k), t) for k, t in view.join_keys.items()),
        **value_columns(view, {r.output: r.feature.name for r in requested.features}),
        ttl=None if view.ttl is None else duration_to_microseconds(view.ttl),
        grid=_grid(view),
        delay=duration_to_microseconds(source.effective_delay),
        as_of=as_of,
        steps=steps,
    )


def _grid(view: FeatureView) -> Grid | None:
    if view.schedule is None:
        return None
    parts = (view.schedule.every, view.schedule.offset, view.schedule.lag)
    return Grid(*map(duration_to_microseconds, parts))


def engine_entities(request: Request, rows: EntityRows, *, event_timestamp: str, timezone: str) -> pa.Table:
    """Keys and times of the entity rows, in the types that engines get.

    Raises:
        EntityDataError: if a column is missing or of the wrong type.
        NameClashError: if a feature would be called like a column of the entity rows.
    """
    names = rows.schema.names
    if event_timestamp not in names:
        raise EntityDataError(
            f"The entity rows have no time column {event_timestamp!r}; they have: {', '.join(names) or 'no columns'}.",
            hint='Say which column holds the times: event_timestamp="…". If it is the index of a pandas frame: '
            "df.reset_index().",
        )
    check_entity_columns(request, names)
    columns = request.entity_columns()
    table = rows.columns(list(dict.fromkeys([*columns, event_timestamp])))
    times = time_column(table.column(event_timestamp), timezone, name=event_timestamp, reading=ENTITY_TIME)
    data = {TIME_COLUMN: times}
    dtypes = {
        view.entity_column(key): dtype for view in request.views for key, dtype in view.view.join_keys.items()
    }
    for column in columns:
        data[column] = key_column(table.column(column), dtypes[column], name=column)
    return pa.table(data)
