"""What apply would change: the definitions given against those the registry holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from featurestore.definitions.base import Definition, check_several
from featurestore.definitions.entity import Entity
from featurestore.definitions.fingerprint import (
    Registrable,
    data_hash,
    definition_payload,
    metadata_hash,
    object_kind,
)
from featurestore.definitions.service import FeatureService, used_views
from featurestore.definitions.source import Source
from featurestore.definitions.uses import Key
from featurestore.definitions.view import FeatureView
from featurestore.errors import DefinitionError, NotFoundError
from featurestore.planning.aggregations import with_known_types
from featurestore.planning.breaks import Break, broken_services
from featurestore.planning.catalog import Catalog
from featurestore.planning.differences import field_changes
from featurestore.protocols.records import Change, ChangeAction, StoredVersion
from featurestore.sources.files import locate_source

_ORDER = ("entity", "source", "feature_view", "feature_service")
_OTHER = {"feature_view": "feature_service", "feature_service": "feature_view"}
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """One change and what it means.

    Attributes:
        change: what would be written.
        details: what differs, in words.
        services: services that use the view and would see the change.
        breaks: which of them the change would break, and how.
        training_sets: those that were made from any version of the view or for the service, newest first.
        models: releases of models that were trained on these, such as ``delays@7``, newest first.
    """

    change: Change
    details: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    breaks: tuple[Break, ...] = ()
    training_sets: tuple[str, ...] = ()
    models: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What `FeatureStore.apply` would do, at one revision of the registry.

    Attributes:
        revision: the revision it was made at; applying it fails if the registry has moved since.
        changes: in the order entities, sources, views, services; empty if nothing changes.
        unchanged: how many of the given definitions are registered as they are.
    """

    project: str
    revision: int
    changes: tuple[PlannedChange, ...]
    unchanged: int

    def __repr__(self) -> str:
        # What a notebook shows of the last line of a cell; the fields hold whole definitions.
        return str(self)

    def __str__(self) -> str:
        lines = [f"Plan for project {self.project!r} at revision {self.revision}:"]
        for planned in self.changes:
            lines.append("  " + describe_change(planned))
            lines += [f"      {detail}" for detail in (*planned.details, *planned.breaks)]
            lines += [f"      {reached}" for reached in describe_reach(planned)]
        actions = [planned.change.action for planned in self.changes]
        created, retired = actions.count(ChangeAction.CREATE), actions.count(ChangeAction.RETIRE)
        counts = [f"{created} to create", f"{len(actions) - created - retired} to change"]
        counts += [f"{retired} to retire"] if retired else []
        lines.append(f"{', '.join(counts)}, {self.unchanged} unchanged.")
        return "\n".join(lines)

    @property
    def breaks(self) -> tuple[Break, ...]:
        """What the changes break: applying them needs the services named in ``evolve=``."""
        return tuple(dict.fromkeys(item for planned in self.changes for item in planned.breaks))


def describe_change(planned: PlannedChange) -> str:
    """One line such as ``~ feature_view plane_load@2: values change, …; used by departure_delay``."""
    change = planned.change
    name = f"{change.kind} {change.name}"
    used = f"; used by {', '.join(planned.services)}" if planned.services else ""
    if change.action is ChangeAction.CREATE:
        return f"+ {name}"
    if change.action is ChangeAction.NEW_VERSION:
        fill = ": values change, to be materialized anew" if change.kind == "feature_view" else ""
        return f"~ {name}@{change.version}{fill}{used}"
    if change.action is ChangeAction.RETIRE:
        return f"- {name}{used}"
    if change.action is ChangeAction.RETIRE_VERSION:
        return f"- {name}@{change.version}"
    if change.action in (ChangeAction.PROMOTE, ChangeAction.ROLLBACK):
        return f"~ {name}@{change.version}: becomes the active version{used}"
    return f"~ {name}@{change.version}: description only"


def describe_reach(planned: PlannedChange) -> list[str]:
    """Lines such as ``reaches 2 training sets: a, b``: what was made from earlier versions."""
    reached = (("training set", planned.training_sets), ("model release", planned.models))
    return [f"reaches {_some(what, names)}" for what, names in reached if names]


def _some(what: str, names: Sequence[str]) -> str:
    more = f", and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return f"{len(names):,} {what}{'' if len(names) == 1 else 's'}: {', '.join(names[:_SHOWN])}{more}"


def plan_changes(objects: Iterable[Definition], catalog: Catalog, *, project: str, root: Path) -> Plan:
    """Compare definitions with the registry's.

    Entities and sources that views hold are planned with them. Registered views that use a changed entity
    or source follow it, given or not. The types of aggregated columns are taken from the sources, whose
    relative paths start at `root`.

    Raises:
        DefinitionError: if one name stands for two definitions, or a service uses what is not there.
        SourceError: if a source does not say the type of an aggregated column.
    """
    revision = catalog.revision
    given = {key: _complete(definition, root) for key, definition in _collect(objects).items()}
    catalog.read(_touched(given))
    wanted = {**_followers(given, catalog), **given}
    _check_names(wanted, catalog)
    views = {n: v for (k, n), v in wanted.items() if isinstance(v, FeatureView)}
    for definition in wanted.values():
        if isinstance(definition, FeatureService):
            _check_service(definition, views, catalog)
    changes = []
    for key in sorted(wanted, key=lambda k: (_ORDER.index(k[0]), k[1])):
        planned = _compare(wanted[key], catalog.find(*key), catalog, wanted)
        if planned is not None:
            changes.append(planned)
    return Plan(project, revision, tuple(changes), len(wanted) - len(changes))


def _touched(given: Mapping[Key, Registrable]) -> Iterator[Key]:
    """What the registry is asked for: the definitions, what could be called so besides, and what services name."""
    for (kind, name), definition in given.items():
        yield kind, name
        if kind in _OTHER:
            yield _OTHER[kind], name
        if isinstance(definition, FeatureService):
            yield from (("feature_view", reference.view) for reference in definition.features)


def _collect(objects: Iterable[Definition]) -> dict[Key, Registrable]:
    found: dict[Key, Registrable] = {}
    for definition in _with_parts(objects):
        key = (object_kind(definition), definition.name)
        other = found.setdefault(key, definition)
        if other != definition:
            raise DefinitionError(
                f"{key[0]} {key[1]!r} is defined twice, in two different ways.",
                hint="Give one of them another name, or use one object in both places.",
            )
    return found


def _complete(definition: Registrable, root: Path) -> Registrable:
    if not isinstance(definition, FeatureView):
        return definition
    return with_known_types(definition, locate_source(definition.origin, root))


def _with_parts(objects: Iterable[Definition]) -> Iterable[Registrable]:
    check_several(objects, "what is planned or applied")
    for definition in objects:
        if not isinstance(definition, Entity | Source | FeatureView | FeatureService):
            raise DefinitionError(
                f"A {type(definition).__name__} cannot be applied.",
                hint="Apply entities, sources, feature views and feature services.",
            )
        yield definition
        views = used_views(definition)
        yield from (view for view in views if view is not definition)
        for view in views:
            yield from view.entities
            if isinstance(view.source, FeatureView):
                yield from _with_parts([view.source])
            else:
                yield view.source


def _followers(given: Mapping[Key, Registrable], catalog: Catalog) -> dict[Key, Registrable]:
    """Registered views over what changes: those of entities, sources and views that stay as they are stay too."""
    changed = [key for key, definition in given.items() if _is_changed(key, definition, catalog)]
    catalog.read_users(changed)
    found: dict[Key, Registrable] = {}
    for stored in (user for key in changed for user in catalog.users(*key)):
        key = (stored.kind, stored.name)
        if stored.kind == "feature_view" and key not in given:
            view = catalog.load_view(stored)
            following = _following(view, given)
            if following != view:
                found[key] = following
    return found


def _is_changed(key: Key, definition: Registrable, catalog: Catalog) -> bool:
    stored = catalog.find(*key)
    return stored is not None and stored.metadata_hash != metadata_hash(definition)


def _following(view: FeatureView, given: Mapping[Key, Registrable]) -> FeatureView:
    """The view over the given entities and sources, where these are given."""
    if isinstance(view.source, FeatureView):
        source = given.get(("feature_view", view.source.name)) or _following(view.source, given)
    else:
        source = given.get(("source", view.source.name), view.source)
    entities = tuple(given.get(("entity", entity.name), entity) for entity in view.entities)
    if source == view.source and entities == view.entities:
        return view
    return FeatureView(**{**view.__dict__, "source": source, "entities": entities})


def _check_names(wanted: Mapping[Key, Registrable], catalog: Catalog) -> None:
    for kind, name in wanted:
        other = _OTHER.get(kind)
        if other and ((other, name) in wanted or catalog.find(other, name)):
            raise DefinitionError(
                f"{name!r} would be both a feature view and a feature service.", hint="Rename one of them."
            )


def _check_service(service: FeatureService, views: Mapping[str, FeatureView], catalog: Catalog) -> None:
    for reference in service.features:
        try:
            view = views.get(reference.view) if reference.version is None else None
            view = view or catalog.view(reference.view, reference.version)
            for name in reference.features or ():
                view.feature(name)
        except NotFoundError as error:
            raise DefinitionError(
                f"Service {service.name!r} cannot be applied: {error.message}", hint=error.hint
            ) from error


def _compare(
    definition: Registrable,
    stored: StoredVersion | None,
    catalog: Catalog,
    wanted: Mapping[Key, Registrable],
) -> PlannedChange | None:
    kind, name = object_kind(definition), definition.name
    data, metadata = data_hash(definition), metadata_hash(definition)
    if stored is not None and (stored.data_hash, stored.metadata_hash) == (data, metadata):
        return None
    if stored is None:
        # The numbering of a name that was retired goes on.
        action, version = ChangeAction.CREATE, len(catalog.versions(kind, name)) + 1
    elif stored.data_hash != data:
        action, version = ChangeAction.NEW_VERSION, stored.version + 1
    else:
        action, version = ChangeAction.METADATA, stored.version
    offline_only = isinstance(definition, FeatureView) and not definition.online
    payload = definition_payload(definition)
    change = Change(action, kind, name, version, data, metadata, payload, offline_only)
    if stored is None:
        return PlannedChange(change)
    details = tuple(map(str, field_changes(stored.payload, payload)))
    breaks = _breaks(definition, stored, catalog, wanted)
    if action is ChangeAction.METADATA:
        return PlannedChange(change, details, breaks=breaks)
    return reaching(PlannedChange(change, details, breaks=breaks), catalog)


def reaching(planned: PlannedChange, catalog: Catalog) -> PlannedChange:
    """A change with the services, training sets and model releases that it reaches."""
    change = planned.change
    users = tuple(using_services(change.name, catalog)) if change.kind == "feature_view" else ()
    reached = catalog.reached(change.kind, change.name)
    return replace(planned, services=users, training_sets=reached.training_sets, models=reached.models)


def _breaks(
    definition: Registrable,
    stored: StoredVersion,
    catalog: Catalog,
    wanted: Mapping[Key, Registrable],
) -> tuple[Break, ...]:
    if not isinstance(definition, FeatureView):
        return ()
    # Whoever changes a service has looked at what it gets.
    staying = [
        service
        for service in catalog.services_of(definition.name)
        if data_hash(wanted.get(("feature_service", service.name), service)) == data_hash(service)
    ]
    return broken_services(catalog.load_view(stored), definition, staying)


def change_of(action: ChangeAction, stored: StoredVersion) -> Change:
    """A change that leaves the definition as it is."""
    return Change(
        action,
        stored.kind,
        stored.name,
        stored.version,
        stored.data_hash,
        stored.metadata_hash,
        stored.payload,
        False,
    )


def using_services(view: str, catalog: Catalog, version: int | None = None) -> list[str]:
    """The registered services that use a view; with a version, those that pin it."""
    return [
        service.name
        for service in catalog.services_of(view)
        if version is None or any(r.view == view and r.version == version for r in service.features)
    ]


def pinned_versions(view: str, catalog: Catalog) -> set[int]:
    """The versions of a view that registered services pin (``view@3``)."""
    references = (r for service in catalog.services_of(view) for r in service.features)
    return {r.version for r in references if r.view == view and r.version is not None}
