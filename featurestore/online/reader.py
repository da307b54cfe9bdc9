"""Online reads: entity rows to keys, one round trip, rows to answers."""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa

from featurestore.definitions.aggregation import Aggregation
from featurestore.definitions.base import Definition
from featurestore.definitions.feature import Feature
from featurestore.definitions.instants import duration_to_microseconds, to_microseconds
from featurestore.definitions.reference import ViewReference
from featurestore.definitions.types import Map
from featurestore.definitions.view import FeatureView
from featurestore.errors import EntityDataError, NameClashError
from featurestore.frames.convert import check_column, to_arrow_table
from featurestore.frames.keys import key_column
from featurestore.online.layout import ViewLayout
from featurestore.online.published import check_not_retired, published_space
from featurestore.online.response import OnlineFeatures, ViewAnswer
from featurestore.online.serving import EmptyValue, ServedFeature, ServedView, ServingPlan, ServingPlans
from featurestore.planning.catalog import Catalog
from featurestore.planning.entity_columns import check_entity_columns
from featurestore.planning.request import FeaturesArgument, RequestedView, resolve_request
from featurestore.project import Project, check_registered
from featurestore.protocols.online import SpaceKeys
from featurestore.protocols.registry import ViewState

Columns = Mapping[str, Sequence[Any]]
_MOST_CHECKED = 100


class OnlineReader:
    """Reads features of a project from its online store."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._plans = ServingPlans(project.config.refresh_seconds)

    def read(
        self, features: FeaturesArgument, rows: Any, *, full_feature_names: bool, now: datetime | None
    ) -> OnlineFeatures:
        """Look features up; see `FeatureStore.get_online_features`."""
        lookup = _Lookup(self._plan(features, full_feature_names), rows, now)
        return lookup.answer(self._project.online.read(requests=lookup.requests))

    async def read_async(
        self, features: FeaturesArgument, rows: Any, *, full_feature_names: bool, now: datetime | None
    ) -> OnlineFeatures:
        """The same without blocking the event loop."""
        lookup = _Lookup(self._plan(features, full_feature_names), rows, now)
        return lookup.answer(await self._project.online.read_async(requests=lookup.requests))

    def forget(self) -> None:
        """Ask the registry again at the next read."""
        self._plans.clear()

    def _plan(self, features: FeaturesArgument, full: bool) -> ServingPlan:
        key = (_request_key(features), full)
        found = self._plans.get(key)
        if found is not None:
            return found
        # A list may change later; and definitions have to stay alive, so that their ids stay their own.
        held = features if isinstance(features, str | Definition) else tuple(features)
        return self._plans.add(key, lambda: self._build(held, full))

    def _build(self, features: FeaturesArgument, full: bool) -> ServingPlan:
        self._project.forget()
        catalog = self._project.catalog()
        request = resolve_request(features, catalog, full_feature_names=full)
        plan = ServingPlan(tuple(self._served(request.views, catalog)), request.outputs)
        check_entity_columns(request, list(plan.entity_columns()))
        return plan

    def _served(self, views: Sequence[RequestedView], catalog: Catalog) -> Iterator[ServedView]:
        catalog.read(("feature_view", requested.view.name) for requested in views)
        stored = [catalog.stored_view(requested.view.name, requested.version) for requested in views]
        for each in stored:
            check_not_retired(each)
        states = self._project.registry.view_states(
            project=self._project.name, versions={(each.name, each.version) for each in stored}
        )
        by_version = {(state.view, state.version): state for state in states}
        for requested, each in zip(views, stored, strict=True):
            view = check_registered(requested.view, each, catalog) if requested.given else requested.view
            layout = ViewLayout.of(view, project=self._project.name, version=each.version)
            yield _served_view(requested, view, layout, by_version[each.name, each.version])


def _served_view(
    requested: RequestedView, view: FeatureView, layout: ViewLayout, state: ViewState
) -> ServedView:
    limit = view.serves_for if view.aggregations else view.ttl
    return ServedView(
        label=requested.label,
        layout=layout,
        space=published_space(layout, state),
        entity_columns=tuple((key, requested.entity_column(key)) for key in view.join_keys),
        features=tuple(
            _served_feature(view.feature(item.feature.name), item.output) for item in requested.features
        ),
        ttl=None if limit is None else duration_to_microseconds(limit),
        effective=_effective_time(view, state) if view.aggregations else None,
    )


def _served_feature(feature: Feature | Aggregation, output: str) -> ServedFeature:
    empty: EmptyValue = feature.empty if isinstance(feature, Aggregation) else None
    if isinstance(empty, tuple):
        empty = {} if isinstance(feature.dtype, Map) else list(empty)
    return ServedFeature(feature.name, output, feature.dtype, empty)


def _effective_time(view: FeatureView, state: ViewState) -> int | None:
    """The instant for which all rows are served, those too that the last runs had no reason to write."""
    watermark = state.watermark_us
    return watermark if watermark is None or view.schedule is None else view.schedule.effective(watermark)


def _request_key(features: FeaturesArgument) -> Hashable:
    # Definitions are immutable, and the cache keeps them alive: their identity is cheaper than their hash.
    if isinstance(features, str):
        return features
    if isinstance(features, ViewReference):
        return features, id(features.definition)
    if isinstance(features, Sequence):
        return tuple(_request_key(item) for item in features)
    return id(features)


class _Lookup:
    """One read: the keys it asks for and how rows become its answer."""

    def __init__(self, plan: ServingPlan, rows: Any, now: datetime | None) -> None:
        self._plan = plan
        self._now = time.time_ns() // 1000 if now is None else to_microseconds(now, what="now")
        self._columns, self._count, self._table = _entity_columns(rows, plan)
        self._keys = [self._encode(view) for view in plan.of_each_key]
        asked = [[key for key in keys if key is not None] for keys in self._keys]
        self.requests = [SpaceKeys(view.space, asked[key]) for view, key in plan.views_and_keys]

    def _encode(self, view: ServedView) -> list[bytes | None]:
        if not view.entity_columns:
            return [b""] if self._count else []
        encoder = view.layout.keys
        if self._table is None:
            return encoder.encode_rows({key: self._columns[column] for key, column in view.entity_columns})
        join_keys = view.layout.view.join_keys
        keys = {
            key: key_column(self._table.column(column), join_keys[key], name=column)
            for key, column in view.entity_columns
        }
        encoded: list[bytes | None] = encoder.encode(pa.table(keys)).to_pylist()
        return encoded

    def answer(self, rows: list[bytes | None]) -> OnlineFeatures:
        answers, start = [], 0
        for (view, key), request in zip(self._plan.views_and_keys, self.requests, strict=True):
            keys, end = self._keys[key], start + len(request.keys)
            found, start = rows[start:end], end
            if len(request.keys) != len(keys):
                remaining = iter(found)
                found = [None if key is None else next(remaining) for key in keys]
            if not view.entity_columns:
                found = found * self._count
            answers.append(ViewAnswer(view, found, self._now))
        return OnlineFeatures(plan=self._plan, entities=self._columns, count=self._count, answers=answers)


def _entity_columns(rows: Any, plan: ServingPlan) -> tuple[Columns, int, pa.Table | None]:
    if isinstance(rows, list):
        return _from_dicts(rows, plan), len(rows), None
    if isinstance(rows, Mapping):
        columns = {name: _values(name, values) for name, values in rows.items()}
        return columns, _length(columns, plan), None
    table = to_arrow_table(rows, what="the entity rows")
    _check_columns(table.schema.names, plan)
    return {name: table.column(name).to_pylist() for name in table.schema.names}, table.num_rows, table


def _from_dicts(rows: list[Mapping[str, Any]], plan: ServingPlan) -> Columns:
    if not rows:
        return {column: [] for column in plan.entity_columns()}
    try:
        first = tuple(rows[0].keys())
        _check_columns(first, plan)
        return {name: [row[name] for row in rows] for name in first}
    except (KeyError, AttributeError, TypeError) as error:
        raise EntityDataError(
            "The entity rows are not all dicts with the same keys as the first one.",
            hint='Give e.g. [{"tailnum": "N14228"}, {"tailnum": "N24211"}]; a missing key is None.',
        ) from error


def _values(name: str, values: Any) -> Sequence[Any]:
    listed: Sequence[Any] = values
    if type(values) is not list:
        check_column(name, values)
        if isinstance(values, pa.Array | pa.ChunkedArray):
            listed = values.to_pylist()
    return listed


def _length(columns: Columns, plan: ServingPlan) -> int:
    _check_columns(tuple(columns), plan)
    lengths = {len(values) for values in columns.values()}
    if len(lengths) > 1:
        raise EntityDataError(f"The columns of the entity rows have different lengths: {sorted(lengths)}.")
    return lengths.pop() if lengths else 0


def _check_columns(names: Sequence[str], plan: ServingPlan) -> None:
    if (known := tuple(names)) in plan.checked:
        return
    for name in names:
        if name in plan.outputs:
            raise NameClashError(
                f"The entity rows have a column {name!r}, which is also a requested feature.",
                hint="Drop the column, or use full_feature_names=True.",
            )
    for view in plan.views:
        for key, column in view.entity_columns:
            if column not in names:
                raise EntityDataError(
                    f"View {view.label!r} needs join key {key!r} in column {column!r}; the entity rows have: "
                    f"{', '.join(names) or 'none'}.",
                    hint=f"Add it (df.reset_index() makes a column of a pandas index), or take the key from another "
                    f'column: view.with_join_keys({{"{key}": "…"}}).',
                )
    if len(plan.checked) < _MOST_CHECKED:
        plan.checked.add(known)
