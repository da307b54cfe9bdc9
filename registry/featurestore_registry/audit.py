"""The audit: one row for each change of the registry, written in the change's own transaction."""

from __future__ import annotations

import getpass
import json
import socket
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from featurestore.definitions.base import canonical_json
from featurestore.definitions.instants import from_microseconds
from featurestore.protocols.records import AuditEntry, CodeState
from featurestore_registry.database import now_us
from featurestore_registry.tables import AUDIT


def write_audit(
    connection: Connection,
    *,
    project: str,
    action: str,
    kind: str,
    name: str,
    version: int | None = None,
    revision: int | None = None,
    message: str = "",
    code: CodeState | None = None,
    effect: Mapping[str, Any] | None = None,
) -> None:
    """Record a change by this process."""
    connection.execute(
        insert(AUDIT).values(
            project=project,
            at_us=now_us(connection),
            author=author(),
            host=host(),
            action=action,
            kind=kind,
            name=name,
            version=version,
            revision=revision,
            message=message,
            **code_columns(code),
            effect=canonical_json(dict(effect or {})),
        )
    )


def read_audit(connection: Connection, project: str, name: str | None, limit: int) -> list[AuditEntry]:
    """The latest changes of a project, or of what is called `name` in it; newest first."""
    wanted = select(AUDIT).where(AUDIT.c.project == project).order_by(AUDIT.c.id.desc()).limit(limit)
    if name is not None:
        wanted = wanted.where(AUDIT.c.name == name)
    return [_entry(row) for row in connection.execute(wanted)]


def code_columns(code: CodeState | None) -> dict[str, Any]:
    """The columns that hold the state of the code."""
    return {"git_commit": code and code.commit, "git_dirty": code and code.dirty}


def read_code(row: Row[Any]) -> CodeState | None:
    """The state of the code that a row holds."""
    return None if row.git_commit is None else CodeState(row.git_commit, bool(row.git_dirty))


def author() -> str:
    """The account that this process runs under."""
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):
        # A container may run under an id without an account.
        return "unknown"


def host() -> str:
    """The name of this computer."""
    return socket.gethostname()


def _entry(row: Row[Any]) -> AuditEntry:
    return AuditEntry(
        number=row.id,
        at=from_microseconds(row.at_us),
        author=row.author,
        host=row.host,
        action=row.action,
        kind=row.kind,
        name=row.name,
        version=row.version,
        revision=row.revision,
        message=row.message,
        code=read_code(row),
        effect=json.loads(row.effect),
    )
