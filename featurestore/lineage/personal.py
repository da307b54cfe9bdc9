"""Personal data: what is tagged ``pii``, and everything that is made from it.

A tag on a feature says that its values are personal, and so are the columns of the source that they are made from:
every feature that has one of these among its values is personal too, in whichever view. On a view the tag is that of
all its features, on a source that of all its columns, on an entity that of its join keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from featurestore.definitions.view import FeatureView
from featurestore.lineage.columns import EVERYTHING, column_origin, feature_origins
from featurestore.planning.catalog import Catalog
from featurestore.planning.request import FeaturesArgument, Request, resolve_request

TAG = "pii"
_NO = ("false", "no", "0")
Columns = Mapping[str, frozenset[str]]


def is_personal(tags: Mapping[str, str]) -> bool:
    """Whether tags say so: ``pii`` with anything but ``false``, ``no`` or ``0``."""
    return TAG in tags and tags[TAG].strip().lower() not in _NO


def personal_request(
    features: FeaturesArgument, catalog: Catalog, *, full: bool
) -> tuple[Request, Callable[[], frozenset[str]]]:
    """A request, and what tells its `personal_outputs` when they are first needed."""
    request = resolve_request(features, catalog, full_feature_names=full)
    return request, lambda: personal_outputs(request, catalog)


def personal_outputs(request: Request, catalog: Catalog | None) -> frozenset[str]:
    """The columns of a training frame with personal values: features by their names there, and join keys."""
    columns = personal_columns([view.view for view in request.views], catalog)
    found = set()
    for requested in request.views:
        view, behind = requested.view, columns.get(requested.view.origin.name, frozenset())
        features = personal_features(view, behind)
        found |= {item.output for item in requested.features if item.feature.name in features}
        found |= {requested.entity_column(key) for key in _personal_keys(view, behind)}
    return frozenset(found)


def personal_columns(views: Iterable[FeatureView], catalog: Catalog | None) -> Columns:
    """Each source of some views to its personal columns, as far as these views and those of the catalog tell."""
    given, found = list(views), dict[str, frozenset[str]]()
    registered = _tagged(catalog, {view.origin.name for view in given}) if catalog else ()
    for view in (*given, *registered):
        found[view.origin.name] = found.get(view.origin.name, frozenset()) | _said_by(view)
    return found


def personal_features(view: FeatureView, columns: frozenset[str]) -> frozenset[str]:
    """The features of a view whose values are made from personal columns of its source, or that are tagged."""
    origins = feature_origins(view)
    tagged = set(_tagged_features(view))
    return frozenset(
        name for name, origin in origins.items() if name in tagged or _touches(origin.values, columns)
    )


def _touches(values: frozenset[str], columns: frozenset[str]) -> bool:
    """Whether something is made from personal columns; code that may read all columns reads those."""
    return bool(columns) and (bool(values & columns) or EVERYTHING in values or EVERYTHING in columns)


def _said_by(view: FeatureView) -> frozenset[str]:
    """The columns of its source that a view, and those that it reads, say are personal."""
    if is_personal(view.origin.tags):
        return frozenset({EVERYTHING})
    origins = feature_origins(view)
    found: set[str] = set()
    for name in _tagged_features(view):
        found |= origins[name].values - {EVERYTHING}
    for entity in view.entities:
        if is_personal(entity.tags):
            keys = [column_origin(view, key).values for key in entity.join_keys]
            found |= frozenset().union(*keys) - {EVERYTHING}
    below = _said_by(view.source) if isinstance(view.source, FeatureView) else frozenset()
    return frozenset(found) | below


def _tagged_features(view: FeatureView) -> Iterator[str]:
    return (f.name for f in view.features if is_personal(view.tags) or is_personal(f.tags))


def _personal_keys(view: FeatureView, columns: frozenset[str]) -> Iterator[str]:
    tagged = {key for entity in view.entities if is_personal(entity.tags) for key in entity.join_keys}
    for key in view.join_keys:
        if key in tagged or _touches(column_origin(view, key).values, columns):
            yield key


def _tagged(catalog: Catalog, sources: set[str]) -> Iterator[FeatureView]:
    """The registered views of some sources in which something is tagged; the others need not be built to know."""
    catalog.read_users(("source", source) for source in sources)
    for source in sorted(sources):
        for stored in catalog.users("source", source):
            if stored.kind == "feature_view" and _mentions(stored.payload):
                yield catalog.load_view(stored)


def _mentions(payload: Mapping[str, Any]) -> bool:
    parts = (payload, *payload.get("features", ()), *payload.get("entities", ()))
    if any(TAG in part.get("tags", ()) for part in parts):
        return True
    source = payload.get("source")
    return source is not None and _mentions(source)
