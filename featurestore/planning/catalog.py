"""The catalog: a project's definitions, as names in a request are resolved against them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from featurestore.definitions.base import stored_form
from featurestore.definitions.entity import Entity
from featurestore.definitions.fingerprint import Registrable
from featurestore.definitions.service import FeatureService
from featurestore.definitions.source import InMemorySource, load_source
from featurestore.definitions.uses import Key
from featurestore.definitions.view import FeatureView
from featurestore.errors import NotFoundError, RegistryIntegrityError
from featurestore.protocols.records import StoredVersion
from featurestore.protocols.training_sets import Reached

if TYPE_CHECKING:
    from featurestore.protocols.registry import PlanningReader


def load_definition(stored: StoredVersion) -> Registrable:
    """The definition that the registry holds as JSON.

    Raises:
        RegistryIntegrityError: if the JSON is not that of its kind.
    """
    builders = {"entity": Entity, "feature_view": FeatureView, "feature_service": FeatureService}
    try:
        with stored_form():
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
    """A project's definitions at one revision of the registry, each read when it is first asked for.

    How much is read depends on what is asked for, not on how much the registry holds; only `stored` and what is
    made from it read everything.

    Args:
        registry: read at the revision at which the catalog was made, whatever is committed meanwhile.
        project: the project's name.
        memory: sources in the memory of this process, by name; the registry holds only their definitions.
    """

    def __init__(
        self, registry: PlanningReader, project: str, memory: Mapping[str, InMemorySource] | None = None
    ) -> None:
        self._registry = registry
        self._project = project
        self._memory = memory or {}
        self.revision = registry.revision(project=project)
        self._all: list[StoredVersion] | None = None
        self._found: dict[Key, list[StoredVersion]] = {}
        self._users: dict[Key, list[Key]] = {}
        self._loaded: dict[tuple[str, str, int], Registrable] = {}

    # Some definitions ------------------------------------------------------------------------------------

    def read(self, names: Iterable[Key]) -> None:
        """Read definitions (kind and name) that will be asked for, all at once."""
        wanted = [key for key in dict.fromkeys(names) if key not in self._found] if self._all is None else []
        if not wanted:
            return
        found: dict[Key, list[StoredVersion]] = {key: [] for key in wanted}
        for stored in self._registry.named(project=self._project, revision=self.revision, names=wanted):
            found[stored.kind, stored.name].append(stored)
        self._found.update(found)

    def candidates(self, kind: str, name: str) -> list[StoredVersion]:
        """The active and the newest version of a definition; empty if there is none."""
        self.read([(kind, name)])
        return self._found.get((kind, name), [])

    def find(self, kind: str, name: str) -> StoredVersion | None:
        """The newest version of a definition, or None."""
        candidates = self.candidates(kind, name)
        return candidates[-1] if candidates else None

    def service(self, name: str) -> FeatureService | None:
        """The service called `name`, or None."""
        stored = self.find("feature_service", name)
        service = self.load(stored) if stored else None
        return service if isinstance(service, FeatureService) else None

    def stored_view(self, name: str, version: int | None = None) -> StoredVersion:
        """A version of a view; None for the active one, else (none is active yet) the newest.

        Raises:
            NotFoundError: if there is none.
        """
        candidates = self.candidates("feature_view", name)
        if not candidates and (service := self.service(name)) is not None:
            views = ", ".join(dict.fromkeys(reference.view for reference in service.features))
            raise NotFoundError(
                f"{name!r} is a feature service of project {self._project!r}, where a feature view is expected.",
                hint=f"Its views are: {views}.",
            )
        if not candidates and version is None:
            error = NotFoundError.of(
                "Feature view or service", name, self.names(), where=f"project {self._project!r}"
            )
            error.hint = error.hint or "Apply it first: store.apply([…]), or open the project that has it."
            raise error
        if version is None:
            return next((s for s in candidates if s.active), candidates[-1])
        # An older version, or one of a view that is retired: the registry knows those too.
        for stored in candidates:
            if stored.version == version:
                return stored
        return self._registry.version(project=self._project, kind="feature_view", name=name, version=version)

    def read_users(self, names: Iterable[Key]) -> None:
        """Read what uses some definitions, all at once."""
        wanted = [key for key in dict.fromkeys(names) if key not in self._users]
        if not wanted:
            return
        found = self._registry.users(project=self._project, revision=self.revision, names=wanted)
        self._users.update({key: found.get(key, []) for key in wanted})
        self.read(user for users in found.values() for user in users)

    def users(self, kind: str, name: str) -> list[StoredVersion]:
        """The newest versions of what uses a definition: views, or services."""
        self.read_users([(kind, name)])
        found = (self.find(*user) for user in self._users[kind, name])
        return [stored for stored in found if stored is not None]

    def services_of(self, view: str) -> list[FeatureService]:
        """The registered services that use a view, by name."""
        found = map(self.load, self.users("feature_view", view))
        return [service for service in found if isinstance(service, FeatureService)]

    def versions(self, kind: str, name: str) -> list[StoredVersion]:
        """All versions of a name, retired ones too, as the registry holds them now."""
        return self._registry.versions(project=self._project, kind=kind, name=name)

    def reached(self, kind: str, name: str) -> Reached:
        """What was made from any version of a view, or for a service: training sets, and models trained on them."""
        return self._registry.reached(project=self._project, kind=kind, name=name)

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

    # All of them -----------------------------------------------------------------------------------------

    @property
    def stored(self) -> list[StoredVersion]:
        """The newest version of every definition and every active one, by kind, name and version."""
        if self._all is None:
            revision, stored = self._registry.definitions(project=self._project)
            if revision != self.revision:
                # Only the present is listed as a whole: the catalog goes along.
                self.revision = revision
                self._users, self._loaded = {}, {}
            found: dict[Key, list[StoredVersion]] = {}
            for item in stored:
                found.setdefault((item.kind, item.name), []).append(item)
            self._found, self._all = found, stored
        return self._all

    def newest(self, kind: str) -> dict[str, StoredVersion]:
        """Name to newest version, of one kind."""
        return {stored.name: stored for stored in self.stored if stored.kind == kind}

    def names(self) -> Iterable[str]:
        """The names of all views and services, as the registry holds them now."""
        everything = self._registry.names(project=self._project)
        return [name for kind, name in everything if kind in ("feature_view", "feature_service")]

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
