"""What a serving process knows: for each request it answers, where every view's rows are.

A plan is looked up by what was asked for, used for `refresh_seconds`, and then looked at anew in the
background while requests go on; only a plan so old that its generation may have been reclaimed is renewed
before it is used. The read path itself never asks the registry.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import Any, TypeAlias

from featurestore.definitions.types import FeatureType
from featurestore.online.layout import ViewLayout
from featurestore.online.row_layout import Pick

MOST_PLANS = 1_000
_log = logging.getLogger(__name__)
STALE_SECONDS = 60.0
"""Older plans are renewed before use: less than the time for which a replaced generation stays readable."""
EmptyValue: TypeAlias = "float | Sequence[Any] | Mapping[Any, Any] | None"
"""What an aggregation gives without any input; None where that is null."""


@dataclass(frozen=True)
class ServedFeature:
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
        entity_columns: join key to column of the entity rows.
        ttl: microseconds after its event for which a row may be used, or None.
        effective: of aggregations the instant whose values are served, which counts as the event of rows that
            were written earlier and have not changed since; else None.
    """

    label: str
    layout: ViewLayout
    space: bytes
    entity_columns: tuple[tuple[str, str], ...]
    features: tuple[ServedFeature, ...]
    ttl: int | None
    effective: int | None = None

    @cached_property
    def empties(self) -> dict[str, EmptyValue]:
        """The empty values that are not null, by the features' names in the row."""
        return {feature.name: feature.empty for feature in self.features if feature.empty is not None}

    @cached_property
    def pick(self) -> Pick | None:
        """What takes the features out of a row whose values can be used as they are; see `RowLayout.pick`."""
        return self.layout.codec.pick([feature.name for feature in self.features])

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
    def same_keys(self) -> tuple[int, ...]:
        """For each view the number of the first one with the same entity keys."""
        keys = [(view.entity_columns, tuple(view.layout.view.join_keys.items())) for view in self.views]
        return tuple(map(keys.index, keys))

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


@dataclass
class _Entry:
    plan: ServingPlan
    build: Callable[[], ServingPlan]
    made_at: float
    renewing: bool = False


class ServingPlans:
    """Serving plans by request, kept fresh.

    Args:
        refresh_seconds: the age from which a plan is looked at anew.
    """

    def __init__(self, refresh_seconds: float) -> None:
        self._refresh = min(refresh_seconds, STALE_SECONDS)
        self._entries: dict[Hashable, _Entry] = {}

    def get(self, key: Hashable) -> ServingPlan | None:
        """The plan under `key` if there is one that is fresh enough."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        age = time.monotonic() - entry.made_at
        if age > self._refresh:
            if age > STALE_SECONDS:
                return None
            if not entry.renewing:
                entry.renewing = True
                threading.Thread(target=self._renew, args=(key, entry), daemon=True).start()
        return entry.plan

    def add(self, key: Hashable, build: Callable[[], ServingPlan]) -> ServingPlan:
        """A new plan under `key`.

        Args:
            key: identifies the request; may hold ids of objects that `build` keeps alive.
            build: asks the registry, now and whenever the plan is renewed.
        """
        now = time.monotonic()
        entry = _Entry(build(), build, now)
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
            self._entries[key] = _Entry(entry.build(), entry.build, now)
        except Exception as error:  # noqa: BLE001 (a request that needs the plan will raise it)
            entry.renewing = False
            _log.warning("a serving plan could not be renewed, going on with the one at hand: %s", error)
