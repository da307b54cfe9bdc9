"""Recipes: everything that decides what a training set holds, apart from the sources' rows. JSON and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from featurestore.definitions.reference import ViewReference
from featurestore.definitions.service import FeatureService
from featurestore.definitions.splits import Split, dump_split, load_split
from featurestore.planning.catalog import Catalog
from featurestore.planning.request import FeaturesArgument, Request, resolve_request
from featurestore.project import Project, check_registered


@dataclass(frozen=True)
class Recipe:
    """How a training set is made.

    Attributes:
        features: one reference per feature, in the order of the columns, each with the version it reads.
        entity_rows: the content hash of the entity dataframe.
        event_timestamp: its time column.
        timezone: the zone of naive times in it.
        as_of: microseconds; rows that were known later do not exist. None for all rows.
        engine: name of the offline engine.
        split: or None for one part.
        seed: of the split.
    """

    features: tuple[ViewReference, ...]
    full_feature_names: bool
    entity_rows: str
    event_timestamp: str
    timezone: str
    as_of: int | None
    engine: str
    split: Split | None
    seed: int

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of the parts."""
        return ("all",) if self.split is None else self.split.names

    def to_json(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            **self.__dict__,
            "features": [reference.model_dump(mode="json") for reference in self.features],
            "split": None if self.split is None else dump_split(self.split),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Recipe:
        """Read the JSON form back."""
        split = document["split"]
        features = tuple(ViewReference(**reference) for reference in document["features"])
        return cls(
            **{**document, "features": features, "split": None if split is None else load_split(split)}
        )


def pin_features(features: FeaturesArgument, project: Project, *, full: bool) -> tuple[ViewReference, ...]:
    """One reference per feature, in the order of the columns, each to the version that is read now.

    Raises:
        NotFoundError: for an unknown name.
        RequestError: if an object differs from what is registered.
        NameClashError: if two features would have one name.
    """
    catalog = project.catalog()
    request = resolve_request(features, catalog, full_feature_names=full)
    pinned = {}
    for view in request.views:
        stored = catalog.stored_view(view.view.name, view.version)
        if view.given:
            check_registered(view.view, stored, catalog)
        for item in view.features:
            pinned[item.output] = ViewReference(
                view=stored.name,
                version=stored.version,
                features=(item.feature.name,),
                alias_name=None if view.label == stored.name else view.label,
                join_keys=dict(view.renames),
            )
    return tuple(pinned[output] for output in request.outputs)


def resolve_recipe(recipe: Recipe, catalog: Catalog) -> Request:
    """The recipe's features as a request."""
    return resolve_request(recipe.features, catalog, full_feature_names=recipe.full_feature_names)


def used_service(features: FeaturesArgument, catalog: Catalog) -> dict[str, Any] | None:
    """Name and version of the service that was asked for, if that is registered as it is."""
    name = features.name if isinstance(features, FeatureService) else features
    stored = catalog.find("feature_service", name) if isinstance(name, str) else None
    if stored is None or (isinstance(features, FeatureService) and catalog.load(stored) != features):
        return None
    return {"name": stored.name, "version": stored.version, "data_hash": stored.data_hash}
