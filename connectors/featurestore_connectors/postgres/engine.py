"""The offline engine that runs in PostgreSQL, where the data are: only entity rows go in, only results come out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from featurestore.definitions.database import PostgresSource
from featurestore.definitions.source import Source
from featurestore.definitions.steps import Shape
from featurestore.errors import RequestError, SourceError
from featurestore.frames.batches import side_by_side
from featurestore.frames.types import arrow_type, converts
from featurestore.protocols.offline import (
    CREATED_COLUMN,
    EVENT_COLUMN,
    TIME_COLUMN,
    Changes,
    Grid,
    ViewPlan,
)
from featurestore.protocols.sources import EVERY_ROW, WantedRows
from featurestore_connectors.names import quoted
from featurestore_connectors.postgres import match
from featurestore_connectors.postgres.connections import Batches, Session
from featurestore_connectors.postgres.reader import columns_of
from featurestore_connectors.postgres.results import declared
from featurestore_connectors.postgres.sql import rows_of
from featurestore_connectors.postgres.types import Column

_EARLIEST = -210_866_803_200_000_000  # of PostgreSQL's times, in microseconds: the year 4713 before Christ
_INSTANT = pa.timestamp("us", "UTC")


class PostgresEngine:
    """Offline engine in PostgreSQL, for views with plain features over its tables and queries.

    The entity rows are copied into a temporary table; one statement for each view does the join, and its result is
    streamed back in their order. The user needs the right to make temporary tables.
    """

    name = "postgres"

    def historical_features(
        self, *, views: Sequence[ViewPlan], entities: pa.Table
    ) -> Iterator[pa.RecordBatch]:
        """The features of all `views` for each entity row; see `OfflineEngine`."""
        for view in views:
            _check(view)
        yield from side_by_side([_historical(view, entities) for view in views])

    def latest_features(
        self, *, view: ViewPlan, at: int, changes: Changes | None = None, keys: pa.Table | None = None
    ) -> Iterator[pa.RecordBatch]:
        """The row that each entity has at the instant `at`; see `OfflineEngine`."""
        _check(view)
        until = _effective(at, view.grid)
        latest = None if changes is not None else until - view.delay
        with _opened(view) as (session, columns):
            rows = match.Rows(view, columns, WantedRows(latest=latest))
            if keys is not None:
                session.ingest(match.GIVEN, _given(view, keys))
            since = 0 if changes is None else _effective(changes.since, view.grid)
            condition = match.restricted(rows, at=until, since=since, changes=changes, given=keys is not None)
            yield from _latest(session, view, match.latest(rows, until, condition))

    def explain(self, *, views: Sequence[ViewPlan]) -> str:
        """The statement that `historical_features` runs for each view."""
        plans = []
        for view in views:
            _check(view)
            with _opened(view) as (_, columns):
                sql = match.training_frame(match.Rows(view, columns, EVERY_ROW))
            keys = ", ".join(match.key_names(view))
            plans.append(
                f"-- View {view.label}: in PostgreSQL\n"
                f"-- {match.ENTITIES} is a temporary table of the entity rows: row, {keys}, until (what each sees)\n"
                f"-- and oldest (what has not expired). Rows later than the last until are left out too.\n{sql};"
            )
        return "\n\n".join(plans)

    def query(self, *, sql: str, sources: Mapping[str, Source]) -> pa.Table:
        """Run a user's SQL over the sources (by name); see `OfflineEngine`."""
        found = [source for source in sources.values() if isinstance(source, PostgresSource)]
        if len(found) < len(sources) or len({source.url for source in found}) != 1:
            raise RequestError(
                "The engine 'postgres' runs SQL over the sources of one PostgreSQL database.",
                hint="Give the entity rows as a frame, or ask another engine.",
            )
        tables = ",\n".join(
            f"{quoted(name)} AS (SELECT * FROM {rows_of(source)})"
            for name, source in zip(sources, found, strict=True)
        )
        with Session(source=found[0].name, url=found[0].url) as session:
            return session.table(
                f"WITH {tables}\nSELECT * FROM (\n{sql.strip().removesuffix(';')}\n) AS asked"
            )


def _check(view: ViewPlan) -> None:
    """Check that a view is one that can be answered in PostgreSQL.

    Raises:
        RequestError: if it reads something else, or transforms or aggregates its rows.
    """
    what = None
    if not isinstance(view.source, PostgresSource):
        what = f"reads a source of kind {view.source.kind!r}"
    elif view.windows:
        what = "has aggregations"
    elif any(not isinstance(s, Shape) or s.computed or s.where or s.unnest for s in view.steps):
        what = "transforms its rows"
    if what is not None:
        raise RequestError(
            f"View {view.label!r} {what}, and the engine 'postgres' joins plain features of PostgreSQL's own tables.",
            hint="Ask with engine='duckdb' or engine='polars': they read PostgreSQL too.",
        )


@contextmanager
def _opened(view: ViewPlan) -> Iterator[tuple[Session, Mapping[str, Column]]]:
    """A session for a view and the columns that the view wants, checked."""
    session, columns = _open(view)
    with session:
        yield session, columns


def _open(view: ViewPlan) -> tuple[Session, Mapping[str, Column]]:
    source = view.source
    assert isinstance(source, PostgresSource)  # noqa: S101 (`_check` has said so)
    session = Session(source=source.name, url=source.url, read_only=False)
    try:
        mapping = {old: new for new, old in source.mapping.items()}
        columns = {mapping.get(column.name, column.name): column for column in columns_of(session, source)}
        _check_columns(view, columns)
    except BaseException:
        session.close()
        raise
    return session, columns


def _check_columns(view: ViewPlan, columns: Mapping[str, Column]) -> None:
    """Check that the columns are there and of the types that are declared.

    Raises:
        SourceError: naming one that is not.
    """
    wanted = [(key.name, key.dtype) for key in view.keys] + [(f.column, f.dtype) for f in view.inputs]
    for name, dtype in [*wanted, *((role, None) for role in view.source.time_columns)]:
        if name not in columns:
            raise SourceError(
                f"View {view.label!r}: source {view.source.name!r} has no column {name!r}; "
                f"it has: {', '.join(columns)}."
            )
        column = columns[name]
        if dtype is not None and not column.text and not converts(column.type, dtype):
            raise SourceError(
                f"View {view.label!r}: column {name!r} of source {view.source.name!r} is {column.type}, which does not "
                f"convert to {dtype} without loss.",
                hint=f"Declare a type that holds {column.type}, or CAST it in query=.",
            )


def _historical(view: ViewPlan, entities: pa.Table) -> Iterator[pa.RecordBatch]:
    session, columns = _open(view)
    try:
        asked, wanted = _entity_rows(view, entities)
        session.ingest(match.ENTITIES, asked)
        session.run(f"ANALYZE {match.ENTITIES}", "SET TRANSACTION READ ONLY")
        query = match.training_frame(match.Rows(view, columns, wanted))
    except BaseException:
        session.close()
        raise
    names = [(f.output, f.dtype) for f in view.features]
    schema = pa.schema([(name, arrow_type(dtype)) for name, dtype in names])
    for batch in Batches(session, query):
        yield pa.RecordBatch.from_arrays(_features(view, batch.columns), schema=schema)


def _features(view: ViewPlan, found: Sequence[pa.Array]) -> list[pa.Array]:
    return [
        declared(column, feature.dtype, source=view.source.name, what=f"column {feature.column!r}")
        for column, feature in zip(found, view.features, strict=True)
    ]


def _latest(session: Session, view: ViewPlan, query: str) -> Iterator[pa.RecordBatch]:
    keys = max(1, len(view.keys))
    for batch in Batches(session, query):
        columns: dict[str, pa.Array] = {
            key.name: declared(column, key.dtype, source=view.source.name, what=f"join key {key.name!r}")
            for key, column in zip(view.keys, batch.columns, strict=False)
        }
        columns[EVENT_COLUMN] = batch.column(keys).cast(pa.int64())
        columns[CREATED_COLUMN] = batch.column(keys + 1).cast(pa.int64())
        values = _features(view, batch.columns[keys + 2 :])
        columns |= {feature.output: value for feature, value in zip(view.features, values, strict=True)}
        yield pa.RecordBatch.from_pydict(columns)


def _entity_rows(view: ViewPlan, entities: pa.Table) -> tuple[pa.Table, WantedRows]:
    """The entity rows as the statement knows them: row, k0, …, until, oldest; and which rows they can see."""
    time = entities.column(TIME_COLUMN).combine_chunks()
    present = np.asarray(time.is_valid())
    times = np.asarray(time.fill_null(0))
    until, possible = _until(times, view.grid)
    known = present & possible
    data: dict[str, Any] = {"row": pa.array(np.arange(len(times), dtype=np.int64))}
    for name, key in zip(match.key_names(view), view.keys or (None,), strict=True):
        data[name] = pa.array(np.zeros(len(times), np.int16)) if key is None else _sendable(
            entities.column(key.entity_column))  # fmt: skip
    data["until"] = pa.array(until, mask=~known).cast(_INSTANT)
    oldest, young = _minus(times, view.ttl or 0)
    data["oldest"] = pa.array(oldest, mask=~(known & young) if view.ttl else np.ones(len(times), bool)).cast(
        _INSTANT
    )
    if not known.any():
        return pa.table(data), WantedRows(latest=_EARLIEST)
    expires = view.ttl is not None and view.source.event_id is None and bool(young[known].all())
    return pa.table(data), WantedRows(
        earliest=int(oldest[known].min()) if expires else None, latest=int(until[known].max()) - view.delay
    )


def _until(
    times: npt.NDArray[np.int64], grid: Grid | None
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """The effective times, and which of them PostgreSQL has."""
    if grid is None:
        return times, times >= _EARLIEST
    shifted, possible = _minus(times, grid.lag + grid.offset)
    return shifted // grid.every * grid.every + grid.offset, possible


def _minus(times: npt.NDArray[np.int64], by: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Times less a duration, and which of the results PostgreSQL has."""
    if abs(by) >= 2**62:
        return times, np.zeros(len(times), np.bool_)
    possible = times >= _EARLIEST + max(by, 0)
    return np.where(possible, times, 0) - by, possible


def _effective(time: int, grid: Grid | None) -> int:
    if grid is None:
        return time
    return (time - grid.lag - grid.offset) // grid.every * grid.every + grid.offset


def _given(view: ViewPlan, keys: pa.Table) -> pa.Table:
    if not view.keys:
        return pa.table({"k0": pa.array([0] * min(1, keys.num_rows), pa.int16())})
    return pa.table(
        {
            name: _sendable(keys.column(key.name))
            for name, key in zip(match.key_names(view), view.keys, strict=True)
        }
    )


def _sendable(keys: pa.ChunkedArray) -> pa.ChunkedArray:
    """Keys in a type that the driver sends; those that no row of PostgreSQL can have become null."""
    if pa.types.is_string(keys.type):
        return pc.if_else(pc.match_substring(keys, "\x00"), None, keys)
    if keys.type == pa.uint64():
        return pc.if_else(pc.less(keys, pa.scalar(2**63, pa.uint64())), keys, None).cast(pa.int64())
    if pa.types.is_timestamp(keys.type):
        instants = keys.cast(pa.timestamp("us", "UTC"))
        return pc.if_else(pc.greater_equal(instants.cast(pa.int64()), _EARLIEST), instants, None)
    return keys if not pa.types.is_integer(keys.type) else keys.cast(pa.int64())
