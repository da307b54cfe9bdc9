"""Requests: what a user asks for (objects, names, services) as views with features and output names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from featurestore.definitions.aggregation import Aggregation
from featurestore.definitions.base import Definition
from featurestore.definitions.feature import Feature
from featurestore.definitions.reference import ViewReference
from featurestore.definitions.service import FeatureService, as_reference
from featurestore.definitions.view import FeatureView
from featurestore.errors import NameClashError, NotFoundError, RequestError
from featurestore.planning.catalog import Catalog

FeaturesArgument = Definition | str | Sequence[Definition | str]
"""A service, a view, a part of one, a name (``"view:feature"``), or a list of these."""


class RequestedFeature(NamedTuple):
    """One feature of a request and the column it becomes."""

    output: str
    feature: Feature | Aggregation


class RequestedView(NamedTuple):
    """One view of a request.

    Attributes:
        label: its alias, or its name.
        version: the version asked for by number, None for the active one or for the object itself.
        given: whether the caller gave the object, rather than a name.
        renames: join key to column of the entity rows, where they differ.
        features: in the order of the request.
    """

    label: str
    view: FeatureView
    version: int | None
    given: bool
    renames: tuple[tuple[str, str], ...]
    features: tuple[RequestedFeature, ...]

    def entity_column(self, join_key: str) -> str:
        """The column of the entity rows that holds a join key."""
        return dict(self.renames).get(join_key, join_key)


class Request(NamedTuple):
    """All views of a request, and its output columns in the order they were asked for."""

    views: tuple[RequestedView, ...]
    outputs: tuple[str, ...]

    def entity_columns(self) -> list[str]:
        """The columns that the entity rows must have, without the time."""
        columns = (view.entity_column(key) for view in self.views for key in view.view.join_keys)
        return list(dict.fromkeys(columns))


def resolve_request(
    features: FeaturesArgument, catalog: Catalog | None, *, full_feature_names: bool = False
) -> Request:
    """Resolve what was asked for.

    Args:
        features: a service, a view, a part of one, a name (``"view:feature"``), or a list of these.
        catalog: resolves names; None if there is no registry to ask.
        full_feature_names: name columns ``view__feature`` instead of ``feature``.

    Raises:
        NotFoundError: for an unknown name.
        NameClashError: if two features would have the same column name.
    """
    views: dict[str, RequestedView] = {}
    outputs: dict[str, str] = {}
    for reference in _references(features, catalog):
        requested = _requested_view(reference, catalog, full_feature_names)
        known = views.setdefault(requested.label, requested)
        if (known.view, known.version, known.renames) != (
            requested.view,
            requested.version,
            requested.renames,
        ):
            raise NameClashError(
                f"The request holds two different views under the name {requested.label!r}.",
                hint='Give one of them another name: view.alias("other").',
            )
        for item in requested.features:
            origin = f"{requested.label}:{item.feature.name}"
            if outputs.setdefault(item.output, origin) != origin:
                raise NameClashError(
                    f"Two features would both be called {item.output!r}: {outputs[item.output]} and {origin}.",
                    hint="Use full_feature_names=True, which calls them view__feature.",
                )
        merged = tuple(dict.fromkeys((*known.features, *requested.features)))
        views[requested.label] = RequestedView(
            known.label, known.view, known.version, known.given, known.renames, merged
        )
    if not views:
        raise RequestError(
            "No features were asked for.", hint='Name some, e.g. ["plane_punctuality:last_delay"].'
        )
    return Request(tuple(views.values()), tuple(outputs))


def _references(features: FeaturesArgument, catalog: Catalog | None) -> list[ViewReference]:
    items = [features] if isinstance(features, str) or not isinstance(features, Sequence) else features
    if catalog is not None:
        texts = [ViewReference.parse(item) for item in items if isinstance(item, str)]
        catalog.read(("feature_service", text.view) for text in texts)
    references: list[ViewReference] = []
    for item in items:
        service = item if isinstance(item, FeatureService) else None
        if service is None:
            reference = _reference(item)
            service = _service(item, reference, catalog)
        references += [reference] if service is None else service.features
    if catalog is not None:
        catalog.read(("feature_view", each.view) for each in references if _given(each) is None)
    return references


def _service(item: object, reference: ViewReference, catalog: Catalog | None) -> FeatureService | None:
    """The service that a text means."""
    service = catalog.service(reference.view) if isinstance(item, str) and catalog is not None else None
    if service is not None and item != service.name:
        raise RequestError(
            f"{service.name!r} is a service: it has no versions or features of its own to pick."
        )
    return service


def _reference(item: object) -> ViewReference:
    try:
        return as_reference(item)
    except RequestError:
        raise
    except ValueError as error:
        raise RequestError(
            f"A request cannot hold a {type(item).__name__}.",
            hint="Use views, parts of views, services, or their names.",
        ) from error


def _given(reference: ViewReference) -> FeatureView | None:
    """The object that a reference was made from; a version's number means what the registry holds."""
    view = reference.definition if reference.version is None else None
    return view if isinstance(view, FeatureView) else None


def _requested_view(reference: ViewReference, catalog: Catalog | None, full: bool) -> RequestedView:
    view = _given(reference)
    given = view is not None
    if view is None:
        if catalog is None:
            raise NotFoundError.of("Feature view or service", reference.view, [])
        view = catalog.view(reference.view, reference.version)
    for key in reference.join_keys:
        if key not in view.join_keys:
            raise NotFoundError.of("Join key", key, view.join_keys, where=f"view {view.name!r}")
    names = reference.features or tuple(feature.name for feature in view.features)
    features = tuple(
        RequestedFeature(f"{reference.label}__{name}" if full else name, view.feature(name)) for name in names
    )
    return RequestedView(
        reference.label, view, reference.version, given, tuple(sorted(reference.join_keys.items())), features
    )
