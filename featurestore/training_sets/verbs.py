"""The verbs of `FeatureStore` that deal with training sets."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featurestore.definitions.instants import to_microseconds
from featurestore.planning.request import FeaturesArgument
from featurestore.project import Project

if TYPE_CHECKING:
    from featurestore.definitions.splits import Split
    from featurestore.training_sets.training_set import TrainingSet


class TrainingSetVerbs:
    """Making and finding training sets."""

    _project: Project

    def create_training_set(
        self,
        name: str,
        features: FeaturesArgument,
        entity_df: Any,
        *,
        split: Split | Mapping[str, float] | None = None,
        seed: int = 0,
        folder: str | Path | None = None,
        event_timestamp: str = "event_timestamp",
        full_feature_names: bool = False,
        engine: str | None = None,
        as_of: datetime | None = None,
        timezone: str = "UTC",
        tags: Mapping[str, str] = {},
        note: str = "",
        check_expectations: bool = True,
    ) -> TrainingSet:
        """Compute a training frame, divide its rows, save it, and record how it was made.

        Args:
            name: new in the project, such as ``fraud-2026-01``.
            features: a registered service, views, parts of views, or names such as ``"view:feature"``.
            entity_df: as for `get_historical_features`.
            split: one of `RandomSplit`, `EntitySplit`, `StratifiedSplit`, `TimeSplit`, or fractions such as
                ``{"train": 0.8, "test": 0.2}`` for rows at random; None for one part ``all``.
            seed: of the split; the same seed gives the same parts.
            folder: where to save it, a path or ``s3://bucket/prefix``; by default what feature_store.toml says
                (``training_sets``).
            event_timestamp: the time column of the entity rows.
            full_feature_names: name columns ``view__feature``.
            engine: ``duckdb`` or ``polars``, by default the store's.
            as_of: only rows that were known then; late rows cannot change the set afterwards.
            timezone: zone of naive times in the entity rows.
            tags: can be changed later.
            note: why it was made; more can be added later.
            check_expectations: whether the views' expectations are looked at; how they came out is recorded.

        Raises:
            ExpectationError: if the rows are not as a view expects; the set is not saved.
            RequestError: if the name is taken, or an object differs from what is registered.
            NotFoundError, NameClashError, EntityDataError, SourceError: as for `get_historical_features`.
        """
        from featurestore.definitions.splits import as_split
        from featurestore.training_sets.create import Order, create
        from featurestore.training_sets.training_set import TrainingSet

        order = Order(
            name=name,
            features=features,
            entity_df=entity_df,
            split=None if split is None else as_split(split),
            seed=seed,
            folder=folder,
            event_timestamp=event_timestamp,
            timezone=timezone,
            full_feature_names=full_feature_names,
            engine=engine or self._project.config.offline,
            as_of=None if as_of is None else to_microseconds(as_of, what="as_of"),
            tags=tags,
            note=note,
            check_expectations=check_expectations,
        )
        return TrainingSet(self._project, create(self._project, order), order.folder)

    def training_set(self, name: str, *, folder: str | Path | None = None) -> TrainingSet:
        """The training set of a name, or of an id or its first 12 characters.

        Args:
            name: name or id.
            folder: where its files are now, if they were moved.

        Raises:
            NotFoundError: if there is none.
        """
        from featurestore.training_sets.training_set import TrainingSet

        record = self._project.registry.training_set(project=self._project.name, name=name)
        return TrainingSet(self._project, record, folder)

    def training_sets(self, *, view: str | None = None, limit: int = 100) -> list[TrainingSet]:
        """The latest training sets, newest first; with a view, those made from any version of it."""
        from featurestore.training_sets.training_set import TrainingSet

        records = self._project.registry.training_sets(project=self._project.name, view=view, limit=limit)
        return [TrainingSet(self._project, record) for record in records]
