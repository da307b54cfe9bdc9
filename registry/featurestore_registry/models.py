"""Releases of models, each recorded with the training sets it was trained on; and what a change reaches."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, Select, select

from featurestore.definitions.instants import from_microseconds
from featurestore.errors import RequestError
from featurestore.protocols.training_sets import ModelRelease, Reached
from featurestore_registry.audit import author, write_audit
from featurestore_registry.database import insert_into, now_us
from featurestore_registry.tables import MODEL_RELEASES, TRAINING_SETS
from featurestore_registry.training_sets import find_training_set, made_from

_M, _T = MODEL_RELEASES.c, TRAINING_SETS.c


def write_release(
    connection: Connection, project: str, training_set: str, name: str, version: str
) -> ModelRelease:
    """Record that a release of a model was trained on a training set.

    Raises:
        NotFoundError: if there is no such training set.
        RequestError: if that is recorded already.
    """
    found = find_training_set(connection, project, training_set)
    row = {
        "project": project,
        "name": name,
        "version": version,
        "training_set_id": found.id,
        "at_us": now_us(connection),
        "author": author(),
    }
    added = insert_into(connection, MODEL_RELEASES).values(row).on_conflict_do_nothing()
    row_id = connection.execute(added.returning(_M.id)).scalar()
    if row_id is None:
        raise RequestError(
            f"That {name}@{version} was trained on training set {found.name!r} is recorded already.",
            hint="A release of a model is recorded once for each training set.",
        )
    effect = {"training_set": found.name, "manifest": found.manifest_id}
    label = f"{name}@{version}"
    write_audit(connection, project=project, action="record", kind="model", name=label, effect=effect)
    return _release(connection.execute(_releases(project).where(_M.id == row_id)).one())


def read_releases(
    connection: Connection,
    project: str,
    *,
    training_set: str | None,
    name: str | None,
    version: str | None,
    limit: int,
) -> list[ModelRelease]:
    """The latest releases, newest first.

    Raises:
        NotFoundError: if there is no such training set.
    """
    wanted = _releases(project).order_by(_M.id.desc()).limit(limit)
    if training_set is not None:
        wanted = wanted.where(_M.training_set_id == find_training_set(connection, project, training_set).id)
    if name is not None:
        wanted = wanted.where(_M.name == name)
    if version is not None:
        wanted = wanted.where(_M.version == version)
    return [_release(row) for row in connection.execute(wanted)]


def read_reached(connection: Connection, project: str, kind: str, name: str) -> Reached:
    """The training sets that were made from a view or for a service, and the models trained on them; newest first."""
    if kind == "feature_view":
        sets = made_from(project, name)
    elif kind == "feature_service":
        sets = select(_T.id).where(_T.project == project, _T.service == name)
    else:
        return Reached((), ())
    names = connection.execute(select(_T.name).where(_T.id.in_(sets)).order_by(_T.id.desc())).scalars()
    models = connection.execute(
        select(_M.name, _M.version).where(_M.training_set_id.in_(sets)).order_by(_M.id.desc())
    )
    return Reached(tuple(names), tuple(dict.fromkeys(f"{row.name}@{row.version}" for row in models)))


def _releases(project: str) -> Select[Any]:
    return (
        select(MODEL_RELEASES, _T.name.label("training_set"))
        .join(TRAINING_SETS, _T.id == _M.training_set_id)
        .where(_M.project == project)
    )


def _release(row: Row[Any]) -> ModelRelease:
    return ModelRelease(row.name, row.version, row.training_set, from_microseconds(row.at_us), row.author)
