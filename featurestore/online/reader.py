"""Online reads: entity rows to keys, one round trip, rows to answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Hashable, Iterator, Sequence
from datetime import datetime
from typing import Any

from featurestore.definitions.aggregation import Aggregation
from featurestore.definitions.base import Definition
from featurestore.definitions.feature import Feature
from featurestore.definitions.instants import duration_to_microseconds, to_microseconds
from featurestore.definitions.reference import ViewReference
from featurestore.definitions.types import Map
from featurestore.definitions.view import FeatureView
from featurestore.online.asked_entities import AskedEntities
from featurestore.online.layout import ViewLayout
from featurestore.online.published import check_not_retired, published_generation
from featurestore.online.response import OnlineFeatures
from featurestore.online.serving import EmptyValue, ServedFeature, ServedView, ServingPlan, ServingPlans
from featurestore.online.view_answer import ViewAnswer
from featurestore.planning.catalog import Catalog
from featurestore.planning.entity_columns import check_entity_columns
from featurestore.planning.request import FeaturesArgument, RequestedView, resolve_request
from featurestore.project import Project, check_registered
from featurestore.protocols.online import SpaceKeys
from featurestore.protocols.records import ViewState


class OnlineReader:
    """Reads features of a project from its online store."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._plans = ServingPlans(project.config.refresh_seconds, self._is_there)

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
        plan = self._plans.get((_request_key(features), full_feature_names))
        if plan is None:
            plan = await asyncio.to_thread(self._new_plan, features, full_feature_names)
        lookup = _Lookup(plan, rows, now)
        return lookup.answer(await self._project.online.read_async(requests=lookup.requests))

    def forget(self) -> None:
        """Ask the registry again at the next read."""
        self._plans.clear()

    def _plan(self, features: FeaturesArgument, full: bool) -> ServingPlan:
        key = _request_key(features), full
        return self._plans.get(key) or self._new_plan(features, full)

    def _new_plan(self, features: FeaturesArgument, full: bool) -> ServingPlan:
        # A list may change later; and definitions have to stay alive, so that their ids stay their own.
        held = features if isinstance(features, str | Definition) else tuple(features)
        return self._plans.add((_request_key(features), full), lambda: self._build(held, full))

    def _is_there(self, plan: ServingPlan) -> bool:
        """Whether the online store still holds the rows that a plan leads to, whatever was published since."""
        marks = self._project.online.read(requests=[view.mark for view in plan.views])
        return None not in marks

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
    generation = published_generation(layout, state)
    return ServedView(
        label=requested.label,
        layout=layout,
        space=layout.space(generation),
        mark=layout.marks([generation]),
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
        self._entities = AskedEntities(rows, plan)
        self._keys = [self._entities.keys(view) for view in plan.of_each_key]
        asked = [[key for key in keys if key is not None] for keys in self._keys]
        self.requests = [SpaceKeys(view.space, asked[key]) for view, key in plan.views_and_keys]

    def answer(self, rows: list[bytes | None]) -> OnlineFeatures:
        answers, start = [], 0
        for (view, key), request in zip(self._plan.views_and_keys, self.requests, strict=True):
            keys, end = self._keys[key], start + len(request.keys)
            found, start = rows[start:end], end
            if len(request.keys) != len(keys):
                remaining = iter(found)
                found = [None if key is None else next(remaining) for key in keys]
            if not view.entity_columns:
                found = found * self._entities.count
            answers.append(ViewAnswer(view, found, self._now))
        return OnlineFeatures(
            plan=self._plan, entities=self._entities.columns, count=self._entities.count, answers=answers
        )
