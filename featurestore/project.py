"""An opened project: its configuration, its connections, and its definitions as the registry holds them."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

from featurestore import forks
from featurestore.adapters import open_engine, open_online_store, open_registry
from featurestore.configuration import Configuration
from featurestore.definitions.base import Definition
from featurestore.definitions.fingerprint import data_hash
from featurestore.definitions.reference import ViewReference
from featurestore.definitions.service import used_views
from featurestore.definitions.source import InMemorySource
from featurestore.definitions.view import FeatureView
from featurestore.errors import RequestError
from featurestore.planning.catalog import Catalog
from featurestore.planning.column_types import with_types_of
from featurestore.protocols.online import OnlineStore
from featurestore.protocols.registry import Registry, StoredVersion

if TYPE_CHECKING:
    from featurestore.protocols.offline import OfflineEngine


class Project:
    """What the verbs share. Connections are opened when they are first needed."""

    def __init__(self, config: Configuration) -> None:
        self.config = config
        self.name = config.project
        self._memory: dict[str, InMemorySource] = {}
        self._registry: Registry | None = None
        self._online: OnlineStore | None = None
        self._catalog: Catalog | None = None
        self._begin_locking()

    def _begin_locking(self) -> None:
        self._forks = forks.count()
        self._reentrant_lock = threading.RLock()

    @property
    def _lock(self) -> threading.RLock:
        if self._forks != forks.count():
            # A thread of the parent may have held the lock, and have been in the middle of reading definitions.
            self._catalog = None
            self._begin_locking()
        return self._reentrant_lock

    @property
    def registry(self) -> Registry:
        """The registry."""
        opened = self._registry
        if opened is None:
            with (
                forks.held_off(),
                self._lock,
            ):  # in this order, or a fork would wait for who waits for the lock
                opened = self._registry
                if opened is None:
                    opened = self._registry = open_registry(self.config.registry)
        return opened

    @property
    def online(self) -> OnlineStore:
        """The online store."""
        opened = self._online
        if opened is None:
            with (
                forks.held_off(),
                self._lock,
            ):  # in this order, or a fork would wait for who waits for the lock
                opened = self._online
                if opened is None:
                    opened = self._online = open_online_store(self.config.online)
        return opened

    def engine(self, name: str | None = None) -> OfflineEngine:
        """The offline engine called `name`, by default the configured one."""
        return open_engine(name or self.config.offline)

    def catalog(self) -> Catalog:
        """The definitions as the registry holds them now."""
        with forks.held_off(), self._lock:
            if self._catalog is None or self._catalog.revision != self.registry.revision(project=self.name):
                self._catalog = Catalog(self.registry, self.name, self._memory)
            return self._catalog

    def forget(self) -> None:
        """Read the registry anew at the next use: which versions are active does not move its revision."""
        with forks.held_off(), self._lock:
            self._catalog = None

    def bind_memory(self, objects: Iterable[Definition]) -> None:
        """Remember the rows of sources in memory, which the registry does not hold."""
        for item in objects:
            for source in (item, *(view.origin for view in used_views(item))):
                if isinstance(source, InMemorySource) and source.data is not None:
                    self._memory[source.name] = source
        self.forget()

    def registered(self, view: str | FeatureView, *, newest: bool = False) -> StoredVersion:
        """The registered version that a name or an object means.

        Args:
            view: ``"name"``, ``"name@version"`` or the object, whose data hash must be the registered one.
            newest: take an unversioned name as the newest version rather than the active one.

        Raises:
            NotFoundError: if it is not registered.
            RequestError: if the object differs from what is registered.
        """
        catalog = self.catalog()
        reference = ViewReference.parse(view) if isinstance(view, str) else ViewReference.of(view)
        stored = catalog.stored_view(reference.view, reference.version)
        if newest and reference.version is None:
            stored = catalog.find("feature_view", stored.name) or stored
        if isinstance(view, FeatureView):
            check_registered(view, stored, catalog)
        return stored

    def close(self) -> None:
        """Close all connections."""
        registry, self._registry = self._registry, None
        online, self._online = self._online, None
        for opened in (registry, online):
            if opened is not None:
                opened.close()


def check_registered(view: FeatureView, stored: StoredVersion, catalog: Catalog) -> FeatureView:
    """Check that a view object is what the registry holds, and complete it by the types that were found out.

    Raises:
        RequestError: if its values would be others.
    """
    complete = with_types_of(view, catalog.load_view(stored)) if view.aggregations else view
    if data_hash(complete) != stored.data_hash:
        raise RequestError(
            f"The object given for view {view.name!r} differs from version {stored.version}, which is registered.",
            hint="Apply it and materialize it first, or ask for the registered one by name.",
        )
    return complete
