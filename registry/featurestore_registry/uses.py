"""Who uses what: which views read a source or an entity, which services read a view.

Only the newest version of a name counts. A row is one period of revisions; it is written when it begins and once
more when it ends, so that there are about as many rows as there are uses, however many versions there are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, or_, select, update

from featurestore.definitions.uses import Key, used_by
from featurestore_registry.database import insert_into
from featurestore_registry.names import by_kind
from featurestore_registry.tables import USES

_U = USES.c


def write_uses(
    connection: Connection, project: str, revision: int, user: Key, payload: Mapping[str, Any]
) -> None:
    """Record what the newest version of a definition uses from a revision on."""
    wanted = used_by(user[0], payload)
    known = _used(connection, project, user)
    _end(connection, project, revision, user, known - wanted)
    rows = [
        {
            "project": project,
            "kind": kind,
            "name": name,
            "user_kind": user[0],
            "user_name": user[1],
            "since_revision": revision,
        }
        for kind, name in sorted(wanted - known)
    ]
    if rows:
        # What ended and began again within one commit goes on.
        added = insert_into(connection, USES)
        again = added.on_conflict_do_update(index_elements=[*USES.primary_key], set_={"until_revision": None})
        connection.execute(again, rows)


def end_uses(connection: Connection, project: str, revision: int, user: Key) -> None:
    """Record that a definition uses nothing any more: it is retired."""
    _end(connection, project, revision, user, _used(connection, project, user))


def read_users(
    connection: Connection, project: str, revision: int, names: Iterable[Key]
) -> dict[Key, list[Key]]:
    """Kind and name of what used each of some definitions at a revision, in order."""
    found: dict[Key, list[Key]] = {}
    for kind, chunk in by_kind(names):
        rows = connection.execute(
            select(_U.name, _U.user_kind, _U.user_name)
            .where(_U.project == project, _U.kind == kind, _U.name.in_(chunk))
            .where(_U.since_revision <= revision)
            .where(or_(_U.until_revision.is_(None), _U.until_revision > revision))
            .order_by(_U.name, _U.user_kind, _U.user_name)
        )
        for row in rows:
            found.setdefault((kind, row.name), []).append((row.user_kind, row.user_name))
    return found


def _used(connection: Connection, project: str, user: Key) -> set[Key]:
    rows = connection.execute(select(_U.kind, _U.name).where(*_by(project, user)))
    return {(row.kind, row.name) for row in rows}


def _end(connection: Connection, project: str, revision: int, user: Key, ended: Collection[Key]) -> None:
    for kind, name in sorted(ended):
        row = update(USES).where(*_by(project, user), _U.kind == kind, _U.name == name)
        connection.execute(row.values(until_revision=revision))


def _by(project: str, user: Key) -> tuple[Any, ...]:
    kind, name = user
    return (
        _U.project == project,
        _U.user_kind == kind,
        _U.user_name == name,
        _U.until_revision.is_(None),
    )
