"""Pushes: fresh rows written straight to the online store, each the newest of its entity or nothing."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from featurestore.definitions.instants import from_microseconds
from featurestore.definitions.steps import row_steps, takes_single_rows
from featurestore.definitions.types import FeatureType, List, Timestamp, ZonedTimestamp
from featurestore.definitions.view import FeatureView
from featurestore.errors import EntityDataError, InvalidTimeError, RequestError
from featurestore.frames.convert import to_arrow_table
from featurestore.frames.declared import as_declared
from featurestore.frames.keys import key_column
from featurestore.frames.times import CREATED_TIME, SOURCE_TIME, Reading, time_column
from featurestore.frames.types import arrow_type, converts
from featurestore.online.layout import ViewLayout
from featurestore.online.published import check_not_retired, published_generation
from featurestore.project import Project
from featurestore.protocols.online import PushedWrite
from featurestore.protocols.records import ViewState
from featurestore.transforms.rows import run_steps
from featurestore.transforms.table import Rows


def push_rows(project: Project, view: str | FeatureView, rows: Any) -> None:
    """Write rows in the shape of the view's source: join keys, event timestamp and feature columns.

    A row without a created timestamp gets its arrival time as such.

    Raises:
        RequestError: if the view does not take pushes.
        EntityDataError: if a column is missing, of another type, or a key or event timestamp is null.
        InvalidTimeError: if an event is later than the clock.
        NotMaterializedError: if nothing has been published for the view yet.
    """
    layout = _served_layout(project, view)
    check_takes_pushes(layout.view)
    types = {f.column: arrow_type(f.dtype) for f in layout.view.features if not _has_times(f.dtype)}
    if isinstance(rows, list) and not rows:  # has no columns to look at either
        return
    given = to_arrow_table(rows, what="the pushed rows", types=types)
    table = _source_rows(_transformed(given, layout.view), layout.view, time.time_ns() // 1000)
    seen = _published(project, layout)
    while True:
        keys, encoded = _newest(table, layout, written=seen.last_run)
        project.online.write(
            spaces=_writable_spaces(layout, seen),
            keys=keys,
            rows=encoded,
            rule=PushedWrite(),
            keep_for=layout.keep_for,
        )
        # A run that began meanwhile fills a generation that this write has not seen: write again, to both.
        now_seen = _published(project, layout)
        if (now_seen.generation, now_seen.filling) == (seen.generation, seen.filling):
            return
        seen = now_seen


def delete_rows(project: Project, view: str | FeatureView, keys: Any) -> None:
    """Delete entities' rows of a view, also from generations that are being filled.

    Raises:
        EntityDataError: if a join key is missing or of another type.
        NotMaterializedError: if nothing has been published for the view yet.
    """
    layout = _served_layout(project, view)
    table = to_arrow_table(keys, what="the keys")
    checked = pa.table({k: _key(table, k, dtype, layout.view) for k, dtype in layout.view.join_keys.items()})
    encoded = [key for key in layout.keys.encode(checked).to_pylist() if key is not None]
    seen = _published(project, layout)
    while True:
        project.online.delete(spaces=_writable_spaces(layout, seen), keys=encoded)
        now_seen = _published(project, layout)
        if (now_seen.generation, now_seen.filling) == (seen.generation, seen.filling):
            return
        seen = now_seen


def _served_layout(project: Project, view: str | FeatureView) -> ViewLayout:
    stored = project.registered(view)
    check_not_retired(stored)
    definition = project.catalog().load_view(stored)
    return ViewLayout.of(definition, project=project.name, version=stored.version)


def _published(project: Project, layout: ViewLayout) -> ViewState:
    state = project.registry.view_state(project=project.name, view=layout.view.name, version=layout.version)
    published_generation(layout, state)
    return state


def _key(table: pa.Table, key: str, dtype: FeatureType, view: FeatureView) -> pa.ChunkedArray:
    if key not in table.schema.names:
        raise EntityDataError(
            f"View {view.name!r} needs the join key {key!r}; the rows have: {', '.join(table.schema.names)}."
        )
    return key_column(table.column(key), dtype, name=key)


def _key_column(table: pa.Table, key: str, dtype: FeatureType, view: FeatureView) -> pa.ChunkedArray:
    """A join key of pushed rows, read as the source's are: naive times are of its zone."""
    column = table.column(key)
    if dtype == Timestamp and pa.types.is_timestamp(column.type):
        return as_declared(column, dtype, view.origin.timezone, key)
    return key_column(column, dtype, name=key)


def check_takes_pushes(view: FeatureView) -> None:
    """Check that pushed rows can mean the same as materialized ones.

    Raises:
        RequestError: if the view has aggregations or a schedule, its source a delay, or a transform looks at
            other rows.
    """
    if view.aggregations:
        raise RequestError(
            f"View {view.name!r} does not take pushes: its values are aggregations, which no single row can be.",
            hint="Add the row to the source and run materialize_incremental.",
        )
    if not takes_single_rows(row_steps(view)):
        raise RequestError(
            f"View {view.name!r} does not take pushes: its transform looks at other rows too.",
            hint="Write it row by row, or materialize more often.",
        )
    reason = "a schedule" if view.schedule is not None else "a delay" if view.origin.effective_delay else None
    if reason:
        raise RequestError(
            f"View {view.name!r} does not take pushes: it has {reason}, so a pushed row would not be visible yet.",
            hint="Push to a view without it, or materialize more often.",
        )


def _writable_spaces(layout: ViewLayout, state: ViewState) -> list[bytes]:
    """The published generation's space and those that are being filled."""
    generations = dict.fromkeys((state.generation, *state.filling))
    return [layout.space(generation) for generation in generations if generation is not None]


def _transformed(table: pa.Table, view: FeatureView) -> pa.Table:
    """The rows that the view's features are read from."""
    steps, source = row_steps(view), view.origin
    if not steps:
        return table
    for column in source.time_columns:
        raw = source.mapping.get(column, column)
        if column not in (source.event_timestamp, *source.computed) and raw not in table.schema.names:
            table = table.append_column(raw, pa.nulls(table.num_rows, pa.timestamp("us", "UTC")))
    return run_steps(Rows(table, frozenset()), steps, source, wanted=None).table


def _source_rows(table: pa.Table, view: FeatureView, now: int) -> pa.Table:
    source = view.origin
    needed = [*view.join_keys, source.event_timestamp, *(feature.column for feature in view.features)]
    for column in needed:
        if column not in table.schema.names:
            raise EntityDataError(
                f"A push to view {view.name!r} needs column {column!r}; the rows have: "
                f"{', '.join(table.schema.names)}.",
                hint="Pushed rows have the columns of the view's source.",
            )
    data = {key: _key_column(table, key, dtype, view) for key, dtype in view.join_keys.items()}
    event = _times(table, source.event_timestamp, view, SOURCE_TIME)
    _check_complete({**data, source.event_timestamp: event}, view)
    latest = pc.max(event).as_py()
    if latest is not None and latest > now:
        raise InvalidTimeError(
            f"A push to view {view.name!r} holds an event at {from_microseconds(latest).isoformat()}, which is "
            "later than the clock.",
            hint="Check the time zone of the event timestamps; naive times are in the source's timezone.",
        )
    columns = [_feature_column(table, feature.column, feature.dtype, view) for feature in view.features]
    data.update({feature.name: column for feature, column in zip(view.features, columns, strict=True)})
    return pa.table({**data, "__fs_event": event, "__fs_created": _created(table, view, now)})


def _created(table: pa.Table, view: FeatureView, now: int) -> pa.ChunkedArray:
    column = view.origin.created_timestamp
    if column is None or column not in table.schema.names:
        return pa.chunked_array([pa.array([now] * table.num_rows, pa.int64())])
    return pc.fill_null(_times(table, column, view, CREATED_TIME), now)


def _times(table: pa.Table, column: str, view: FeatureView, reading: Reading) -> pa.ChunkedArray:
    return time_column(table.column(column), view.origin.timezone, name=column, reading=reading)


def _check_complete(columns: dict[str, pa.ChunkedArray], view: FeatureView) -> None:
    for name, column in columns.items():
        if column.null_count:
            raise EntityDataError(
                f"A push to view {view.name!r} holds a null in {name!r}: such a row belongs to no entity.",
                hint="Drop the rows whose key or event timestamp is missing.",
            )


def _feature_column(table: pa.Table, column: str, dtype: FeatureType, view: FeatureView) -> pa.ChunkedArray:
    values = table.column(column)
    if not converts(values.type, dtype):
        raise EntityDataError(
            f"A push to view {view.name!r}: column {column!r} is {values.type}, which does not convert to {dtype} "
            "without loss.",
            hint=f"Convert the column to {dtype} first.",
        )
    try:
        return as_declared(values, dtype, view.origin.timezone, column)
    except pa.ArrowInvalid as error:
        raise EntityDataError(
            f"A push to view {view.name!r}: a value of column {column!r} is not a {dtype}: {error}."
        ) from error


def _has_times(dtype: FeatureType) -> bool:
    """Whether values in Python say by themselves, or do not say, of which zone they are."""
    return isinstance(dtype, ZonedTimestamp) or (isinstance(dtype, List) and _has_times(dtype.item))


def _newest(rows: pa.Table, layout: ViewLayout, *, written: int) -> tuple[list[bytes], Sequence[bytes]]:
    encoded = layout.codec.encode(
        rows,
        event=rows.column("__fs_event"),
        created=rows.column("__fs_created"),
        written=written,
        pushed=True,
    )
    newest: dict[bytes, bytes] = {}
    for key, row in zip(layout.keys.encode(rows).to_pylist(), encoded, strict=True):
        newest[key] = max(newest.get(key, b""), row)
    return list(newest), list(newest.values())
