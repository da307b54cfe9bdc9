"""What registries hold, as plain records: versions of definitions, changes of them, runs, and where views stand.

Instants are aware datetimes in UTC unless a name ends in ``_us`` (microseconds since 1970).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple


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


class CodeState(NamedTuple):
    """The git commit that definitions were applied from.

    Attributes:
        commit: its full hash.
        dirty: whether the folder of the definitions had changes that are not in it.
    """

    commit: str
    dirty: bool


class VersionRecord(NamedTuple):
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


class AuditEntry(NamedTuple):
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


class Change(NamedTuple):
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


class Run(NamedTuple):
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


class ViewState(NamedTuple):
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
