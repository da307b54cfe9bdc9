"""Plans and entity tables for engines that are tested by themselves, without a store around them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from featurestore.definitions.steps import row_steps
from featurestore.definitions.view import FeatureView
from featurestore.frames.types import arrow_type
from featurestore.planning.aggregations import value_columns, with_known_types
from featurestore.protocols.offline import (
    CREATED_COLUMN,
    EVENT_COLUMN,
    TIME_COLUMN,
    VISIBLE_COLUMN,
    Grid,
    KeyColumn,
    OfflineEngine,
    ViewPlan,
)
from featurestore.testing.oracle import entity_instant

Row = Mapping[str, Any]
_MICROSECOND = timedelta(microseconds=1)


def plan_view(
    view: FeatureView,
    *,
    label: str | None = None,
    features: Sequence[str] | None = None,
    join_keys: Mapping[str, str] | None = None,
    as_of: datetime | None = None,
) -> ViewPlan:
    """The plan of one view as one request uses it; with a `label`, outputs are called ``label__feature``."""
    view = with_known_types(view, view.origin)
    names = features if features is not None else [feature.name for feature in view.features]
    prefix = "" if label is None else f"{label}__"
    renamed = join_keys or {}
    return ViewPlan(
        label=label or view.name,
        source=view.origin,
        keys=tuple(KeyColumn(k, renamed.get(k, k), dtype) for k, dtype in view.join_keys.items()),
        **value_columns(view, {prefix + name: name for name in names}),
        ttl=None if view.ttl is None else view.ttl // _MICROSECOND,
        grid=_grid(view),
        delay=view.origin.effective_delay // _MICROSECOND,
        as_of=entity_instant(as_of),
        steps=row_steps(view),
    )


def _grid(view: FeatureView) -> Grid | None:
    schedule = view.schedule
    if schedule is None:
        return None
    return Grid(schedule.every // _MICROSECOND, schedule.offset // _MICROSECOND, schedule.lag // _MICROSECOND)


def entity_table(plans: Sequence[ViewPlan], rows: Sequence[Row]) -> pa.Table:
    """Entity rows as engines get them: each view's keys in their types, and times in microseconds.

    The rows hold keys by entity column, and a time or None under ``event_timestamp``.
    """
    types = {key.entity_column: arrow_type(key.dtype) for plan in plans for key in plan.keys}
    columns = {name: pa.array([row[name] for row in rows], type=dtype) for name, dtype in types.items()}
    times = [entity_instant(row["event_timestamp"]) for row in rows]
    return pa.table({**columns, TIME_COLUMN: pa.array(times, type=pa.int64())})


def key_table(plan: ViewPlan, rows: Sequence[Row]) -> pa.Table:
    """Keys as `OfflineEngine.latest_features` gets them."""
    return pa.table(
        {k.name: pa.array([row[k.name] for row in rows], type=arrow_type(k.dtype)) for k in plan.keys}
    )


def features_schema(plans: Sequence[ViewPlan]) -> pa.Schema:
    """The schema that `OfflineEngine.historical_features` has to return."""
    return pa.schema([(f.output, arrow_type(f.dtype)) for plan in plans for f in plan.features])


def latest_schema(plan: ViewPlan) -> pa.Schema:
    """The schema that `OfflineEngine.latest_features` has to return."""
    keys = [(key.name, arrow_type(key.dtype)) for key in plan.keys]
    times = [(EVENT_COLUMN, pa.int64()), (CREATED_COLUMN, pa.int64())]
    return pa.schema([*keys, *times, *((f.output, arrow_type(f.dtype)) for f in plan.features)])


def visible_schema(plan: ViewPlan) -> pa.Schema:
    """The schema that `OfflineEngine.visible_rows` has to return."""
    keys = [(key.name, arrow_type(key.dtype)) for key in plan.keys]
    times = (EVENT_COLUMN, CREATED_COLUMN, VISIBLE_COLUMN)
    return pa.schema([*keys, *((name, pa.int64()) for name in times)])


def run_historical(engine: OfflineEngine, plans: Sequence[ViewPlan], entities: pa.Table) -> pa.Table:
    """All batches of `historical_features` as one table, its schema and number of rows checked."""
    table = _collect(engine.historical_features(views=plans, entities=entities), features_schema(plans))
    assert table.num_rows == entities.num_rows, f"{entities.num_rows} rows in, {table.num_rows} rows out"
    return table


def run_latest(engine: OfflineEngine, plan: ViewPlan, **arguments: Any) -> pa.Table:
    """All batches of `latest_features` as one table, its schema checked."""
    return _collect(engine.latest_features(view=plan, **arguments), latest_schema(plan))


def run_visible(engine: OfflineEngine, plan: ViewPlan, **arguments: Any) -> pa.Table:
    """All batches of `visible_rows` as one table, its schema checked."""
    return _collect(engine.visible_rows(view=plan, **arguments), visible_schema(plan))


def _collect(batches: Any, schema: pa.Schema) -> pa.Table:
    collected = list(batches)
    for batch in collected:
        assert isinstance(batch, pa.RecordBatch), f"expected a RecordBatch, found {type(batch).__name__}"
        found, wanted = _types(batch.schema), _types(schema)
        assert found == wanted, f"expected the columns {wanted}, found {found}"
        batch.validate(full=True)
    return pa.Table.from_batches([b.cast(schema) for b in collected], schema=schema)


def _types(schema: pa.Schema) -> list[tuple[str, str]]:
    return [(field.name, str(_bare(field.type))) for field in schema]


def _bare(dtype: pa.DataType) -> pa.DataType:
    """The type without the names and flags that Arrow keeps for the items of a list."""
    if pa.types.is_fixed_size_list(dtype):
        return pa.list_(_bare(dtype.value_type), dtype.list_size)
    if pa.types.is_list(dtype):
        return pa.list_(_bare(dtype.value_type))
    return dtype
