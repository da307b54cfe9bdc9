"""The verbs of `FeatureStore` that deal with versions and the record of changes."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from featurestore.online.reader import OnlineReader
from featurestore.project import Project
from featurestore.protocols.records import AuditEntry, VersionRecord

if TYPE_CHECKING:
    from featurestore.lineage.graph import Lineage
    from featurestore.planning.apply import Committer
    from featurestore.planning.changes import Plan
    from featurestore.versions.diff import VersionDiff


class VersionVerbs:
    """History, differences, promotion, rollback, audit."""

    _project: Project
    _reader: OnlineReader

    def history(self, name: str, *, kind: str | None = None) -> list[VersionRecord]:
        """Every version of a view or service (else entity or source), oldest first: who, when, why, from what code.

        Raises:
            NotFoundError: if nothing was ever registered under the name.
        """
        from featurestore.versions.history import version_history

        return version_history(self._project, name, kind)

    def diff(self, name: str, old: int | None = None, new: int | None = None) -> VersionDiff:
        """What differs between two versions, by default the last two; print it to read it.

        Raises:
            NotFoundError: if there is no such name or version.
        """
        from featurestore.versions.diff import version_diff

        return version_diff(self._project, name, old, new)

    def promote(self, version: str, *, message: str = "", evolve: Collection[str] = ()) -> Plan:
        """Make a version, such as ``"plane_load@3"``, the one that the unversioned name means.

        Raises:
            NotFoundError: if there is no such version.
            RegistryError: if it is retired, or served online and was never filled.
            BreakingChangeError: if a service that is not named in `evolve` would lose what it relies on.
        """
        from featurestore.versions.active import promote_version

        plan = promote_version(self._project, version, self._committer(message, evolve))
        self._forget()
        return plan

    def rollback(self, view: str, *, message: str = "", evolve: Collection[str] = ()) -> Plan:
        """Make the version active that was so before the present one. A second rollback takes the first back.

        Raises:
            RequestError: if no other version was active before.
            StaleRegistryError: if somebody else has changed the registry meanwhile (retryable).
            BreakingChangeError: as for `promote`.
        """
        from featurestore.versions.active import roll_back

        plan = roll_back(self._project, view, self._committer(message, evolve))
        self._forget()
        return plan

    def lineage(self, name: str) -> Lineage:
        """What something is made from, down to columns, and what is made from it.

        Args:
            name: a view, a version (``view@3``), a feature (``view:feature``), a service, a source, an entity, a
                training set, or a release of a model (``delays@7``).

        Returns:
            A graph: print it, or take ``to_dict()`` or ``to_mermaid()``.

        Raises:
            NotFoundError: if nothing is called so.
        """
        from featurestore.lineage.build import lineage_of

        return lineage_of(self._project, name)

    def audit(self, name: str | None = None, *, limit: int = 100) -> list[AuditEntry]:
        """The latest changes of the registry, newest first: who, when, from where, what, with which effect."""
        return self._project.registry.audit(project=self._project.name, name=name, limit=limit)

    def _committer(self, message: str, evolve: Collection[str] = ()) -> Committer:
        from featurestore.planning.apply import Committer

        return Committer(self._project.registry, self._project.config.root, message, evolve)

    def _forget(self) -> None:
        self._project.forget()
        self._reader.forget()
