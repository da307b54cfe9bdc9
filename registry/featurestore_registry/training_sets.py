"""Training sets: manifests that never change, with tags and notes that do."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, insert, or_, select, update

from featurestore.definitions.base import canonical_json
from featurestore.definitions.instants import from_microseconds
from featurestore.errors import NotFoundError, RegistryIntegrityError, RequestError
from featurestore.protocols.training_sets import Note, TrainingSetRecord
from featurestore_registry.audit import author, write_audit
from featurestore_registry.database import insert_into, now_us
from featurestore_registry.definitions import version_id
from featurestore_registry.tables import TRAINING_SET_NOTES, TRAINING_SET_VIEWS, TRAINING_SETS, VERSIONS

KIND = "training_set"
_SHORTEST_ID = 12
_T, _N = TRAINING_SETS.c, TRAINING_SET_NOTES.c


def write_training_set(
    connection: Connection, project: str, name: str, manifest: Mapping[str, Any], folder: str
) -> TrainingSetRecord:
    """Record a training set.

    Raises:
        RequestError: if the name is taken.
        NotFoundError: if a version of a view is not there.
    """
    text = canonical_json(manifest)
    row = {
        "project": project,
        "name": name,
        "manifest_id": hashlib.sha256(text.encode()).hexdigest(),
        "content_hash": manifest["content_hash"],
        "folder": folder,
        "created_us": now_us(connection),
        "author": author(),
        "manifest": text,
        "tags": "{}",
        "service": (manifest.get("service") or {}).get("name"),
    }
    added = insert_into(connection, TRAINING_SETS).values(row).on_conflict_do_nothing()
    row_id = connection.execute(added.returning(_T.id)).scalar()
    if row_id is None:
        raise RequestError(
            f"There is a training set {name!r} in project {project!r} already, and training sets never change.",
            hint="Take another name.",
        )
    versions = {(view["name"], view["version"]) for view in manifest["views"]}
    for view, version in sorted(versions):
        number, _ = version_id(connection, project, view, version)
        connection.execute(insert(TRAINING_SET_VIEWS).values(version_id=number, training_set_id=row_id))
    effect = {"manifest": row["manifest_id"], "content": row["content_hash"]}
    write_audit(connection, project=project, action="create", kind=KIND, name=name, effect=effect)
    return read_training_set(connection, project, name)


def write_annotation(
    connection: Connection, project: str, name: str, tags: Mapping[str, str | None], note: str
) -> TrainingSetRecord:
    """Set tags, and add a note unless it is empty.

    Raises:
        NotFoundError: if there is no such training set.
    """
    row = find_training_set(connection, project, name, lock=True)
    kept = {**json.loads(row.tags), **tags}
    changed = {key: value for key, value in kept.items() if value is not None}
    connection.execute(update(TRAINING_SETS).where(_T.id == row.id).values(tags=canonical_json(changed)))
    if note:
        written = {"training_set_id": row.id, "at_us": now_us(connection), "author": author(), "text": note}
        connection.execute(insert(TRAINING_SET_NOTES).values(written))
    effect = {**({"tags": dict(tags)} if tags else {}), **({"note": note} if note else {})}
    write_audit(connection, project=project, action="annotate", kind=KIND, name=row.name, effect=effect)
    return read_training_set(connection, project, row.name)


def read_training_set(connection: Connection, project: str, name: str) -> TrainingSetRecord:
    """The training set of a name or a manifest id.

    Raises:
        NotFoundError: if there is none.
        RegistryIntegrityError: if its manifest does not match its id.
    """
    return _records(connection, [find_training_set(connection, project, name)])[0]


def find_training_set(connection: Connection, project: str, name: str, *, lock: bool = False) -> Row[Any]:
    """The row of a training set, by name or manifest id; locked until the transaction ends, if need be.

    Raises:
        NotFoundError: if there is none.
    """
    wanted = _named(project, name)
    row = connection.execute(wanted.with_for_update() if lock else wanted).first()
    if row is None:
        raise _not_found(connection, project, name)
    return row


def read_training_sets(
    connection: Connection, project: str, view: str | None, limit: int
) -> list[TrainingSetRecord]:
    """The latest training sets, newest first.

    Raises:
        RegistryIntegrityError: if a manifest does not match its id.
    """
    if view is None:
        wanted = select(TRAINING_SETS).where(_T.project == project)
    else:
        wanted = select(TRAINING_SETS).where(_T.id.in_(made_from(project, view)))
    return _records(connection, connection.execute(wanted.order_by(_T.id.desc()).limit(limit)).all())


def made_from(project: str, view: str) -> Select[Any]:
    """The row ids of the training sets that were made from any version of a view."""
    versions = VERSIONS.c
    return (
        select(TRAINING_SET_VIEWS.c.training_set_id)
        .join(VERSIONS, versions.id == TRAINING_SET_VIEWS.c.version_id)
        .where(versions.project == project, versions.kind == "feature_view", versions.name == view)
    )


def _named(project: str, name: str) -> Any:
    meant = [_T.name == name]
    if len(name) >= _SHORTEST_ID and set(name) <= set("0123456789abcdef"):
        # Ids hold nothing after "f": a range, unlike LIKE, is found through the index in both databases.
        meant.append(and_(_T.manifest_id >= name, _T.manifest_id < name + "g"))
    found = select(TRAINING_SETS).where(_T.project == project, or_(*meant))
    return found.order_by((_T.name == name).desc(), _T.id.desc()).limit(1)


def _records(connection: Connection, rows: Sequence[Row[Any]]) -> list[TrainingSetRecord]:
    wanted = _N.training_set_id.in_([row.id for row in rows])
    notes: dict[int, list[Note]] = {}
    for row in connection.execute(select(TRAINING_SET_NOTES).where(wanted).order_by(_N.id)):
        note = Note(from_microseconds(row.at_us), row.author, row.text)
        notes.setdefault(row.training_set_id, []).append(note)
    return [_record(row, tuple(notes.get(row.id, ()))) for row in rows]


def _record(row: Row[Any], notes: tuple[Note, ...]) -> TrainingSetRecord:
    if hashlib.sha256(row.manifest.encode()).hexdigest() != row.manifest_id:
        raise RegistryIntegrityError(
            f"The manifest of training set {row.name!r} in project {row.project!r} is not what was recorded.",
            hint="It was edited in the database (table fs_training_sets). Restore that row from a backup, or from "
            f"the file manifests/{row.manifest_id}.json beside the set's data.",
        )
    return TrainingSetRecord(
        project=row.project,
        name=row.name,
        manifest_id=row.manifest_id,
        content_hash=row.content_hash,
        folder=row.folder,
        created_at=from_microseconds(row.created_us),
        author=row.author,
        manifest=json.loads(row.manifest),
        tags=json.loads(row.tags),
        notes=notes,
    )


def _not_found(connection: Connection, project: str, name: str) -> NotFoundError:
    latest = select(_T.name).where(_T.project == project).order_by(_T.id.desc()).limit(1_000)
    return NotFoundError.of(
        "Training set", name, connection.execute(latest).scalars(), where=f"project {project!r}"
    )
