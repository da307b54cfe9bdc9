"""Feature views: named groups of features of one entity, read from one source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar, Self

from pydantic import Field, field_validator, model_validator

from featurestore.definitions.aggregation import Aggregation, AnyFeature
from featurestore.definitions.base import Definition, Duration, FrozenDict, Name, Tags
from featurestore.definitions.entity import Entity
from featurestore.definitions.feature import Feature
from featurestore.definitions.reference import ViewReference
from featurestore.definitions.schedule import Schedule
from featurestore.definitions.source import AnySource, Source
from featurestore.definitions.types import FeatureType
from featurestore.errors import NotFoundError


class FeatureView(Definition):
    """Features of one entity from one source: a function from (entity, time) to values.

    Args:
        name: unique among the views and services of a project.
        entities: whose join keys identify a row; an empty list makes a view of one row for all.
        source: where the rows come from.
        features: what is taken from a row; or `Aggregation` objects, which sum up the rows of a window. A view
            holds the one or the other.
        ttl: how long after its event timestamp a row may be used, inclusive; None for ever.
        schedule: the grid on which serving values are refreshed; None for always.
        online: whether the view is materialized for serving.
        max_staleness: of a view with aggregations: how long after the instant they were computed for they are
            served. By default twice the schedule's `every`; without a schedule the shortest window.

    Raises:
        DefinitionError: if a name is used twice, a feature hides a join key, the ttl is not positive, or
            features and aggregations are mixed.

    Example:
        >>> import featurestore as fs
        >>> plane = fs.Entity("plane", join_keys={"tailnum": fs.String})
        >>> arrivals = fs.ParquetSource("arrivals", path="arrivals.parquet", event_timestamp="arrived_at")
        >>> view = fs.FeatureView("punctuality", entities=[plane], source=arrivals,
        ...                       features=[fs.Feature("arr_delay", fs.Float64)])
        >>> view["arr_delay"].features
        ('arr_delay',)
    """

    kind: ClassVar[str] = "feature_view"

    name: Name
    entities: tuple[Entity, ...]
    source: AnySource
    features: tuple[AnyFeature, ...]
    ttl: Duration | None = None
    schedule: Schedule | None = None
    online: bool = True
    # Left out where it is not given: views that know nothing of it keep their hashes.
    max_staleness: Duration | None = Field(default=None, exclude_if=lambda value: value is None)
    description: str = ""
    owner: str = ""
    tags: Tags = FrozenDict()

    def __init__(
        self,
        name: str,
        *,
        entities: Sequence[Entity],
        source: Source,
        features: Sequence[Feature | Aggregation],
        ttl: timedelta | None = None,
        schedule: Schedule | None = None,
        online: bool = True,
        max_staleness: timedelta | None = None,
        description: str = "",
        owner: str = "",
        tags: Mapping[str, str] = FrozenDict(),
    ) -> None:
        super().__init__(
            name=name, entities=entities, source=source, features=features, ttl=ttl, schedule=schedule,
            online=online, max_staleness=max_staleness, description=description, owner=owner, tags=tags,
        )  # fmt: skip

    @field_validator("features")
    @classmethod
    def _one_window_each(cls, value: tuple[Feature | Aggregation, ...]) -> tuple[Feature | Aggregation, ...]:
        split = (item.single() if isinstance(item, Aggregation) else (item,) for item in value)
        return tuple(feature for features in split for feature in features)

    @field_validator("ttl", "max_staleness")
    @classmethod
    def _check_ttl(cls, value: timedelta | None) -> timedelta | None:
        if value is not None and value <= timedelta(0):
            raise ValueError("must be longer than zero; leave it out for no limit")
        return value

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        keys = [key for entity in self.entities for key in entity.join_keys]
        names = [feature.name for feature in self.features]
        if not names:
            raise ValueError("expected at least one feature")
        for name in (*keys, *names):
            if keys.count(name) + names.count(name) > 1:
                raise ValueError(f"{name!r} is used twice among the join keys and the features")
        return self

    @model_validator(mode="after")
    def _check_aggregations(self) -> Self:
        if self.aggregations and len(self.aggregations) < len(self.features):
            raise ValueError("a view holds features or aggregations, not both: make two views")
        if self.aggregations and self.ttl is not None:
            raise ValueError(
                "ttl says how old a single row may be; of aggregations the windows say it, and max_staleness "
                "for how long their values are served"
            )
        if not self.aggregations and self.max_staleness is not None:
            raise ValueError("max_staleness is for aggregations; features have a ttl")
        return self

    @model_validator(mode="after")
    def _check_types(self) -> Self:
        known: dict[str, FeatureType] = {}
        for aggregation in self.aggregations:
            for column, dtype in aggregation.types.items():
                if known.setdefault(column, dtype) != dtype:
                    raise ValueError(f"column {column!r} is said to be {known[column]} and {dtype}")
        return self

    @property
    def aggregations(self) -> tuple[Aggregation, ...]:
        """The features, where they are aggregations; else nothing."""
        return tuple(feature for feature in self.features if isinstance(feature, Aggregation))

    @property
    def serves_for(self) -> timedelta | None:
        """How long aggregations are served after the instant they were computed for; None for ever."""
        if self.max_staleness is not None:
            return self.max_staleness
        if self.schedule is not None:
            return 2 * self.schedule.every
        finite = [a.span for a in self.aggregations if isinstance(a.span, timedelta)]
        return min(finite, default=None)

    @property
    def join_keys(self) -> Mapping[str, FeatureType]:
        """Join key to type, over all entities, in their order."""
        return FrozenDict({k: t for entity in self.entities for k, t in entity.join_keys.items()})

    def feature(self, name: str) -> Feature | Aggregation:
        """The feature called `name`.

        Raises:
            NotFoundError: if the view has no such feature.
        """
        for feature in self.features:
            if feature.name == name:
                return feature
        raise NotFoundError.of("Feature", name, (f.name for f in self.features), where=f"view {self.name!r}")

    def __getitem__(self, features: str | Sequence[str]) -> ViewReference:
        """Some of the features: ``view["a"]`` or ``view[["a", "b"]]``."""
        return ViewReference.of(self)[features]

    def alias(self, name: str) -> ViewReference:
        """The view under another name, so that one request may hold it twice."""
        return ViewReference.of(self).alias(name)

    def with_join_keys(self, renames: Mapping[str, str]) -> ViewReference:
        """The view with join keys taken from other columns: ``{"tailnum": "inbound_tailnum"}``."""
        return ViewReference.of(self).with_join_keys(renames)

    def values_payload(self) -> dict[str, Any]:
        """The parts of the definition that change values: what the data hash is taken over."""
        staleness = self.model_dump(mode="json", include={"max_staleness"})
        return {
            "join_keys": {key: str(dtype) for key, dtype in self.join_keys.items()},
            "source": self.source.values_payload(),
            "features": {f.name: f.values_payload() for f in self.features},
            "ttl": self.model_dump(mode="json", include={"ttl"})["ttl"],
            "schedule": self.schedule and self.schedule.model_dump(mode="json"),
            **staleness,
        }
