"""SQLRegistry: the registry's verbs, each one transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack, closing
from datetime import datetime, timedelta
from typing import Any, Self

from featurestore.definitions.uses import Key
from featurestore.protocols.expectations import CheckResult
from featurestore.protocols.records import (
    AuditEntry,
    Change,
    CodeState,
    Run,
    RunKind,
    StoredVersion,
    VersionRecord,
    ViewState,
)
from featurestore.protocols.training_sets import ModelRelease, Reached, TrainingSetRecord
from featurestore_registry import (
    activations,
    audit,
    commits,
    definitions,
    history,
    leases,
    models,
    profiles,
    run_checks,
    runs,
    training_sets,
    uses,
    version_history,
)
from featurestore_registry.database import Database
from featurestore_registry.profiles import write_set_profiles
from featurestore_registry.schema import open_schema, upgrade_schema


class SQLRegistry:
    """A registry in SQLite or PostgreSQL; see `featurestore.protocols.registry` for what each verb does.

    Threads may share it, and it survives fork.

    Args:
        database: its tables are there already.

    Example:
        >>> import tempfile
        >>> registry = SQLRegistry.from_url(f"sqlite:///{tempfile.mkdtemp()}/registry.db")
        >>> registry.revision(project="flights")
        0
        >>> registry.close()
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Open ``sqlite:///registry.db`` or ``postgresql://user:password@host:5432/database``.

        The tables of a new database are made. A secret in the URL is never shown.

        Raises:
            ConfigurationError: if the URL is not that of a registry.
            MissingDependencyError: if the driver is not installed.
            RegistryUnavailableError: if the database cannot be reached.
            RegistryIntegrityError: if a newer release made the tables.
            RegistryError: if an older release did; see `upgrade`.
        """
        with ExitStack() as undo:
            database = Database.from_url(url)
            undo.callback(database.close)
            open_schema(database)
            undo.pop_all()
        return cls(database)

    @classmethod
    def upgrade(cls, url: str) -> None:
        """Bring a registry that an older release made up to date; that release cannot use it then.

        Nothing happens if it is up to date.

        Raises:
            ConfigurationError: if the URL is not that of a registry.
            MissingDependencyError: if the driver is not installed.
            RegistryUnavailableError: if the database cannot be reached.
            RegistryIntegrityError: if a newer release made the tables.
        """
        database = Database.from_url(url)
        with closing(database):
            upgrade_schema(database)

    def __repr__(self) -> str:
        return f"SQLRegistry({self._database.label!r})"

    # Reading ---------------------------------------------------------------------------------------------

    def revision(self, *, project: str) -> int:
        """See `RegistryReader.revision`."""
        with self._database.reading() as connection:
            return definitions.read_revision(connection, project)

    def definitions(self, *, project: str) -> tuple[int, list[StoredVersion]]:
        """See `RegistryReader.definitions`."""
        with self._database.reading() as connection:
            revision = definitions.read_revision(connection, project)
            return revision, definitions.read_definitions(connection, project)

    def names(self, *, project: str) -> list[Key]:
        """See `RegistryReader.names`."""
        with self._database.reading() as connection:
            return definitions.read_names(connection, project)

    def named(self, *, project: str, revision: int, names: Collection[Key]) -> list[StoredVersion]:
        """See `RegistryReader.named`."""
        with self._database.reading() as connection:
            return definitions.read_named(connection, project, revision, names)

    def users(self, *, project: str, revision: int, names: Collection[Key]) -> dict[Key, list[Key]]:
        """See `RegistryReader.users`."""
        with self._database.reading() as connection:
            return uses.read_users(connection, project, revision, names)

    def version(self, *, project: str, kind: str, name: str, version: int | None = None) -> StoredVersion:
        """See `RegistryReader.version`."""
        with self._database.reading() as connection:
            return definitions.read_version(connection, project, kind, name, version)

    def versions(self, *, project: str, kind: str, name: str) -> list[StoredVersion]:
        """See `RegistryReader.versions`."""
        with self._database.reading() as connection:
            return definitions.read_versions(connection, project, kind, name)

    def view_state(self, *, project: str, view: str, version: int) -> ViewState:
        """See `RegistryReader.view_state`."""
        with self._database.reading() as connection:
            return history.read_view_states(connection, project, [(view, version)])[0]

    def view_states(self, *, project: str, versions: Collection[tuple[str, int]]) -> list[ViewState]:
        """See `RegistryReader.view_states`."""
        with self._database.reading() as connection:
            return history.read_view_states(connection, project, versions)

    def last_runs(self, *, project: str, views: Collection[str]) -> list[Run]:
        """See `RegistryReader.last_runs`."""
        with self._database.reading() as connection:
            return history.read_last_runs(connection, project, views)

    def runs(self, *, project: str, view: str | None = None, limit: int = 100) -> list[Run]:
        """See `RegistryReader.runs`."""
        with self._database.reading() as connection:
            return history.read_runs(connection, project, view, limit)

    def history(self, *, project: str, kind: str, name: str) -> list[VersionRecord]:
        """See `RegistryRecord.history`."""
        with self._database.reading() as connection:
            return version_history.read_history(connection, project, kind, name)

    def activations(self, *, project: str, view: str, limit: int = 2) -> list[tuple[int, datetime]]:
        """See `RegistryRecord.activations`."""
        with self._database.reading() as connection:
            return activations.read_activations(connection, project, view, limit)

    def audit(self, *, project: str, name: str | None = None, limit: int = 100) -> list[AuditEntry]:
        """See `RegistryRecord.audit`."""
        with self._database.reading() as connection:
            return audit.read_audit(connection, project, name, limit)

    def close(self) -> None:
        """See `RegistryReader.close`."""
        self._database.close()

    def training_set(self, *, project: str, name: str) -> TrainingSetRecord:
        """See `TrainingSetRegistry.training_set`."""
        with self._database.reading() as connection:
            return training_sets.read_training_set(connection, project, name)

    def training_sets(
        self, *, project: str, view: str | None = None, limit: int = 100
    ) -> list[TrainingSetRecord]:
        """See `TrainingSetRegistry.training_sets`."""
        with self._database.reading() as connection:
            return training_sets.read_training_sets(connection, project, view, limit)

    def run_checks(
        self,
        *,
        project: str,
        view: str,
        version: int | None = None,
        number: int | None = None,
        limit: int = 100,
    ) -> list[tuple[Run, list[CheckResult]]]:
        """See `ExpectationsRegistry.run_checks`."""
        with self._database.reading() as connection:
            return run_checks.read_run_checks(connection, project, view, version, number, limit)

    def model_releases(
        self,
        *,
        project: str,
        training_set: str | None = None,
        name: str | None = None,
        version: str | None = None,
        limit: int = 100,
    ) -> list[ModelRelease]:
        """See `TrainingSetRegistry.model_releases`."""
        with self._database.reading() as connection:
            return models.read_releases(
                connection, project, training_set=training_set, name=name, version=version, limit=limit
            )

    def reached(self, *, project: str, kind: str, name: str) -> Reached:
        """See `TrainingSetRegistry.reached`."""
        with self._database.reading() as connection:
            return models.read_reached(connection, project, kind, name)

    def profiled_runs(
        self,
        *,
        project: str,
        view: str,
        version: int,
        since_us: int | None = None,
        until_us: int | None = None,
        up_to: int | None = None,
        limit: int | None = None,
    ) -> list[Run]:
        """See `StatisticsRegistry.profiled_runs`."""
        chosen = profiles.Chosen(project, view, version, since_us, until_us, up_to, limit)
        with self._database.reading() as connection:
            return profiles.read_profiled_runs(connection, chosen)

    def run_profile(self, *, project: str, view: str, number: int) -> Mapping[str, Any]:
        """See `StatisticsRegistry.run_profile`."""
        with self._database.reading() as connection:
            return profiles.read_run_profile(connection, project, view, number)

    def training_set_profiles(self, *, project: str, name: str) -> Mapping[str, Mapping[str, Any]]:
        """See `TrainingSetRegistry.training_set_profiles`."""
        with self._database.reading() as connection:
            return profiles.read_set_profiles(connection, project, name)

    # Writing ---------------------------------------------------------------------------------------------

    def commit(
        self,
        *,
        project: str,
        expected_revision: int,
        changes: Sequence[Change],
        message: str = "",
        code: CodeState | None = None,
    ) -> int:
        """See `RegistryWriter.commit`."""
        with self._database.writing() as connection:
            return commits.write_commit(
                connection, project, expected_revision, changes, message=message, code=code
            )

    def begin_run(
        self, *, project: str, view: str, version: int, kind: RunKind, end_us: int, lease: timedelta
    ) -> Run:
        """See `RegistryWriter.begin_run`."""
        with self._database.writing() as connection:
            return runs.begin_run(
                connection,
                project=project,
                view=view,
                version=version,
                kind=kind,
                end_us=end_us,
                lease=lease,
            )

    def extend_lease(self, *, run: Run, lease: timedelta) -> None:
        """See `RegistryWriter.extend_lease`."""
        with self._database.writing() as connection:
            leases.extend_lease(connection, run, lease)

    def publish_run(self, *, run: Run, rows: int, queries: Mapping[str, Sequence[str]] | None = None) -> None:
        """See `RegistryWriter.publish_run`."""
        with self._database.writing() as connection:
            runs.publish_run(connection, run, rows, queries or {})

    def fail_run(self, *, run: Run, error: str) -> None:
        """See `RegistryWriter.fail_run`."""
        with self._database.writing() as connection:
            runs.fail_run(connection, run, error)

    def add_run_profile(self, *, run: Run, profile: Mapping[str, Any]) -> None:
        """See `StatisticsRegistry.add_run_profile`."""
        with self._database.writing() as connection:
            profiles.write_run_profile(connection, run, profile)

    def add_run_checks(self, *, run: Run, results: Sequence[CheckResult]) -> None:
        """See `ExpectationsRegistry.add_run_checks`."""
        with self._database.writing() as connection:
            run_checks.write_run_checks(connection, run, results)

    def add_training_set(
        self,
        *,
        project: str,
        name: str,
        manifest: Mapping[str, Any],
        folder: str,
        profiles: Mapping[str, Mapping[str, Any]] = {},
    ) -> TrainingSetRecord:
        """See `TrainingSetRegistry.add_training_set`."""
        with self._database.writing() as connection:
            record = training_sets.write_training_set(connection, project, name, manifest, folder)
            write_set_profiles(connection, project, name, profiles)
            return record

    def annotate_training_set(
        self, *, project: str, name: str, tags: Mapping[str, str | None] | None = None, note: str = ""
    ) -> TrainingSetRecord:
        """See `TrainingSetRegistry.annotate_training_set`."""
        with self._database.writing() as connection:
            return training_sets.write_annotation(connection, project, name, tags or {}, note)

    def add_model_release(self, *, project: str, training_set: str, name: str, version: str) -> ModelRelease:
        """See `TrainingSetRegistry.add_model_release`."""
        with self._database.writing() as connection:
            return models.write_release(connection, project, training_set, name, version)
