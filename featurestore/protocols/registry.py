"""The seam to registries: versions, runs and leases, read by one protocol and written by another.

Instants are aware datetimes in UTC unless a name ends in ``_us`` (microseconds since 1970).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from featurestore.definitions.uses import Key
from featurestore.protocols.expectations import ExpectationsRegistry
from featurestore.protocols.statistics import StatisticsRegistry
from featurestore.protocols.training_sets import TrainingSetRegistry


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """One version of one definition, as the registry holds it.

    Attributes:
        kind: entity, source, feature_view or feature_service.
        payload: the definition's JSON form (`featurestore.definitions.fingerprint.definition_payload`).
        active: for a feature view, whether unversioned names mean this version.
    """

    kind: str
    name: str
    version: int
    data_hash: str
    metadata_hash: str
    payload: Mapping[str, Any] = field(repr=False)
    applied_at: datetime
    active: bool
    retired: bool


class ChangeAction(StrEnum):
    """What a plan does to one definition."""

    CREATE = "create"
    NEW_VERSION = "new version"
    METADATA = "metadata"
    RETIRE = "retire"
    RETIRE_VERSION = "retire version"
    PROMOTE = "promote"
    ROLLBACK = "rollback"


@dataclass(frozen=True, slots=True)
class CodeState:
    """The git commit that definitions were applied from.

    Attributes:
        commit: its full hash.
        dirty: whether the folder of the definitions had changes that are not in it.
    """

    commit: str
    dirty: bool


@dataclass(frozen=True, slots=True)
class VersionRecord:
    """One entry of a definition's history: a version, or a later change of its description.

    Attributes:
        stored: the version as that commit left it.
        action: create, new version or metadata.
        revision: the revision that the commit made.
        committed_at: when, by the registry's clock.
        author: the account that committed.
        message: why.
        code: the code that it was applied from, or None if that was not in git.
        retired_at: when the version was retired, or None.
    """

    stored: StoredVersion
    action: ChangeAction
    revision: int
    committed_at: datetime
    author: str
    message: str
    code: CodeState | None
    retired_at: datetime | None


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One change of the registry: who, when, from where, what, with which effect.

    Attributes:
        number: grows with time, over all projects.
        author: the account.
        host: the computer, or None where an older release has written.
        action: a `ChangeAction`, "publish" or "fail" (of a run), or what a training set was done to.
        version: of the definition, or None where there is none.
        revision: the project's revision that the change made, or None for what is no commit.
        code: the git commit it was made from, or None.
        effect: what became of it, such as ``{"active": {"from": 1, "to": 2}}``.
    """

    number: int
    at: datetime
    author: str
    host: str | None
    action: str
    kind: str
    name: str
    version: int | None
    revision: int | None
    message: str
    code: CodeState | None
    effect: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a plan: a definition's new state.

    Attributes:
        version: the number that the version has, or will have.
        activate: make it the active version at once (views that are not served online).
    """

    action: ChangeAction
    kind: str
    name: str
    version: int
    data_hash: str
    metadata_hash: str
    payload: Mapping[str, Any]
    activate: bool


class RunKind(StrEnum):
    """How a run fills the online store."""

    FULL = "full"
    INCREMENTAL = "incremental"


class RunStatus(StrEnum):
    """How a run ended, if it did. INTERRUPTED: its lease ran out before it said how."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Run:
    """One materialization of one view version.

    Attributes:
        number: grows by one with each run of the project's view; never reused.
        generation: the generation it writes: its own number for a full run.
        start_us: the watermark the run began at (None for a full run): the interval is (start, end].
        end_us: the instant whose values it writes.
    """

    project: str
    view: str
    version: int
    number: int
    kind: RunKind
    generation: int
    start_us: int | None
    end_us: int
    status: RunStatus
    began_at: datetime
    ended_at: datetime | None
    rows: int | None
    error: str | None


@dataclass(frozen=True, slots=True)
class ViewState:
    """Where one version of a view stands online.

    Attributes:
        generation: the published generation, or None if none has been.
        filling: generations that live runs are filling.
        watermark_us: the end of the last successful run, or None.
        last_run: the number of the latest run of the view that has begun, 0 if none has.
        last_run_began_us: when the last successful run began by the registry's clock, or None.
    """

    view: str
    version: int
    generation: int | None
    filling: tuple[int, ...]
    watermark_us: int | None
    last_run: int
    last_run_began_us: int | None


class RegistryReader(Protocol):
    """What serving and planning read."""

    def revision(self, *, project: str) -> int:
        """A number that grows with each commit to the project, 0 for a project without one."""
        ...

    def definitions(self, *, project: str) -> tuple[int, list[StoredVersion]]:
        """The revision and, consistent with it, the newest version of every definition and every active one.

        Raises:
            RegistryIntegrityError: if a stored definition does not match its hash.
        """
        ...

    def names(self, *, project: str) -> list[Key]:
        """Kind and name of every definition that is not retired, in order."""
        ...

    def named(self, *, project: str, revision: int, names: Collection[Key]) -> list[StoredVersion]:
        """The newest and the active versions of some definitions (kind and name), as they were at a revision.

        What has no version at that revision is left out. How long it takes depends on `names` alone, not on what
        else the registry holds.

        Raises:
            RegistryIntegrityError: if a stored definition does not match its hash.
        """
        ...

    def users(self, *, project: str, revision: int, names: Collection[Key]) -> dict[Key, list[Key]]:
        """Which definitions used each of some definitions at a revision, in their newest version.

        Views use entities, sources and the view they are made over (and what that one uses), services use views.
        What nothing uses is left out.
        """
        ...

    def version(self, *, project: str, kind: str, name: str, version: int | None = None) -> StoredVersion:
        """One version; None for the active one, else (none is active) the newest.

        Raises:
            NotFoundError: if there is none, listing those that exist.
            RegistryIntegrityError: if it does not match its hash.
        """
        ...

    def versions(self, *, project: str, kind: str, name: str) -> list[StoredVersion]:
        """All versions that were ever applied under a name, oldest first, retired ones too.

        Raises:
            RegistryIntegrityError: if one does not match its hash.
        """
        ...

    def view_state(self, *, project: str, view: str, version: int) -> ViewState:
        """Where a view version stands online, read in one consistent step."""
        ...

    def view_states(self, *, project: str, versions: Collection[tuple[str, int]]) -> list[ViewState]:
        """Where many view versions stand online, by view and version, read in one consistent step.

        Raises:
            NotFoundError: if there is no such version.
        """
        ...

    def last_runs(self, *, project: str, views: Collection[str]) -> list[Run]:
        """The latest run of each view that has had one, by view."""
        ...

    def runs(self, *, project: str, view: str | None = None, limit: int = 100) -> list[Run]:
        """The latest runs, newest first. A run whose lease ran out is reported as INTERRUPTED."""
        ...

    def close(self) -> None:
        """Close all connections."""
        ...


class RegistryWriter(Protocol):
    """What apply and materialize write. Each call is one transaction."""

    def commit(
        self,
        *,
        project: str,
        expected_revision: int,
        changes: Sequence[Change],
        message: str = "",
        code: CodeState | None = None,
    ) -> int:
        """Apply the changes and return the new revision.

        Raises:
            StaleRegistryError: if the project's revision is not the expected one; nothing is written.
            RegistryError: if a change does not fit what is there, such as the promotion of a version that is
                served online and was never filled, or a rollback to another version than the one before.
        """
        ...

    def begin_run(
        self, *, project: str, view: str, version: int, kind: RunKind, end_us: int, lease: timedelta
    ) -> Run:
        """Take the view's lease and record that a run has begun.

        An incremental run writes into the published generation and starts at the watermark. Earlier runs
        whose lease ran out, or whose process on this host is gone, are recorded as INTERRUPTED.

        Raises:
            LeaseHeldError: if another run holds the lease.
            InvalidTimeError: if `end_us` is before the version's watermark.
        """
        ...

    def extend_lease(self, *, run: Run, lease: timedelta) -> None:
        """Say that the run is alive.

        Raises:
            LeaseHeldError: if the lease ran out and was taken by another run.
        """
        ...

    def publish_run(self, *, run: Run, rows: int, queries: Mapping[str, Sequence[str]] | None = None) -> None:
        """In one step: the run succeeded, its generation and watermark are published.

        The first publication of a version that is newer than the active one makes it the active one. Later ones
        do not: what was promoted or rolled back to stays active.

        Args:
            run: one that has begun.
            rows: how many entities it has written.
            queries: by which its sources were read, as their databases call them; the audit keeps them.

        Raises:
            LeaseHeldError: if the lease was taken by another run; nothing is published.
        """
        ...

    def fail_run(self, *, run: Run, error: str) -> None:
        """Record that the run failed, and give the lease back."""
        ...


class RegistryRecord(Protocol):
    """What a registry can say of the past. Nothing in it ever changes."""

    def history(self, *, project: str, kind: str, name: str) -> list[VersionRecord]:
        """Every version of a name and every change of a description, oldest first; empty if there is none.

        Raises:
            RegistryIntegrityError: if one does not match its hash.
        """
        ...

    def activations(self, *, project: str, view: str, limit: int = 2) -> list[tuple[int, datetime]]:
        """Which versions of a view became active, and when; the latest first."""
        ...

    def audit(self, *, project: str, name: str | None = None, limit: int = 100) -> list[AuditEntry]:
        """The latest changes, newest first."""
        ...


class PlanningReader(RegistryReader, TrainingSetRegistry, Protocol):
    """What a plan is made from: the definitions, and what a change of them would reach."""


class Registry(
    RegistryReader,
    RegistryWriter,
    RegistryRecord,
    TrainingSetRegistry,
    StatisticsRegistry,
    ExpectationsRegistry,
    Protocol,
):
    """A registry that can be read and written."""
