"""The history of a definition: its versions and descriptions, each with the commit that made it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, and_, select

from featurestore.definitions.instants import from_microseconds
from featurestore.protocols.records import ChangeAction, VersionRecord
from featurestore_registry.audit import read_code
from featurestore_registry.definitions import ACTIVE, IS_ACTIVE, stored_version
from featurestore_registry.tables import ACTIVE_VERSIONS, COMMITS, PAYLOADS, VERSIONS

_V, _C = VERSIONS.c, COMMITS.c


def read_history(connection: Connection, project: str, kind: str, name: str) -> list[VersionRecord]:
    """Every version of a name and every change of its description, oldest first.

    Raises:
        RegistryIntegrityError: if one does not match its hash.
    """
    commit = and_(_C.project == _V.project, _C.revision == PAYLOADS.c.revision)
    wanted = (
        select(VERSIONS, PAYLOADS.c.metadata_hash, PAYLOADS.c.payload, IS_ACTIVE.label("active"))
        .add_columns(_C.revision, _C.message, _C.author, _C.committed_us, _C.git_commit, _C.git_dirty)
        .join(PAYLOADS, PAYLOADS.c.version_id == _V.id)
        .join(COMMITS, commit)
        .outerjoin(ACTIVE_VERSIONS, ACTIVE)
        .where(_V.project == project, _V.kind == kind, _V.name == name)
        .order_by(PAYLOADS.c.revision, _V.version)
    )
    return [_record(row, project) for row in connection.execute(wanted)]


def _record(row: Row[Any], project: str) -> VersionRecord:
    return VersionRecord(
        stored=stored_version(row, project),
        action=_action(row),
        revision=row.revision,
        committed_at=from_microseconds(row.committed_us),
        author=row.author,
        message=row.message,
        code=read_code(row),
        retired_at=None if row.retired_us is None else from_microseconds(row.retired_us),
    )


def _action(row: Row[Any]) -> ChangeAction:
    if row.revision != row.created_revision:
        return ChangeAction.METADATA
    return ChangeAction.CREATE if row.version == 1 else ChangeAction.NEW_VERSION
