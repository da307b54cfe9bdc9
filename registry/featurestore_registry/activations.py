"""Which version of a view its unversioned name means, and which ones it has meant."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, delete, insert, select

from featurestore.definitions.instants import from_microseconds
from featurestore_registry.database import insert_into, now_us
from featurestore_registry.tables import ACTIVATIONS, ACTIVE_VERSIONS, VERSIONS

_A, _V = ACTIVE_VERSIONS.c, VERSIONS.c


def lock_active(connection: Connection, project: str, view: str) -> int | None:
    """The number of the active version, None if none is; it stays so until the transaction ends."""
    wanted = select(_A.version_id).where(_A.project == project, _A.view == view).with_for_update()
    row_id = connection.execute(wanted).scalar()
    if row_id is None:
        return None
    return int(connection.execute(select(_V.version).where(_V.id == row_id)).scalar_one())


def activate(connection: Connection, project: str, view: str, row_id: int) -> dict[str, Any]:
    """Let the unversioned name of a view mean the version with this row id.

    Returns:
        The effect for the audit: the active version before and after; empty if it was active already.
    """
    before = lock_active(connection, project, view)
    after = connection.execute(select(_V.version).where(_V.id == row_id)).scalar_one()
    if before == after:
        return {}
    statement = insert_into(connection, ACTIVE_VERSIONS).values(project=project, view=view, version_id=row_id)
    connection.execute(
        statement.on_conflict_do_update(index_elements=[_A.project, _A.view], set_={"version_id": row_id})
    )
    connection.execute(
        insert(ACTIVATIONS).values(
            project=project, view=view, version_id=row_id, activated_us=now_us(connection)
        )
    )
    return {"active": {"from": before, "to": after}}


def deactivate(connection: Connection, project: str, view: str) -> None:
    """Let the view have no active version."""
    connection.execute(delete(ACTIVE_VERSIONS).where(_A.project == project, _A.view == view))


def read_activations(
    connection: Connection, project: str, view: str, limit: int
) -> list[tuple[int, datetime]]:
    """Version and time of the latest activations, the latest first."""
    rows = connection.execute(_latest(project, view).limit(limit))
    return [(row.version, from_microseconds(row.activated_us)) for row in rows]


def _latest(project: str, view: str) -> Select[Any]:
    made = ACTIVATIONS.c
    return (
        select(_V.version, made.activated_us)
        .join(VERSIONS, _V.id == made.version_id)
        .where(made.project == project, made.view == view)
        .order_by(made.id.desc())
    )
