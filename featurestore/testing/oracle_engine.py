"""The oracle behind the protocol of offline engines: slow, for frames in memory, and right by definition."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from featurestore.definitions.aggregation import Aggregation
from featurestore.definitions.entity import Entity
from featurestore.definitions.feature import Feature
from featurestore.definitions.functions import function_text
from featurestore.definitions.schedule import Schedule
from featurestore.definitions.source import InMemorySource, Source
from featurestore.definitions.steps import Conditions, Step
from featurestore.definitions.types import Map
from featurestore.definitions.view import FeatureView
from featurestore.definitions.windows import LIFETIME
from featurestore.errors import SourceError
from featurestore.frames.convert import to_arrow_table
from featurestore.protocols.offline import (
    CREATED_COLUMN,
    EVENT_COLUMN,
    TIME_COLUMN,
    VISIBLE_COLUMN,
    Changes,
    ViewPlan,
)
from featurestore.testing import oracle
from featurestore.testing.compare import key_id
from featurestore.testing.plans import features_schema, latest_schema, visible_schema

Rows = list[dict[str, Any]]


class OracleEngine:
    """An `OfflineEngine` that asks the oracle."""

    name = "oracle"

    def historical_features(
        self, *, views: Sequence[ViewPlan], entities: pa.Table
    ) -> Iterator[pa.RecordBatch]:
        asked = _rows(entities)
        for row in asked:
            time = row[TIME_COLUMN]
            row[TIME_COLUMN] = None if time is None else oracle.from_instant(time)
        columns: dict[str, list[object]] = {}
        for plan in views:
            found = oracle.historical(
                _view(plan),
                _rows(_frame(plan.source)),
                asked,
                event_timestamp=TIME_COLUMN,
                as_of=_as_of(plan),
                join_keys={key.name: key.entity_column for key in plan.keys},
            )
            names = _names(plan)
            columns |= {f.output: [_plain(row[names[f.output]]) for row in found] for f in plan.features}
        schema = features_schema(views)
        yield pa.record_batch(
            [pa.array(columns[n], schema.field(n).type) for n in schema.names], schema=schema
        )

    def latest_features(
        self, *, view: ViewPlan, at: int, changes: Changes | None = None, keys: pa.Table | None = None
    ) -> Iterator[pa.RecordBatch]:
        definition, rows = _view(view), _rows(_frame(view.source))
        found = oracle.latest(definition, rows, oracle.from_instant(at), as_of=_as_of(view))
        wanted: set[object] | None = None if changes is None and keys is None else set()
        if wanted is not None and keys is not None:
            wanted |= {key_id(tuple(row.values())) for row in _rows(keys)}
        if wanted is not None and changes is not None:
            moved = oracle.changed(
                definition, rows, since=changes.since, known_after=changes.known_after, as_of=_as_of(view)
            )
            wanted |= {key_id(key) for key in moved}
        chosen = [row for key, row in found.items() if wanted is None or key_id(key) in wanted]
        schema, names = latest_schema(view), _names(view)
        columns: dict[str, list[Any]] = {k.name: [r.key[i] for r in chosen] for i, k in enumerate(view.keys)}
        columns |= {EVENT_COLUMN: [r.event for r in chosen], CREATED_COLUMN: [r.created for r in chosen]}
        columns |= {f.output: [_plain(r.values[names[f.output]]) for r in chosen] for f in view.features}
        yield pa.record_batch(
            [pa.array(columns[n], schema.field(n).type) for n in schema.names], schema=schema
        )

    def visible_rows(
        self, *, view: ViewPlan, at: int, changes: Changes | None = None
    ) -> Iterator[pa.RecordBatch]:
        definition, rows = _view(view), _rows(_frame(view.source))
        found = oracle.visible_rows(definition, rows, oracle.from_instant(at), as_of=_as_of(view))
        if changes is not None:
            since, known_after = changes.since, changes.known_after
            moved = oracle.changed(definition, rows, since=since, known_after=known_after, as_of=_as_of(view))
            wanted = {key_id(key) for key in moved}
            found = [row for row in found if key_id(row.key) in wanted]
        schema = visible_schema(view)
        columns: dict[str, list[Any]] = {k.name: [r.key[i] for r in found] for i, k in enumerate(view.keys)}
        columns |= {EVENT_COLUMN: [r.event for r in found], CREATED_COLUMN: [r.created for r in found]}
        columns[VISIBLE_COLUMN] = [r.visible_from(view.delay) for r in found]
        yield pa.record_batch(
            [pa.array(columns[n], schema.field(n).type) for n in schema.names], schema=schema
        )

    def explain(self, *, views: Sequence[ViewPlan]) -> str:
        return "\n".join(f"{plan.label}: section 2 of the contract, row by row" for plan in views)

    def query(self, *, sql: str, sources: Mapping[str, Source]) -> pa.Table:
        raise SourceError(f"The oracle speaks no SQL: {sql!r} over {list(sources)}.")


def _plain(value: object) -> object:
    if isinstance(value, list | tuple):
        return type(value)(_plain(item) for item in value)
    return value.value if isinstance(value, oracle.About) else value


def _names(plan: ViewPlan) -> dict[str, str]:
    """Output to the declared feature with the same column and type; aggregations keep their names."""
    if plan.windows:
        return {window.output: window.output for window in plan.windows}
    declared = {(f.column, f.dtype): f.output for f in plan.tie_breakers}
    return {f.output: declared[f.column, f.dtype] for f in plan.features}


def _view(plan: ViewPlan) -> FeatureView:
    grid = plan.grid
    schedule = None
    if grid is not None:
        every, offset, lag = (timedelta(microseconds=value) for value in (grid.every, grid.offset, grid.lag))
        schedule = Schedule(every, offset=offset, lag=lag)
    return FeatureView(
        "v",
        entities=[Entity("e", join_keys={key.name: key.dtype for key in plan.keys})] if plan.keys else [],
        source=plan.source.model_copy(update={"delay": timedelta(microseconds=plan.delay)}),
        features=_aggregations(plan)
        if plan.windows
        else [Feature(f.output, f.dtype, column=f.column) for f in plan.tie_breakers],
        ttl=None if plan.ttl is None else timedelta(microseconds=plan.ttl),
        schedule=schedule,
    )


def _aggregations(plan: ViewPlan) -> list[Aggregation]:
    """The requested ones; and, for the order of rows that tie, all inputs and conditions of the plan."""
    conditions = {column: text for step in plan.steps for column, text in _conditions(step).items()}
    asked = [
        Aggregation(
            w.column or "*",
            function_text(w.function, w.argument),
            LIFETIME if w.window is None else timedelta(microseconds=w.window),
            name=w.output,
            where=None if w.where is None else conditions[w.where],
            offset=timedelta(microseconds=w.offset),
            series=w.series,
            by=w.by,
            keys=w.keys,
            input_type=w.input,
            by_type=w.dtype.key if isinstance(w.dtype, Map) else None,
        )
        for w in plan.windows
    ]
    inputs = [
        Aggregation(f.column, "count", LIFETIME, name=f"__input_{i}", input_type=f.dtype)
        for i, f in enumerate(plan.tie_breakers)
        if f.column not in conditions
    ]
    marks = [
        Aggregation("*", "count", LIFETIME, name=f"__condition_{i}", where=text)
        for i, text in enumerate(conditions.values())
    ]
    return [*asked, *inputs, *marks]


def _conditions(step: Step) -> Mapping[str, str]:
    return step.columns if isinstance(step, Conditions) else {}


def _as_of(plan: ViewPlan) -> datetime | None:
    return None if plan.as_of is None else oracle.from_instant(plan.as_of)


def _frame(source: Source) -> pa.Table:
    if not isinstance(source, InMemorySource) or source.data is None:
        raise SourceError(f"Source {source.name!r}: the oracle reads frames in memory only.")
    return to_arrow_table(source.data, what=source.name)


def _rows(table: pa.Table) -> Rows:
    columns = [_values(column) for column in table.columns]
    return [dict(zip(table.column_names, values, strict=True)) for values in zip(*columns, strict=True)]


def _values(column: pa.ChunkedArray) -> list[Any]:
    if not pa.types.is_timestamp(column.type) or column.type.unit != "ns":
        values: list[Any] = column.to_pylist()
        return values
    ticks = column.cast(pa.int64()).to_pylist()
    whole = [None if tick is None else oracle.from_instant(tick // 1000) for tick in ticks]
    if column.type.tz is None:
        whole = [None if time is None else time.replace(tzinfo=None) for time in whole]
    pairs = zip(whole, ticks, strict=True)
    return [None if time is None else oracle.Nano(time, tick % 1000) for time, tick in pairs]
