"""Types of aggregated columns that a view has, by its own word or by that of its registered version."""

from __future__ import annotations

from collections.abc import Mapping

from featurestore.definitions.aggregation import Aggregation
from featurestore.definitions.types import FeatureType
from featurestore.definitions.view import FeatureView


def known_types(view: FeatureView) -> dict[str, FeatureType]:
    """The columns whose types are known."""
    return {column: dtype for a in view.aggregations for column, dtype in a.types.items()}


def with_types_of(view: FeatureView, known: FeatureView) -> FeatureView:
    """The view with the types that another one (its registered version) has for the same columns."""
    types = known_types(known)
    missing = any(column in types for a in view.aggregations for column in a.open_columns)
    return with_types(view, types) if missing else view


def with_types(view: FeatureView, types: Mapping[str, FeatureType]) -> FeatureView:
    """The view with types for the columns that have none."""
    features = tuple(
        f.with_types(types) if isinstance(f, Aggregation) and f.open_columns else f for f in view.features
    )
    return view.model_copy(update={"features": features})
