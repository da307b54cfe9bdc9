"""The profiles of runs: compressed JSON, since sketches are most of it."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select

from featurestore.definitions.base import canonical_json
from featurestore.errors import NotFoundError, RegistryIntegrityError
from featurestore.protocols.registry import Run, RunStatus
from featurestore_registry.database import insert_into
from featurestore_registry.history import run_rows
from featurestore_registry.tables import RUN_PROFILES, RUNS, VERSIONS

_R, _P = RUNS.c, RUN_PROFILES.c


def write_run_profile(connection: Connection, run: Run, profile: Mapping[str, Any]) -> None:
    """Record the profile of a run.

    Raises:
        NotFoundError: if there is no such run.
    """
    named = (_R.project == run.project, _R.view == run.view)
    if connection.execute(select(_R.number).where(*named, _R.number == run.number)).first() is None:
        raise _not_found(connection, run.project, run.view, run.number)
    row = {"project": run.project, "view": run.view, "number": run.number}
    content = {"profile": zlib.compress(canonical_json(profile).encode())}
    added = insert_into(connection, RUN_PROFILES).values(row | content)
    connection.execute(added.on_conflict_do_update(index_elements=list(row), set_=content))


def read_profiled_runs(
    connection: Connection, project: str, view: str, version: int, since_us: int | None, until_us: int | None
) -> list[Run]:
    """The runs of a view version that succeeded and have a profile, oldest first."""
    has_profile = select(_P.number).where(
        _P.project == _R.project, _P.view == _R.view, _P.number == _R.number
    )
    wanted = [
        _R.project == project,
        _R.view == view,
        VERSIONS.c.version == version,
        _R.status == RunStatus.SUCCEEDED,
        has_profile.exists(),
    ]
    if since_us is not None:
        wanted.append(_R.end_us > since_us)
    if until_us is not None:
        wanted.append(_R.end_us <= until_us)
    return run_rows(connection, lambda query: query.where(*wanted).order_by(_R.number))


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
    try:
        profile: Mapping[str, Any] = json.loads(zlib.decompress(found))
    except (zlib.error, ValueError) as error:
        raise RegistryIntegrityError(
            f"The profile of run {number} of view {view!r} in project {project!r} cannot be read: {error}.",
            hint="It was edited in the database (table fs_run_profiles). Restore that row from a backup.",
        ) from error
    return profile


def _not_found(connection: Connection, project: str, view: str, number: int) -> NotFoundError:
    latest = select(_P.number).where(_P.project == project, _P.view == view).order_by(_P.number.desc())
    known = [str(each) for each in connection.execute(latest.limit(20)).scalars()]
    return NotFoundError.of(
        "Profile of run", str(number), known, where=f"view {view!r} of project {project!r}"
    )
