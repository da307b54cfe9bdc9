"""Reading definitions: the versions that are there, each checked against its hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import CompoundSelect, Connection, Row, Select, and_, func, or_, select, union, union_all

from featurestore.definitions.base import canonical_json
from featurestore.definitions.instants import from_microseconds
from featurestore.definitions.uses import Key
from featurestore.errors import NotFoundError, RegistryIntegrityError
from featurestore.protocols.records import StoredVersion
from featurestore_registry.names import by_kind
from featurestore_registry.tables import ACTIVATIONS, ACTIVE_VERSIONS, PAYLOADS, PROJECTS, VERSIONS

_V, _A = VERSIONS.c, ACTIVE_VERSIONS.c
ACTIVE = and_(_A.project == _V.project, _A.view == _V.name, _A.version_id == _V.id)
"""Joins a version to its being the active one, by the key of that table."""
IS_ACTIVE = _A.version_id.is_not(None)


def read_revision(connection: Connection, project: str) -> int:
    """The project's revision, 0 if nothing has been committed to it."""
    found = connection.execute(select(PROJECTS.c.revision).where(PROJECTS.c.name == project)).scalar()
    return 0 if found is None else int(found)


def read_definitions(connection: Connection, project: str) -> list[StoredVersion]:
    """The newest version of every definition and every active one, by kind, name and version.

    Raises:
        RegistryIntegrityError: if one does not match its hash.
    """
    newest = select(_V.id).where(_V.project == project, _V.superseded_revision.is_(None))
    active = select(_A.version_id).where(_A.project == project)
    rows = connection.execute(
        _stored()
        .where(_V.project == project, _V.retired_us.is_(None), _V.id.in_(union(newest, active)))
        .order_by(_V.kind, _V.name, _V.version)
    )
    return [stored_version(row, project) for row in rows]


def read_names(connection: Connection, project: str) -> list[Key]:
    """Kind and name of every definition that is not retired, in order."""
    newest = select(_V.kind, _V.name).where(_V.project == project, _V.superseded_revision.is_(None))
    rows = connection.execute(newest.where(_V.retired_us.is_(None)).order_by(_V.kind, _V.name))
    return [(row.kind, row.name) for row in rows]


def read_named(
    connection: Connection, project: str, revision: int, names: Iterable[Key]
) -> list[StoredVersion]:
    """The newest and the active versions of some names, as of a revision; by kind, name and version.

    Raises:
        RegistryIntegrityError: if one does not match its hash.
    """
    found = []
    for kind, chunk in by_kind(names):
        newest = connection.execute(_newest_of(project, revision, kind, chunk)).all()
        active = []
        if kind == "feature_view":
            retired = {row.name for row in newest if row.retired_revision is not None}
            active = _active_of(connection, project, revision, chunk, retired)
        # By row id and in no order: else SQLite walks through the whole project in the order that is wanted.
        rows = connection.execute(
            _stored(revision, active).where(_V.id.in_([*(row.id for row in newest), *active]))
        )
        found += [stored_version(row, project) for row in rows]
    return sorted(found, key=lambda stored: (stored.kind, stored.name, stored.version))


def _newest_of(project: str, revision: int, kind: str, names: Sequence[str]) -> CompoundSelect[Any]:
    # Two looks at the index; with OR in one, PostgreSQL and SQLite would read every version of the names.
    one = (_V.project == project, _V.kind == kind, _V.name.in_(names), *_there(revision))
    row = select(_V.id, _V.name, _V.retired_revision).where(*one)
    return union_all(
        row.where(_V.superseded_revision.is_(None)), row.where(_V.superseded_revision > revision)
    )


def _there(revision: int) -> tuple[Any, ...]:
    """Of versions that are there at a revision."""
    return (
        _V.created_revision <= revision,
        or_(_V.retired_revision.is_(None), _V.retired_revision > revision),
    )


def _active_of(
    connection: Connection, project: str, revision: int, views: Sequence[str], retired: Collection[str]
) -> list[int]:
    """The row ids of the versions that were active: those that still are, unless they came or went after it."""
    rows = connection.execute(
        select(_A.view, _A.version_id, _V.created_revision)
        .join(VERSIONS, _V.id == _A.version_id)
        .where(_A.project == project, _A.view.in_(views))
    ).all()
    came = {row.view for row in rows if row.created_revision > revision}
    found = [row.version_id for row in rows if row.view not in came]
    for view in sorted({*came, *retired}):
        found += connection.execute(_active_before(project, view, revision)).scalars()
    return found


def _active_before(project: str, view: str, revision: int) -> Select[Any]:
    made = ACTIVATIONS.c
    return (
        select(made.version_id)
        .join(VERSIONS, _V.id == made.version_id)
        .where(made.project == project, made.view == view, *_there(revision))
        .order_by(made.id.desc())
        .limit(1)
    )


def read_version(
    connection: Connection, project: str, kind: str, name: str, version: int | None
) -> StoredVersion:
    """One version; None for the active one, else the newest that is not retired.

    Raises:
        NotFoundError: if there is none.
        RegistryIntegrityError: if it does not match its hash.
    """
    wanted = _stored().where(_V.project == project, _V.kind == kind, _V.name == name)
    if version is None:
        wanted = wanted.where(_V.retired_us.is_(None))
        wanted = wanted.order_by(_A.version_id.is_(None), _V.version.desc())
    else:
        wanted = wanted.where(_V.version == version)
    row = connection.execute(wanted.limit(1)).first()
    if row is None:
        raise version_not_found(connection, project, kind, name, version)
    return stored_version(row, project)


def read_versions(connection: Connection, project: str, kind: str, name: str) -> list[StoredVersion]:
    """All versions of a name, oldest first.

    Raises:
        RegistryIntegrityError: if one does not match its hash.
    """
    wanted = _stored().where(_V.project == project, _V.kind == kind, _V.name == name).order_by(_V.version)
    return [stored_version(row, project) for row in connection.execute(wanted)]


def version_id(connection: Connection, project: str, view: str, version: int) -> tuple[int, bool]:
    """The row of a view's version, and whether it is retired.

    Raises:
        NotFoundError: if there is none.
    """
    row = connection.execute(
        select(_V.id, _V.retired_us).where(
            _V.project == project, _V.kind == "feature_view", _V.name == view, _V.version == version
        )
    ).first()
    if row is None:
        raise version_not_found(connection, project, "feature_view", view, version)
    return row.id, row.retired_us is not None


def _stored(revision: int | None = None, active: Sequence[int] | None = None) -> Select[Any]:
    """Versions with their payloads as of a revision; which ones are active is given, or taken as it is now."""
    current = select(func.max(PAYLOADS.c.revision)).where(PAYLOADS.c.version_id == _V.id)
    if revision is not None:
        current = current.where(PAYLOADS.c.revision <= revision)
    payload = and_(
        PAYLOADS.c.version_id == _V.id,
        PAYLOADS.c.revision == current.correlate(VERSIONS).scalar_subquery(),
    )
    chosen = select(VERSIONS, PAYLOADS.c.metadata_hash, PAYLOADS.c.payload).join(PAYLOADS, payload)
    if active is not None:
        return chosen.add_columns(_V.id.in_(active).label("active"))
    return chosen.add_columns(IS_ACTIVE.label("active")).outerjoin(ACTIVE_VERSIONS, ACTIVE)


def stored_version(row: Row[Any], project: str) -> StoredVersion:
    """A row of versions and payloads as a version, checked against its hash.

    Raises:
        RegistryIntegrityError: if it does not match.
    """
    try:
        payload = json.loads(row.payload)
        found = hashlib.sha256(canonical_json(payload).encode()).hexdigest()
    except ValueError as error:
        raise _edited(row, project, f"its text cannot be read ({error})") from error
    if found != row.metadata_hash:
        raise _edited(row, project, f"it has the hash {found[:12]}…, recorded is {row.metadata_hash[:12]}…")
    return StoredVersion(
        kind=row.kind,
        name=row.name,
        version=row.version,
        data_hash=row.data_hash,
        metadata_hash=row.metadata_hash,
        payload=payload,
        applied_at=from_microseconds(row.applied_us),
        active=row.active,
        retired=row.retired_us is not None,
    )


def _edited(row: Row[Any], project: str, what: str) -> RegistryIntegrityError:
    return RegistryIntegrityError(
        f"The definition of {row.kind.replace('_', ' ')} {row.name!r} version {row.version} in project {project!r} "
        f"is not what was applied: {what}.",
        hint="It was edited in the database (table fs_payloads). Restore that row from a backup; "
        "definitions are changed with apply.",
    )


def version_not_found(
    connection: Connection, project: str, kind: str, name: str, version: int | None
) -> NotFoundError:
    """The error for a version that is not there."""
    label = kind.replace("_", " ").capitalize()
    same = (_V.project == project, _V.kind == kind)
    there = connection.execute(
        select(_V.version).where(*same, _V.name == name).order_by(_V.version)
    ).scalars()
    if version is not None and (numbers := list(there)):
        return NotFoundError(
            f"{label} {name!r} has no version {version} in project {project!r}; there are: {_listed(numbers)}."
        )
    newest = select(_V.name).where(*same, _V.superseded_revision.is_(None), _V.retired_us.is_(None))
    names = connection.execute(newest).scalars()
    return NotFoundError.of(label, name, names, where=f"project {project!r}")


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers))
