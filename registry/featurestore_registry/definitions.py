"""Reading definitions: the versions that are there, each checked against its hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, func, or_, select

from featurestore.definitions.base import canonical_json
from featurestore.definitions.instants import from_microseconds
from featurestore.errors import NotFoundError, RegistryIntegrityError
from featurestore.protocols.registry import StoredVersion
from featurestore_registry.tables import ACTIVE_VERSIONS, PAYLOADS, PROJECTS, VERSIONS

_V = VERSIONS.c


def read_revision(connection: Connection, project: str) -> int:
    """The project's revision, 0 if nothing has been committed to it."""
    found = connection.execute(select(PROJECTS.c.revision).where(PROJECTS.c.name == project)).scalar()
    return 0 if found is None else int(found)


def read_definitions(connection: Connection, project: str) -> list[StoredVersion]:
    """The newest version of every definition and every active one, by kind, name and version.

    Raises:
        RegistryIntegrityError: if one does not match its hash.
    """
    other = VERSIONS.alias()
    newest = (
        select(func.max(other.c.version))
        .where(other.c.project == _V.project, other.c.kind == _V.kind, other.c.name == _V.name)
        .scalar_subquery()
    )
    rows = connection.execute(
        _stored(project)
        .where(_V.retired_us.is_(None))
        .where(or_(_V.version == newest, ACTIVE_VERSIONS.c.version_id.is_not(None)))
        .order_by(_V.kind, _V.name, _V.version)
    )
    return [stored_version(row, project) for row in rows]


def read_version(
    connection: Connection, project: str, kind: str, name: str, version: int | None
) -> StoredVersion:
    """One version; None for the active one, else the newest that is not retired.

    Raises:
        NotFoundError: if there is none.
        RegistryIntegrityError: if it does not match its hash.
    """
    wanted = _stored(project).where(_V.kind == kind, _V.name == name)
    if version is None:
        wanted = wanted.where(_V.retired_us.is_(None))
        wanted = wanted.order_by(ACTIVE_VERSIONS.c.version_id.is_(None), _V.version.desc())
    else:
        wanted = wanted.where(_V.version == version)
    row = connection.execute(wanted.limit(1)).first()
    if row is None:
        raise _not_found(connection, project, kind, name, version)
    return stored_version(row, project)


def read_versions(connection: Connection, project: str, kind: str, name: str) -> list[StoredVersion]:
    """All versions of a name, oldest first.

    Raises:
        RegistryIntegrityError: if one does not match its hash.
    """
    wanted = _stored(project).where(_V.kind == kind, _V.name == name).order_by(_V.version)
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
        raise _not_found(connection, project, "feature_view", view, version)
    return row.id, row.retired_us is not None


def _stored(project: str) -> Select[Any]:
    current = select(func.max(PAYLOADS.c.revision)).where(PAYLOADS.c.version_id == _V.id)
    payload = and_(
        PAYLOADS.c.version_id == _V.id,
        PAYLOADS.c.revision == current.correlate(VERSIONS).scalar_subquery(),
    )
    active = ACTIVE_VERSIONS.c.version_id
    return (
        select(VERSIONS, PAYLOADS.c.metadata_hash, PAYLOADS.c.payload, active.is_not(None).label("active"))
        .join(PAYLOADS, payload)
        .outerjoin(ACTIVE_VERSIONS, active == _V.id)
        .where(_V.project == project)
    )


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


def _not_found(
    connection: Connection, project: str, kind: str, name: str, version: int | None
) -> NotFoundError:
    label = kind.replace("_", " ").capitalize()
    same_kind = select(_V.name, _V.version, _V.retired_us).where(_V.project == project, _V.kind == kind)
    rows = connection.execute(same_kind.order_by(_V.version)).all()
    there = [row.version for row in rows if row.name == name]
    if version is None or not there:
        names = {row.name for row in rows if row.retired_us is None}
        return NotFoundError.of(label, name, names, where=f"project {project!r}")
    return NotFoundError(
        f"{label} {name!r} has no version {version} in project {project!r}; there are: {_listed(there)}."
    )


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers))
