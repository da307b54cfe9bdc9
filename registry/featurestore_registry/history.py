"""What runs have done: the record of runs, and where it left the views."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Integer, Row, Select, Text, and_, column, func, select, values

from featurestore.definitions.instants import from_microseconds
from featurestore.protocols.records import Run, RunKind, RunStatus, ViewState
from featurestore_registry.database import now_us
from featurestore_registry.definitions import version_not_found
from featurestore_registry.holder import Holder
from featurestore_registry.leases import NOBODY, Lease, lease_of
from featurestore_registry.names import in_pieces
from featurestore_registry.tables import LEASES, RUNS, VERSIONS, VIEW_STATES

_R, _L, _V = RUNS.c, LEASES.c, VERSIONS.c
_LEASE = (_L.expires_us, _L.host, _L.process, _L.process_started)
_LATEST = (
    select(func.max(_R.number))
    .where(_R.project == _L.project, _R.view == _L.view)
    .correlate(LEASES)
    .scalar_subquery()
)
"""The number of the latest run of a lease's view: from the leases, of which each view has one since its first run, to
the end of the view's numbers."""


def read_view_states(
    connection: Connection, project: str, versions: Iterable[tuple[str, int]]
) -> list[ViewState]:
    """Where view versions stand online, by view and version.

    Raises:
        NotFoundError: if there is no such version.
    """
    found = []
    for chunk in in_pieces(sorted(set(versions))):
        ids = _version_ids(connection, project, chunk)
        states = {
            row.version_id: row
            for row in connection.execute(
                select(VIEW_STATES).where(VIEW_STATES.c.version_id.in_(ids.values()))
            )
        }
        views = sorted({view for view, _ in chunk})
        last, filling = _last_numbers(connection, project, views), _filling(connection, project, views)
        for view, version in chunk:
            state = states.get(ids[view, version])
            found.append(
                ViewState(
                    view=view,
                    version=version,
                    generation=state.generation if state else None,
                    filling=filling.get(ids[view, version], ()),
                    watermark_us=state.watermark_us if state else None,
                    last_run=last.get(view, 0),
                    last_run_began_us=state.run_began_us if state else None,
                )
            )
    return found


def read_last_runs(connection: Connection, project: str, views: Iterable[str]) -> list[Run]:
    """The latest run of each view that has had one, by view."""
    found, now = [], now_us(connection)
    run = and_(_R.project == _L.project, _R.view == _L.view, _R.number == _LATEST)
    for chunk in in_pieces(sorted(set(views))):
        wanted = (
            select(RUNS, *_LEASE, _V.version, (_R.number == _L.run).label("held"))
            .select_from(LEASES)
            .join(RUNS, run)
            .join(VERSIONS, _V.id == _R.version_id)
            .where(_L.project == project, _L.view.in_(chunk))
        )
        found += [_run(row, now) for row in connection.execute(wanted)]
    return sorted(found, key=lambda run: run.view)


def read_runs(connection: Connection, project: str, view: str | None, limit: int) -> list[Run]:
    """The latest runs, newest first."""

    def latest(runs: Select[Any]) -> Select[Any]:
        wanted = runs.where(_R.project == project).limit(limit)
        if view is None:
            return wanted.order_by(_R.began_us.desc(), _R.view, _R.number.desc())
        return wanted.where(_R.view == view).order_by(_R.number.desc())

    return run_rows(connection, latest)


def run_rows(connection: Connection, chosen: Callable[[Select[Any]], Select[Any]]) -> list[Run]:
    """Some of the runs, given what chooses and orders them."""
    lease = and_(_L.project == _R.project, _L.view == _R.view, _L.run == _R.number)
    runs = (
        select(RUNS, *_LEASE, _V.version, _L.run.is_not(None).label("held"))
        .join(VERSIONS, _V.id == _R.version_id)
        .outerjoin(LEASES, lease)
    )
    now = now_us(connection)
    return [_run(row, now) for row in connection.execute(chosen(runs))]


def _version_ids(
    connection: Connection, project: str, versions: Sequence[tuple[str, int]]
) -> dict[tuple[str, int], int]:
    wanted = values(column("view", Text), column("number", Integer), name="wanted").data(list(versions)).cte()
    row = and_(
        _V.project == project,
        _V.kind == "feature_view",
        _V.name == wanted.c.view,
        _V.version == wanted.c.number,
    )
    rows = connection.execute(select(_V.id, _V.name, _V.version).select_from(wanted).join(VERSIONS, row))
    ids = {(row.name, row.version): row.id for row in rows}
    for view, version in versions:
        if (view, version) not in ids:
            raise version_not_found(connection, project, "feature_view", view, version)
    return ids


def _last_numbers(connection: Connection, project: str, views: Sequence[str]) -> dict[str, int]:
    """View to the number of its latest run."""
    latest = select(_L.view, _LATEST.label("number"))
    rows = connection.execute(latest.where(_L.project == project, _L.view.in_(views)))
    return {row.view: row.number for row in rows if row.number is not None}


def _filling(connection: Connection, project: str, views: Sequence[str]) -> dict[int, tuple[int, ...]]:
    """Row id of a version to the generation that a live run is filling for it."""
    now = now_us(connection)
    run = and_(_R.project == _L.project, _R.view == _L.view, _R.number == _L.run)
    held = (
        select(LEASES, _R.version_id, _R.generation)
        .join(RUNS, run)
        .where(_L.project == project, _L.view.in_(views), _L.run != NOBODY, _R.kind == RunKind.FULL)
    )
    rows = connection.execute(held).all()
    return {row.version_id: (row.generation,) for row in rows if lease_of(row).is_live(now)}


def _run(row: Row[Any], now: int) -> Run:
    status = RunStatus(row.status)
    if status is RunStatus.RUNNING and not _is_live(row, now):
        status = RunStatus.INTERRUPTED
    return Run(
        project=row.project,
        view=row.view,
        version=row.version,
        number=row.number,
        kind=RunKind(row.kind),
        generation=row.generation,
        start_us=row.start_us,
        end_us=row.end_us,
        status=status,
        began_at=from_microseconds(row.began_us),
        ended_at=None if row.ended_us is None else from_microseconds(row.ended_us),
        rows=row.row_count,
        error=row.error,
    )


def _is_live(row: Row[Any], now: int) -> bool:
    if not row.held:
        return False
    return Lease(row.number, row.expires_us, Holder(row.host, row.process, row.process_started)).is_live(now)
