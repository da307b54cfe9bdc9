"""Feature views: named groups of features of one entity, read from one source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar, Self

from pydantic import field_validator, model_validator

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
        features: what is taken from a row.
        ttl: how long after its event timestamp a row may be used, inclusive; None for ever.
        schedule: the grid on which serving values are refreshed; None for always.
        online: whether the view is materialized for serving.

    Raises:
        DefinitionError: if a name is used twice, a feature hides a join key, or the ttl is not positive.

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
    features: tuple[Feature, ...]
    ttl: Duration | None = None
    schedule: Schedule | None = None
    online: bool = True
    description: str = ""
    owner: str = ""
    tags: Tags = FrozenDict()

    def __init__(
        self,
        name: str,
        *,
        entities: Sequence[Entity],
        source: Source,
        features: Sequence[Feature],
        ttl: timedelta | None = None,
        schedule: Schedule | None = None,
        online: bool = True,
        description: str = "",
        owner: str = "",
        tags: Mapping[str, str] = FrozenDict(),
    ) -> None:
        super().__init__(
            name=name, entities=entities, source=source, features=features, ttl=ttl, schedule=schedule,
            online=online, description=description, owner=owner, tags=tags,
        )  # fmt: skip

    @field_validator("ttl")
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

    @property
    def join_keys(self) -> Mapping[str, FeatureType]:
        """Join key to type, over all entities, in their order."""
        return FrozenDict({k: t for entity in self.entities for k, t in entity.join_keys.items()})

    def feature(self, name: str) -> Feature:
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
        return {
            "join_keys": {key: str(dtype) for key, dtype in self.join_keys.items()},
            "source": self.source.values_payload(),
            "features": {f.name: {"dtype": str(f.dtype), "column": f.column} for f in self.features},
            "ttl": self.model_dump(mode="json", include={"ttl"})["ttl"],
            "schedule": self.schedule and self.schedule.model_dump(mode="json"),
        }
