"""Commits: a plan's changes, if the project is where it was when they were planned."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select, update

from featurestore.definitions.base import canonical_json
from featurestore.errors import RegistryError, StaleRegistryError
from featurestore.protocols.registry import Change, ChangeAction
from featurestore_registry.database import insert_into, now_us
from featurestore_registry.definitions import read_revision
from featurestore_registry.tables import ACTIVE_VERSIONS, COMMITS, PAYLOADS, PROJECTS, VERSIONS

_V = VERSIONS.c


@dataclass(frozen=True, slots=True)
class _Commit:
    connection: Connection
    project: str
    revision: int
    now: int


@dataclass(frozen=True, slots=True)
class _Versions:
    """The versions of a name: the newest that is not retired (0 if none is), and how many there ever were."""

    newest_id: int
    newest: int
    count: int


def write_commit(
    connection: Connection, project: str, expected_revision: int, changes: Sequence[Change], message: str
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
            project=project, revision=revision, message=message, author=_author(), committed_us=commit.now
        )
    )
    for change in changes:
        versions = _versions(commit, change)
        _check_fits(commit, change, versions)
        _WRITE[change.action](commit, change, versions)
    return revision


def activate(connection: Connection, project: str, view: str, version: int) -> None:
    """Let the unversioned name of a view mean the version with this row id."""
    row = {"project": project, "view": view, "version_id": version}
    statement = insert_into(connection, ACTIVE_VERSIONS).values(row)
    keys = [ACTIVE_VERSIONS.c.project, ACTIVE_VERSIONS.c.view]
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_={"version_id": version}))


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
    newest = next((row for row in rows if row.retired_us is None), None)
    return _Versions(newest.id, newest.version, len(rows)) if newest else _Versions(0, 0, len(rows))


def _check_fits(commit: _Commit, change: Change, versions: _Versions) -> None:
    before = {ChangeAction.CREATE: 0, ChangeAction.NEW_VERSION: change.version - 1}
    expected = before.get(change.action, change.version)
    if versions.newest != expected:
        raise RegistryError(
            f"The change {change.action.value!r} of {change.kind.replace('_', ' ')} {change.name!r} to version "
            f"{change.version} does not fit project {commit.project!r}: its newest version is "
            f"{versions.newest or 'none'}, expected {expected or 'none'}.",
            hint="Make changes with FeatureStore.plan, from what the registry holds.",
        )


def _add_version(commit: _Commit, change: Change, versions: _Versions) -> None:
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
    added = commit.connection.execute(insert(VERSIONS).values(row).returning(_V.id)).scalar_one()
    _describe(commit, change, added)


def _change_metadata(commit: _Commit, change: Change, versions: _Versions) -> None:
    _describe(commit, change, versions.newest_id)


def _describe(commit: _Commit, change: Change, version: int) -> None:
    commit.connection.execute(
        insert(PAYLOADS).values(
            version_id=version,
            revision=commit.revision,
            metadata_hash=change.metadata_hash,
            payload=canonical_json(change.payload),
        )
    )
    if change.activate:
        activate(commit.connection, commit.project, change.name, version)


def _retire(commit: _Commit, change: Change, _: _Versions) -> None:
    """Retire all versions of the name; those retired before keep their date."""
    named = (_V.project == commit.project, _V.kind == change.kind, _V.name == change.name)
    still = update(VERSIONS).where(*named, _V.retired_us.is_(None))
    commit.connection.execute(still.values(retired_revision=commit.revision, retired_us=commit.now))
    if change.kind == "feature_view":
        active = ACTIVE_VERSIONS.c
        commit.connection.execute(
            delete(ACTIVE_VERSIONS).where(active.project == commit.project, active.view == change.name)
        )


def _author() -> str:
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):
        # A container may run under an id without an account.
        return "unknown"


_WRITE: Mapping[ChangeAction, Callable[[_Commit, Change, _Versions], None]] = {
    ChangeAction.CREATE: _add_version,
    ChangeAction.NEW_VERSION: _add_version,
    ChangeAction.METADATA: _change_metadata,
    ChangeAction.RETIRE: _retire,
}
