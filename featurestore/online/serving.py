"""What a serving process knows: for each request it answers, where every view's rows are.

A plan is looked up by what was asked for, used for `refresh_seconds`, and then looked at anew in the
background while requests go on; only a plan so old that its generation may have been reclaimed is renewed
before it is used. The read path itself never asks the registry. While the registry is away, what was published is
served on as long as the online store holds it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias

from featurestore import forks
from featurestore.definitions.types import FLOATS, INTEGERS, Bool, FeatureType, Int64, List, Map, UInt64
from featurestore.errors import OnlineStoreError, RegistryUnavailableError
from featurestore.online.few_rows import FEW, PlainReader, PlainRows
from featurestore.online.layout import ViewLayout
from featurestore.protocols.online import SpaceKeys

MOST_PLANS = 1_000
_log = logging.getLogger(__name__)
STALE_SECONDS = 60.0
"""Older plans are renewed before use: less than the time for which a replaced generation stays readable."""
LONG = frozenset((Int64, UInt64))
_NUMBERS = frozenset((*INTEGERS, *FLOATS, Bool))
EmptyValue: TypeAlias = "float | Sequence[Any] | Mapping[Any, Any] | None"
"""What an aggregation gives without any input; None where that is null."""


class ServedFeature(NamedTuple):
    """One feature of a request: its name in the row, its name in the answer, its type, its empty value."""

    name: str
    output: str
    dtype: FeatureType
    empty: EmptyValue = None


@dataclass(frozen=True)
class ServedView:
    """One view of a request, and where its rows are.

    Attributes:
        label: alias or name.
        space: the published generation's space.
        mark: see `ViewLayout.marks`.
        entity_columns: join key to column of the entity rows.
        ttl: microseconds after its event for which a row may be used, or None.
        effective: of aggregations the instant whose values are served, which counts as the event of rows that
            were written earlier and have not changed since; else None.
    """

    label: str
    layout: ViewLayout
    space: bytes
    mark: SpaceKeys
    entity_columns: tuple[tuple[str, str], ...]
    features: tuple[ServedFeature, ...]
    ttl: int | None
    effective: int | None = None

    @cached_property
    def empties(self) -> dict[str, EmptyValue]:
        """The empty values that are not null, by the features' names in the row."""
        return {feature.name: feature.empty for feature in self.features if feature.empty is not None}

    @cached_property
    def lists(self) -> frozenset[str]:
        """The features, by their names in the row, whose values only columns hold."""
        return frozenset(feature.name for feature in self.features if isinstance(feature.dtype, List | Map))

    @cached_property
    def _plain_reader(self) -> PlainReader | None:
        return self.layout.codec.plain_reader([feature.name for feature in self.features])

    def plain_rows(self, rows: Sequence[bytes | None], now: int) -> PlainRows | None:
        """The values of each of a few rows, if all of them are there, may be used now and can be used as they are."""
        read = self._plain_reader
        if read is None or len(rows) > FEW:
            return None
        oldest, effective = None if self.ttl is None else now - self.ttl, self.effective
        if effective is not None:
            if effective > now or (oldest is not None and effective < oldest):
                return None
            oldest = None
        return read(rows, oldest, now)

    @cached_property
    def feature_names(self) -> tuple[list[str], list[str]]:
        """The features' names in the row, and in the answer."""
        return [feature.name for feature in self.features], [feature.output for feature in self.features]


@dataclass(frozen=True)
class ServingPlan:
    """All views of a request and the order of its output columns."""

    views: tuple[ServedView, ...]
    outputs: tuple[str, ...]

    @cached_property
    def in_order(self) -> Callable[[tuple[Any, ...]], tuple[Any, ...]] | None:
        """What puts the values of all views, one after another, into the order of `outputs`; None: they are in it."""
        given = [feature.output for view in self.views for feature in view.features]
        return None if given == list(self.outputs) else itemgetter(*map(given.index, self.outputs))

    @cached_property
    def of_each_key(self) -> tuple[ServedView, ...]:
        """One view for each different entity key."""
        views: dict[object, ServedView] = {}
        for view in self.views:
            views.setdefault(_entity_key(view), view)
        return tuple(views.values())

    @cached_property
    def views_and_keys(self) -> tuple[tuple[ServedView, int], ...]:
        """The views, each with the number of its entity key in `of_each_key`."""
        keys = [_entity_key(view) for view in self.of_each_key]
        return tuple((view, keys.index(_entity_key(view))) for view in self.views)

    @cached_property
    def no_number(self) -> ServedFeature | None:
        """A feature that is not a number, if there is one."""
        return next((feature for feature in self._features if feature.dtype not in _NUMBERS), None)

    @cached_property
    def has_long(self) -> bool:
        """Whether a feature is an integer that float64 may not hold."""
        return any(feature.dtype in LONG for feature in self._features)

    @property
    def _features(self) -> list[ServedFeature]:
        return [feature for view in self.views for feature in view.features]

    @cached_property
    def checked(self) -> set[tuple[str, ...]]:
        """Columns of entity rows that have been found right."""
        return set()

    def entity_columns(self) -> dict[str, FeatureType]:
        """The columns that the entity rows must have, and their types."""
        return {
            column: view.layout.view.join_keys[key]
            for view in self.views
            for key, column in view.entity_columns
        }


def _entity_key(view: ServedView) -> tuple[object, ...]:
    return view.entity_columns, tuple(view.layout.view.join_keys.items())


@dataclass
class _Entry:
    plan: ServingPlan
    build: Callable[[], ServingPlan]
    sure_at: float
    """When its rows were there for certain, all of them."""
    renew_at: float
    renewing: int | None = None
    """The process, by its number of forks, in which a thread renews the plan."""


class ServingPlans:
    """Serving plans by request, kept fresh.

    Args:
        refresh_seconds: the age from which a plan is looked at anew.
        is_there: whether the online store still holds the rows that a plan leads to.
    """

    def __init__(self, refresh_seconds: float, is_there: Callable[[ServingPlan], bool]) -> None:
        self._refresh = min(refresh_seconds, STALE_SECONDS)
        self._is_there = is_there
        self._entries: dict[Hashable, _Entry] = {}
        self._building: dict[Hashable, Future[ServingPlan]] = {}

    def get(self, key: Hashable) -> ServingPlan | None:
        """The plan under `key` if there is one that is fresh enough."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        now = time.monotonic()
        if now > entry.renew_at:
            if now - entry.sure_at > STALE_SECONDS:
                return None
            if entry.renewing != forks.count():
                entry.renewing = forks.count()
                threading.Thread(target=self._renew, args=(key, entry), daemon=True).start()
        return entry.plan

    def add(self, key: Hashable, build: Callable[[], ServingPlan]) -> ServingPlan:
        """A new plan under `key`; those who ask for it while it is being built get the same one.

        Args:
            key: identifies the request; may hold ids of objects that `build` keeps alive.
            build: asks the registry, now and whenever the plan is renewed.
        """
        building: Future[ServingPlan] = Future()
        # What a thread of the parent was building is never finished in a forked child.
        flight = forks.count(), key
        first = self._building.setdefault(flight, building)
        if first is not building:
            return first.result()
        try:
            plan = self._add(key, build)
        except BaseException as error:
            building.set_exception(error)
            raise
        finally:
            del self._building[flight]
        building.set_result(plan)
        return plan

    def _add(self, key: Hashable, build: Callable[[], ServingPlan]) -> ServingPlan:
        now = time.monotonic()
        try:
            entry = _Entry(build(), build, now, now + self._refresh)
        except RegistryUnavailableError as error:
            old = self._entries.get(key)
            if old is None or not self._keeps(old, error):
                raise
            return old.plan
        if len(self._entries) >= MOST_PLANS:
            self._entries.clear()
        self._entries[key] = entry
        return entry.plan

    def clear(self) -> None:
        """Forget all plans, after this process has published something itself."""
        self._entries.clear()

    def _renew(self, key: Hashable, entry: _Entry) -> None:
        now = time.monotonic()
        try:
            self._entries[key] = _Entry(entry.build(), entry.build, now, now + self._refresh)
        except Exception as error:  # noqa: BLE001 (a request that needs the plan will raise it)
            self._keeps(entry, error)
            entry.renewing = None

    def _keeps(self, entry: _Entry, error: Exception) -> bool:
        """Whether a plan that could not be renewed is good for another while: if only the registry is away."""
        now = time.monotonic()
        entry.renew_at = now + self._refresh  # not again at each request
        try:
            keeps = isinstance(error, RegistryUnavailableError) and self._is_there(entry.plan)
        except OnlineStoreError:
            keeps = False
        if keeps:
            entry.sure_at = now
        _log.warning("a serving plan could not be renewed, going on with the one at hand: %s", error)
        return keeps
