"""Feature services: the feature set of one model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import field_validator

from featurestore.definitions.base import Definition, FrozenDict, Name, Tags
from featurestore.definitions.reference import ViewReference
from featurestore.definitions.view import FeatureView


class FeatureService(Definition):
    """The feature set of one model: views, or some of their features, by name.

    Args:
        name: unique among the views and services of a project.
        features: views, parts of views (``view["feature"]``), aliased or renamed ones, or text such as
            ``"plane_load:worst"``, in the order of the model's input.

    Raises:
        DefinitionError: if there is nothing in it, or one label is used twice for different things.

    Example:
        >>> import featurestore as fs
        >>> service = fs.FeatureService("departure_delay", features=["plane_load:worst", "weather"])
        >>> [reference.view for reference in service.features]
        ['plane_load', 'weather']
    """

    kind: ClassVar[str] = "feature_service"

    name: Name
    features: tuple[ViewReference, ...]
    description: str = ""
    owner: str = ""
    tags: Tags = FrozenDict()

    def __init__(
        self,
        name: str,
        *,
        features: Sequence[Definition | str | Mapping[str, Any]],
        description: str = "",
        owner: str = "",
        tags: Mapping[str, str] = FrozenDict(),
    ) -> None:
        super().__init__(name=name, features=features, description=description, owner=owner, tags=tags)

    @field_validator("features", mode="before")
    @classmethod
    def _to_references(cls, value: object) -> object:
        if isinstance(value, str) or not isinstance(value, Sequence) or not value:
            raise ValueError("expected a list with at least one view or feature")
        return tuple(as_reference(item) for item in value)

    def values_payload(self) -> dict[str, Any]:
        """The parts of the definition that change values: what the data hash is taken over."""
        return self.model_dump(mode="json", include={"features"})


def as_reference(item: object) -> ViewReference:
    """A view, a reference, its text or its JSON form as a reference.

    Raises:
        ValueError: for anything else.
    """
    if isinstance(item, ViewReference):
        return item
    if isinstance(item, FeatureView):
        return ViewReference.of(item)
    if isinstance(item, str):
        return ViewReference.parse(item)
    if isinstance(item, Mapping):
        return ViewReference(**item)
    raise ValueError(f"expected a view, a part of a view or its name, found {type(item).__name__}")


def used_views(definition: Definition) -> list[FeatureView]:
    """The view objects that a definition brings along: itself, or those a service was made from."""
    if isinstance(definition, FeatureView):
        return [definition]
    references = definition.features if isinstance(definition, FeatureService) else ()
    found = (reference.definition for reference in references)
    return [view for view in found if isinstance(view, FeatureView)]
