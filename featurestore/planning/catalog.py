"""The catalog: a project's definitions, as names in a request are resolved against them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from featurestore.definitions.entity import Entity
from featurestore.definitions.fingerprint import Registrable
from featurestore.definitions.service import FeatureService
from featurestore.definitions.source import InMemorySource, load_source
from featurestore.definitions.view import FeatureView
from featurestore.errors import NotFoundError, RegistryIntegrityError
from featurestore.protocols.registry import PlanningReader, StoredVersion


def load_definition(stored: StoredVersion) -> Registrable:
    """The definition that the registry holds as JSON.

    Raises:
        RegistryIntegrityError: if the JSON is not that of its kind.
    """
    builders = {"entity": Entity, "feature_view": FeatureView, "feature_service": FeatureService}
    try:
        if stored.kind == "source":
            return load_source(stored.payload)
        return builders[stored.kind](**stored.payload)  # type: ignore[no-any-return]
    except (ValueError, TypeError, KeyError) as error:
        raise RegistryIntegrityError(
            f"The registry holds a {stored.kind} {stored.name!r} version {stored.version} that this release "
            f"cannot read: {error}.",
            hint="It may have been written by a newer release, or been edited by hand.",
        ) from error


class Catalog:
    """A project's definitions at one revision of the registry.

    Args:
        registry: read for versions that are not the active ones.
        project: the project's name.
        memory: sources in the memory of this process, by name; the registry holds only their definitions.
    """

    def __init__(
        self, registry: PlanningReader, project: str, memory: Mapping[str, InMemorySource] | None = None
    ) -> None:
        self._registry = registry
        self._project = project
        self._memory = memory or {}
        self.revision, self.stored = registry.definitions(project=project)
        self._loaded: dict[tuple[str, str, int], Registrable] = {}

    def newest(self, kind: str) -> dict[str, StoredVersion]:
        """Name to newest version, of one kind."""
        found: dict[str, StoredVersion] = {}
        for stored in self.stored:
            if stored.kind == kind and (
                stored.name not in found or found[stored.name].version < stored.version
            ):
                found[stored.name] = stored
        return found

    def service(self, name: str) -> FeatureService | None:
        """The service called `name`, or None."""
        stored = self.newest("feature_service").get(name)
        service = self.load(stored) if stored else None
        return service if isinstance(service, FeatureService) else None

    def stored_view(self, name: str, version: int | None = None) -> StoredVersion:
        """A version of a view; None for the active one, else (none is active yet) the newest.

        Raises:
            NotFoundError: if there is none.
        """
        candidates = [s for s in self.stored if s.kind == "feature_view" and s.name == name]
        if not candidates and version is None:
            raise NotFoundError.of(
                "Feature view or service", name, self.names(), where=f"project {self._project!r}"
            )
        if version is None:
            return next((s for s in candidates if s.active), candidates[-1])
        # An older version, or one of a view that is retired: the registry knows those too.
        for stored in candidates:
            if stored.version == version:
                return stored
        return self._registry.version(project=self._project, kind="feature_view", name=name, version=version)

    def versions(self, kind: str, name: str) -> list[StoredVersion]:
        """All versions of a name, retired ones too, as the registry holds them now."""
        return self._registry.versions(project=self._project, kind=kind, name=name)

    def training_sets(self, view: str, limit: int = 20) -> list[str]:
        """The names of the latest training sets that were made from any version of a view."""
        found = self._registry.training_sets(project=self._project, view=view, limit=limit)
        return [record.name for record in found]

    def view(self, name: str, version: int | None = None) -> FeatureView:
        """The definition of `stored_view`, its source bound to this process' memory where it lives there."""
        return self.load_view(self.stored_view(name, version))

    def load(self, stored: StoredVersion) -> Registrable:
        """A stored version as a definition."""
        key = (stored.kind, stored.name, stored.version)
        if key not in self._loaded:
            self._loaded[key] = self._bind(load_definition(stored))
        return self._loaded[key]

    def load_view(self, stored: StoredVersion) -> FeatureView:
        """A stored version of a view as a definition."""
        view = self.load(stored)
        if not isinstance(view, FeatureView):
            raise NotFoundError.of("Feature view", stored.name, self.names())
        return view

    def names(self) -> Iterable[str]:
        """The names of all views and services."""
        return [s.name for s in self.stored if s.kind in ("feature_view", "feature_service")]

    def _bind(self, definition: Any) -> Registrable:
        if isinstance(definition, FeatureView) and isinstance(definition.origin, InMemorySource):
            bound = self._memory.get(definition.origin.name)
            if bound is not None and bound.values_payload() == definition.origin.values_payload():
                return _over(definition, bound)
        result: Registrable = definition
        return result


def _over(view: FeatureView, origin: InMemorySource) -> FeatureView:
    source = _over(view.source, origin) if isinstance(view.source, FeatureView) else origin
    return view.model_copy(update={"source": source})
