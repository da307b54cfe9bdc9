"""Whole cases: a view or two over one source, its rows, entity rows and what is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from featurestore.definitions.entity import Entity
from featurestore.definitions.feature import Feature
from featurestore.definitions.source import InMemorySource, Source
from featurestore.definitions.types import FeatureType, Int64, String
from featurestore.definitions.view import FeatureView
from featurestore.protocols.offline import ViewPlan
from featurestore.testing.oracle import from_instant
from featurestore.testing.oracle.order import as_declared
from featurestore.testing.plans import plan_view
from featurestore.testing.strategies.columns import Column, feature_columns, key_columns
from featurestore.testing.strategies.times import Clock, TimeColumn, clocks, time_columns

Rows = list[dict[str, Any]]
AnyColumn = Column | TimeColumn
_IDS = (Column(String, pa.string(), ("a", "b", "", None)), Column(Int64, pa.int64(), (0, -1, None)))


@dataclass(frozen=True)
class Request:
    """One view as the case asks for it.

    Attributes:
        view: the definition.
        label: its alias, or None.
        features: the names asked for.
        join_keys: renamed keys.
    """

    view: FeatureView
    label: str | None
    features: tuple[str, ...]
    join_keys: Mapping[str, str]

    def plan(self, as_of: datetime | None) -> ViewPlan:
        """The request as engines get it."""
        return plan_view(
            self.view, label=self.label, features=self.features, join_keys=self.join_keys, as_of=as_of
        )


@dataclass(frozen=True)
class Case:
    """Everything that engines and the oracle need to give one answer.

    Attributes:
        requests: over one source.
        rows: of the source, as the oracle reads them.
        table: the same rows in Arrow.
        entities: entity rows; their times stand under ``event_timestamp``.
        entity_times: the same times as an Arrow column, and `entity_zone` for naive ones.
        as_of: or None.
        at: instants (microseconds) at which to ask for the latest rows.
    """

    requests: tuple[Request, ...]
    rows: Rows
    table: pa.Table
    entities: Rows
    entity_times: pa.Array
    entity_zone: str
    as_of: datetime | None
    at: tuple[int, ...]

    @property
    def source(self) -> Source:
        """What all requests read."""
        return self.requests[0].view.origin

    @property
    def plans(self) -> list[ViewPlan]:
        """The requests as engines get them."""
        return [request.plan(self.as_of) for request in self.requests]

    def with_source(self, source: Source) -> Case:
        """The case over other storage of the same rows."""
        moved = [replace(r, view=r.view.model_copy(update={"source": source})) for r in self.requests]
        return replace(self, requests=tuple(moved))


@dataclass(frozen=True)
class Layout:
    """Columns of the source by name, and which of them are keys and features."""

    columns: dict[str, AnyColumn]
    keys: dict[str, FeatureType]
    features: tuple[Feature, ...]
    roles: dict[str, Any]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A small case in which ties, boundaries and nulls are frequent."""
    clock = draw(clocks())
    layout = draw(_layouts(clock))
    rows = draw(case_rows(clock, layout))
    table = case_table(layout.columns, rows, draw(st.integers(0, len(rows))))
    source = InMemorySource(
        "s", data=table, event_timestamp="at", delay=clock.delay, timezone=clock.zone, **layout.roles
    )
    first = _request(source, layout, clock, draw(_subsets([f.name for f in layout.features])))
    requests = (first, *draw(st.one_of(st.just(()), st.tuples(_second(first)))))
    renamed = sorted({name for request in requests for name in request.join_keys.values()})
    entity_column = draw(time_columns(clock))
    entities = draw(case_entities(clock, layout, renamed, entity_column))
    known = source.available_at or source.created_timestamp
    as_of = draw(clock.later_instants()) if known and draw(st.integers(0, 3)) == 3 else None
    return Case(
        requests=requests,
        rows=rows,
        table=table,
        entities=entities,
        entity_times=entity_column.array([entity["event_timestamp"] for entity in entities]),
        entity_zone=draw(st.sampled_from([clock.zone, "UTC"])),
        as_of=None if as_of is None else from_instant(as_of),
        at=tuple(draw(st.lists(clock.later_instants(), min_size=2, max_size=2))),
    )


@st.composite
def _layouts(draw: st.DrawFn, clock: Clock) -> Layout:
    values = {f"c{i}": c for i, c in enumerate(draw(st.lists(feature_columns(), min_size=1, max_size=3)))}
    layout = draw(case_layout(clock, values))
    names = draw(st.permutations(["f", "F", "g", "order"]))
    features = [
        Feature(name, c.dtype, column=column)
        for (column, c), name in zip(values.items(), names, strict=False)
    ]
    if layout.keys and draw(st.integers(0, 9)) == 9:
        features.append(Feature("copy", layout.keys["k0"], column="k0"))
    return replace(layout, features=tuple(features))


@st.composite
def case_layout(draw: st.DrawFn, clock: Clock, values: Mapping[str, Column]) -> Layout:
    """Keys, times and these columns, without features."""
    keys = {f"k{i}": column for i, column in enumerate(draw(st.lists(key_columns(), max_size=3)))}
    if len(keys) == 3 or not keys:
        keys = draw(st.sampled_from([keys, {"k0": draw(key_columns())}]))
    event = draw(time_columns(clock, dates=clock.delay is not None, empty=True))
    columns: dict[str, AnyColumn] = {"at": event, **keys, **values}
    roles: dict[str, Any] = {}
    for role in ("created_timestamp", "available_at"):
        name = draw(st.sampled_from([None, role, role, "created_timestamp", "at"]))
        if name is not None:
            roles[role] = name
            columns.setdefault(name, draw(time_columns(clock, dates=False, empty=True)))
    if draw(st.integers(0, 2)) == 2:
        roles["event_id"] = "event_id"
        columns["event_id"] = draw(st.sampled_from(_IDS))
    return Layout(columns, {k: c.dtype for k, c in keys.items()}, (), roles)


@st.composite
def case_rows(draw: st.DrawFn, clock: Clock, layout: Layout) -> Rows:
    """Rows of the source."""
    row = st.fixed_dictionaries({
        name: column.times(clock.instants()) if isinstance(column, TimeColumn) else _often_first(column.pool)
        for name, column in layout.columns.items()
    })  # fmt: skip
    rows = draw(_lists(row, 12))
    return rows + rows[: draw(st.sampled_from([0, 0, 0, 2]))]


@st.composite
def case_entities(
    draw: st.DrawFn, clock: Clock, layout: Layout, renamed: Sequence[str], times: TimeColumn
) -> Rows:
    """Entity rows with keys of the source's, and times near its events'."""
    keys = {name: layout.columns[name] for name in layout.keys}
    pools = {
        name: [as_declared(value, column.dtype, clock.zone) for value in column.pool]
        for name, column in keys.items()
        if isinstance(column, Column)
    }
    pools |= {name: pools[name.removeprefix("other_")] for name in renamed}
    rows = st.fixed_dictionaries({
        **{name: _often_first(pool) for name, pool in pools.items()},
        "event_timestamp": times.times(clock.later_instants()),
    })  # fmt: skip
    return draw(_lists(rows, 8))


def _lists(rows: st.SearchStrategy[Any], most: int) -> st.SearchStrategy[Rows]:
    """Seldom empty, often long."""
    least = st.sampled_from([0, *[1] * 4, *[4] * 7])
    return least.flatmap(lambda size: st.lists(rows, min_size=size, max_size=most))


def _often_first(pool: Sequence[object]) -> st.SearchStrategy[object]:
    """The first value half of the time, so that many rows belong to one entity and tie."""
    return st.sampled_from([pool[0]] * (len(pool) - 1) + list(pool))


def _request(source: Source, layout: Layout, clock: Clock, features: Sequence[str]) -> Request:
    view = FeatureView(
        "v",
        entities=[Entity("e", join_keys=layout.keys)] if layout.keys else [],
        source=source,
        features=layout.features,
        ttl=clock.ttl,
        schedule=clock.schedule,
    )
    return Request(view, None, tuple(features), {})


@st.composite
def _second(draw: st.DrawFn, first: Request) -> Request:
    """The same view under an alias: other keys, or another ttl and schedule."""
    view = first.view.model_copy(update=draw(st.sampled_from([{}, {"ttl": None}, {"schedule": None}])))
    keys = list(view.join_keys)
    renames = {key: f"other_{key}" for key in (draw(_subsets(keys)) if keys else [])}
    return Request(view, "second", tuple(draw(_subsets([f.name for f in view.features]))), renames)


def _subsets(names: Sequence[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(names), min_size=1, max_size=len(names), unique=True)


def case_table(columns: Mapping[str, AnyColumn], rows: Rows, cut: int) -> pa.Table:
    """In two chunks: engines must not take the first for all."""
    parts = [rows[:cut], rows[cut:]] if 0 < cut < len(rows) else [rows]
    arrays = {
        name: pa.chunked_array([column.array([row[name] for row in part]) for part in parts])
        for name, column in columns.items()
    }
    return pa.table(arrays)
