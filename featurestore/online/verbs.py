"""The verbs of `FeatureStore` that deal with the online store, but for those that fill it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from featurestore.definitions.view import FeatureView
from featurestore.online.reader import OnlineReader
from featurestore.online.response import OnlineFeatures
from featurestore.planning.request import FeaturesArgument
from featurestore.project import Project


class OnlineVerbs:
    """Lookups, pushes and deletions."""

    _project: Project
    _reader: OnlineReader

    def get_online_features(
        self,
        features: FeaturesArgument,
        entity_rows: Any,
        *,
        full_feature_names: bool = False,
        now: datetime | None = None,
    ) -> OnlineFeatures:
        """Look up the features of some entities, in one round trip to the online store.

        Args:
            features: a service, views, parts of views, or names such as ``"view:feature"``.
            entity_rows: list of dicts, dict of columns, or a frame; any number of rows.
            full_feature_names: name columns ``view__feature``.
            now: the instant at which rows are judged expired, by default the clock's.

        Returns:
            Values and statuses, one per entity row and feature, in the order of `entity_rows`.

        Raises:
            NotFoundError: for an unknown name.
            EntityDataError: if a key is missing or of the wrong type.
            NotMaterializedError: if nothing has been published for a view yet.
            OnlineStoreUnavailableError: if the online store cannot be reached (retryable).
        """
        return self._reader.read(features, entity_rows, full_feature_names=full_feature_names, now=now)

    async def get_online_features_async(
        self,
        features: FeaturesArgument,
        entity_rows: Any,
        *,
        full_feature_names: bool = False,
        now: datetime | None = None,
    ) -> OnlineFeatures:
        """`get_online_features`, without blocking the event loop."""
        return await self._reader.read_async(
            features, entity_rows, full_feature_names=full_feature_names, now=now
        )

    def push(self, view: str | FeatureView, rows: Any) -> None:
        """Write fresh rows to the online store; of an entity's rows the newest stays.

        Args:
            view: a view without schedule or delay.
            rows: a frame with the columns of the view's source.

        Raises:
            RequestError: if the view does not take pushes.
            EntityDataError: if a column is missing, of another type, or a key or event timestamp is null.
            InvalidTimeError: if an event is later than the clock.
        """
        from featurestore.online.push import push_rows

        push_rows(self._project, view, rows)

    def delete_online(self, view: str | FeatureView, keys: Any) -> None:
        """Delete entities' rows of a view from the online store.

        A deletion is not remembered: what is still in the source comes back with the next run.

        Args:
            view: name or object.
            keys: a frame, list of dicts or dict of columns with the join keys.
        """
        from featurestore.online.push import delete_rows

        delete_rows(self._project, view, keys)
