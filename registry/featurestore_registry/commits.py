"""Commits: a plan's changes, if the project is where it was when they were planned."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select, update

from featurestore.definitions.base import canonical_json
from featurestore.errors import RegistryError, StaleRegistryError
from featurestore.protocols.records import Change, ChangeAction, CodeState
from featurestore_registry.activations import activate, deactivate, lock_active, read_activations
from featurestore_registry.audit import author, code_columns, host, write_audit
from featurestore_registry.database import insert_into, now_us
from featurestore_registry.definitions import read_revision
from featurestore_registry.tables import COMMITS, PAYLOADS, PROJECTS, VERSIONS, VIEW_STATES
from featurestore_registry.uses import end_uses, write_uses

_V = VERSIONS.c


@dataclass(frozen=True, slots=True)
class _Commit:
    connection: Connection
    project: str
    revision: int
    now: int


@dataclass(frozen=True, slots=True)
class _Versions:
    """The versions of a name.

    Attributes:
        newest: the newest that is not retired, 0 if there is none.
        count: how many there ever were.
        ids: number to row id, of those that are not retired.
    """

    newest: int
    count: int
    ids: Mapping[int, int]


def write_commit(
    connection: Connection,
    project: str,
    expected_revision: int,
    changes: Sequence[Change],
    *,
    message: str,
    code: CodeState | None,
) -> int:
    """Write the changes and return the new revision.

    Raises:
        StaleRegistryError: if the project has moved on.
        RegistryError: if a change does not fit what is there.
    """
    revision = _take_revision(connection, project, expected_revision)
    commit = _Commit(connection, project, revision, now_us(connection))
    connection.execute(
        insert(COMMITS).values(
            project=project,
            revision=revision,
            message=message,
            author=author(),
            committed_us=commit.now,
            host=host(),
            **code_columns(code),
        )
    )
    for change in changes:
        versions = _versions(commit, change)
        _check_fits(commit, change, versions)
        effect = _WRITE[change.action](commit, change, versions)
        write_audit(
            connection,
            project=project,
            action=change.action,
            kind=change.kind,
            name=change.name,
            version=change.version,
            revision=revision,
            message=message,
            code=code,
            effect=effect,
        )
    return revision


def _take_revision(connection: Connection, project: str, expected: int) -> int:
    """Compare and swap. Whoever comes second waits for the row, then finds another revision in it."""
    connection.execute(
        insert_into(connection, PROJECTS).values(name=project, revision=0).on_conflict_do_nothing()
    )
    swap = update(PROJECTS).where(PROJECTS.c.name == project, PROJECTS.c.revision == expected)
    if connection.execute(swap.values(revision=expected + 1)).rowcount == 0:
        found = read_revision(connection, project)
        raise StaleRegistryError(
            f"Project {project!r} has moved on: planned at revision {expected}, found revision {found}.",
            hint="Somebody else has applied in between: plan again, look at it, and apply that.",
        )
    return expected + 1


def _versions(commit: _Commit, change: Change) -> _Versions:
    rows = commit.connection.execute(
        select(_V.id, _V.version, _V.retired_us)
        .where(_V.project == commit.project, _V.kind == change.kind, _V.name == change.name)
        .order_by(_V.version.desc())
    ).all()
    ids = {row.version: row.id for row in rows if row.retired_us is None}
    return _Versions(max(ids, default=0), len(rows), ids)


def _check_fits(commit: _Commit, change: Change, versions: _Versions) -> None:
    if change.action in _OF_ONE_VERSION:
        if change.version not in versions.ids:
            raise RegistryError(
                f"View {change.name!r} has no version {change.version} in project {commit.project!r} that is not "
                f"retired; there are: {', '.join(map(str, sorted(versions.ids))) or 'none'}.",
                hint="FeatureStore.history tells which versions there are.",
            )
        return
    before = {ChangeAction.CREATE: 0, ChangeAction.NEW_VERSION: change.version - 1}
    expected = before.get(change.action, change.version)
    if versions.newest != expected:
        raise RegistryError(
            f"The change {change.action.value!r} of {change.kind.replace('_', ' ')} {change.name!r} to version "
            f"{change.version} does not fit project {commit.project!r}: its newest version is "
            f"{versions.newest or 'none'}, expected {expected or 'none'}.",
            hint="Make changes with FeatureStore.plan, from what the registry holds.",
        )


def _add_version(commit: _Commit, change: Change, versions: _Versions) -> dict[str, Any]:
    # The numbering of a name that was retired goes on: its versions are still there to be read.
    row = {
        "project": commit.project,
        "kind": change.kind,
        "name": change.name,
        "version": versions.count + 1,
        "data_hash": change.data_hash,
        "created_revision": commit.revision,
        "applied_us": commit.now,
    }
    before = (_V.project == commit.project, _V.kind == change.kind, _V.name == change.name)
    superseded = update(VERSIONS).where(*before, _V.superseded_revision.is_(None))
    commit.connection.execute(superseded.values(superseded_revision=commit.revision))
    added = commit.connection.execute(insert(VERSIONS).values(row).returning(_V.id)).scalar_one()
    return _describe(commit, change, added)


def _change_metadata(commit: _Commit, change: Change, versions: _Versions) -> dict[str, Any]:
    return _describe(commit, change, versions.ids[change.version])


def _describe(commit: _Commit, change: Change, row_id: int) -> dict[str, Any]:
    commit.connection.execute(
        insert(PAYLOADS).values(
            version_id=row_id,
            revision=commit.revision,
            metadata_hash=change.metadata_hash,
            payload=canonical_json(change.payload),
        )
    )
    user = (change.kind, change.name)
    write_uses(commit.connection, commit.project, commit.revision, user, change.payload)
    return activate(commit.connection, commit.project, change.name, row_id) if change.activate else {}


def _retire(commit: _Commit, change: Change, versions: _Versions) -> dict[str, Any]:
    """Retire all versions of the name; those retired before keep their date."""
    _mark_retired(commit, list(versions.ids.values()))
    end_uses(commit.connection, commit.project, commit.revision, (change.kind, change.name))
    if change.kind == "feature_view":
        deactivate(commit.connection, commit.project, change.name)
    return {"retired": sorted(versions.ids)}


def _retire_version(commit: _Commit, change: Change, versions: _Versions) -> dict[str, Any]:
    active = lock_active(commit.connection, commit.project, change.name)
    if change.version in (active, versions.newest):
        which = "active" if change.version == active else "newest"
        raise RegistryError(
            f"View {change.name!r} version {change.version} cannot be retired: it is the {which} one.",
            hint="Promote another version first."
            if change.version == active
            else "Apply the definition that is to follow it first, or retire the view as a whole.",
        )
    _mark_retired(commit, [versions.ids[change.version]])
    return {"retired": [change.version]}


def _mark_retired(commit: _Commit, row_ids: Sequence[int]) -> None:
    retired = update(VERSIONS).where(_V.id.in_(row_ids))
    commit.connection.execute(retired.values(retired_revision=commit.revision, retired_us=commit.now))


def _promote(commit: _Commit, change: Change, versions: _Versions) -> dict[str, Any]:
    row_id = versions.ids[change.version]
    _check_filled(commit, change, row_id)
    return activate(commit.connection, commit.project, change.name, row_id)


def _roll_back(commit: _Commit, change: Change, versions: _Versions) -> dict[str, Any]:
    # A run may have activated a version since the rollback was planned, which moves no revision.
    active = lock_active(commit.connection, commit.project, change.name)
    latest = read_activations(commit.connection, commit.project, change.name, 2)
    if active is None or len(latest) < 2 or latest[0][0] != active or latest[1][0] != change.version:
        raise StaleRegistryError(
            f"View {change.name!r} cannot be rolled back to version {change.version}: that is not the version that "
            f"was active before {active or 'none'}, or no longer.",
            hint="Roll back again, or promote the version that is wanted.",
        )
    return _promote(commit, change, versions)


def _check_filled(commit: _Commit, change: Change, row_id: int) -> None:
    state = select(VIEW_STATES.c.generation).where(VIEW_STATES.c.version_id == row_id)
    if change.payload["online"] and commit.connection.execute(state).scalar() is None:
        name = f"{change.name}@{change.version}"
        raise RegistryError(
            f"{name} cannot become the active version: it is served online and was never filled.",
            hint=f'Fill it first: store.materialize(views=["{name}"]).',
        )


_OF_ONE_VERSION = (ChangeAction.RETIRE_VERSION, ChangeAction.PROMOTE, ChangeAction.ROLLBACK)
_WRITE: Mapping[ChangeAction, Callable[[_Commit, Change, _Versions], dict[str, Any]]] = {
    ChangeAction.CREATE: _add_version,
    ChangeAction.NEW_VERSION: _add_version,
    ChangeAction.METADATA: _change_metadata,
    ChangeAction.RETIRE: _retire,
    ChangeAction.RETIRE_VERSION: _retire_version,
    ChangeAction.PROMOTE: _promote,
    ChangeAction.ROLLBACK: _roll_back,
}
