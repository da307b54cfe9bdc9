"""The profiles of runs and training sets: compressed JSON, of which sketches are the most."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, insert, select

from featurestore.definitions.base import canonical_json
from featurestore.errors import NotFoundError, RegistryIntegrityError
from featurestore.protocols.records import Run, RunStatus
from featurestore_registry.database import insert_into
from featurestore_registry.history import run_rows
from featurestore_registry.runs import check_is_there
from featurestore_registry.tables import (
    RUN_PROFILES,
    RUNS,
    TRAINING_SET_PROFILES,
    TRAINING_SETS,
    VERSIONS,
)
from featurestore_registry.training_sets import find_training_set

_R, _P, _T, _S = RUNS.c, RUN_PROFILES.c, TRAINING_SETS.c, TRAINING_SET_PROFILES.c


def write_run_profile(connection: Connection, run: Run, profile: Mapping[str, Any]) -> None:
    """Record the profile of a run.

    Raises:
        NotFoundError: if there is no such run.
    """
    check_is_there(connection, run)
    row = {"project": run.project, "view": run.view, "number": run.number}
    content = {"profile": _packed(profile)}
    added = insert_into(connection, RUN_PROFILES).values(row | content)
    connection.execute(added.on_conflict_do_update(index_elements=list(row), set_=content))


class Chosen(NamedTuple):
    """Which runs are wanted; see `StatisticsRegistry.profiled_runs`."""

    project: str
    view: str
    version: int
    since_us: int | None
    until_us: int | None
    up_to: int | None
    limit: int | None


def read_profiled_runs(connection: Connection, chosen: Chosen) -> list[Run]:
    """The runs of a view version that succeeded and have a profile, oldest first."""
    has_profile = select(_P.number).where(
        _P.project == _R.project, _P.view == _R.view, _P.number == _R.number
    )
    wanted = [
        _R.project == chosen.project,
        _R.view == chosen.view,
        VERSIONS.c.version == chosen.version,
        _R.status == RunStatus.SUCCEEDED,
        has_profile.exists(),
    ]
    if chosen.since_us is not None:
        wanted.append(_R.end_us > chosen.since_us)
    if chosen.until_us is not None:
        wanted.append(_R.end_us <= chosen.until_us)
    if chosen.up_to is not None:
        wanted.append(_R.number <= chosen.up_to)
    # From the latest backwards: the first so many are found without a look at all the others.
    found = run_rows(
        connection, lambda query: query.where(*wanted).order_by(_R.number.desc()).limit(chosen.limit)
    )
    return found[::-1]


def read_run_profile(connection: Connection, project: str, view: str, number: int) -> Mapping[str, Any]:
    """The profile of a run.

    Raises:
        NotFoundError: if there is no such run, or it has none.
        RegistryIntegrityError: if it cannot be read.
    """
    wanted = select(_P.profile).where(_P.project == project, _P.view == view, _P.number == number)
    found = connection.execute(wanted).scalar()
    if found is None:
        raise _not_found(connection, project, view, number)
    return _unpacked(found, f"run {number} of view {view!r} in project {project!r}", RUN_PROFILES.name)


def write_set_profiles(
    connection: Connection, project: str, name: str, profiles: Mapping[str, Mapping[str, Any]]
) -> None:
    """Record the profiles of the parts of a new training set."""
    if profiles:
        row_id = select(_T.id).where(_T.project == project, _T.name == name)
        number = connection.execute(row_id).scalar_one()
        rows = [
            {"training_set_id": number, "part": part, "profile": _packed(profile)}
            for part, profile in profiles.items()
        ]
        connection.execute(insert(TRAINING_SET_PROFILES), rows)


def read_set_profiles(connection: Connection, project: str, name: str) -> dict[str, Mapping[str, Any]]:
    """Part to profile of a training set.

    Raises:
        NotFoundError: if there is no such training set.
        RegistryIntegrityError: if a profile cannot be read.
    """
    found = find_training_set(connection, project, name)
    wanted = select(_S.part, _S.profile).where(_S.training_set_id == found.id).order_by(_S.part)
    what = f"training set {found.name!r} in project {project!r}"
    return {
        part: _unpacked(profile, f"part {part} of {what}", TRAINING_SET_PROFILES.name)
        for part, profile in connection.execute(wanted)
    }


def _packed(profile: Mapping[str, Any]) -> bytes:
    return zlib.compress(canonical_json(profile).encode())


def _unpacked(packed: bytes, what: str, table: str) -> Mapping[str, Any]:
    try:
        profile: Mapping[str, Any] = json.loads(zlib.decompress(packed))
    except (zlib.error, ValueError) as error:
        raise RegistryIntegrityError(
            f"The profile of {what} cannot be read: {error}.",
            hint=f"It was edited in the database (table {table}). Restore that row from a backup.",
        ) from error
    return profile


def _not_found(connection: Connection, project: str, view: str, number: int) -> NotFoundError:
    latest = select(_P.number).where(_P.project == project, _P.view == view).order_by(_P.number.desc())
    known = [str(each) for each in connection.execute(latest.limit(20)).scalars()]
    return NotFoundError.of(
        "Profile of run", str(number), known, where=f"view {view!r} of project {project!r}"
    )
