"""What runs have done: the record of runs, and where it left the views."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, select

from featurestore.definitions.instants import from_microseconds
from featurestore.protocols.registry import Run, RunKind, RunStatus, ViewState
from featurestore_registry.database import now_us
from featurestore_registry.definitions import version_id
from featurestore_registry.holder import Holder
from featurestore_registry.leases import Lease, read_lease
from featurestore_registry.runs import last_run_number
from featurestore_registry.tables import LEASES, RUNS, VERSIONS, VIEW_STATES

_R, _L = RUNS.c, LEASES.c


def read_view_state(connection: Connection, project: str, view: str, version: int) -> ViewState:
    """Where a view version stands online.

    Raises:
        NotFoundError: if there is no such version.
    """
    row_id, _ = version_id(connection, project, view, version)
    state = connection.execute(select(VIEW_STATES).where(VIEW_STATES.c.version_id == row_id)).first()
    return ViewState(
        view=view,
        version=version,
        generation=state.generation if state else None,
        filling=_filling(connection, project, view, row_id),
        watermark_us=state.watermark_us if state else None,
        last_run=last_run_number(connection, project, view),
        last_run_began_us=state.run_began_us if state else None,
    )


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
        select(RUNS, VERSIONS.c.version, _L.expires_us, _L.host, _L.process, _L.process_started)
        .join(VERSIONS, VERSIONS.c.id == _R.version_id)
        .outerjoin(LEASES, lease)
    )
    now = now_us(connection)
    return [_run(row, now) for row in connection.execute(chosen(runs))]


def _filling(connection: Connection, project: str, view: str, row_id: int) -> tuple[int, ...]:
    lease = read_lease(connection, project, view)
    if lease is None or not lease.is_live(now_us(connection)):
        return ()
    held = select(_R.generation).where(
        _R.project == project,
        _R.view == view,
        _R.number == lease.run,
        _R.version_id == row_id,
        _R.kind == RunKind.FULL,
    )
    return tuple(connection.execute(held).scalars())


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
    if row.host is None:
        return False
    return Lease(row.number, row.expires_us, Holder(row.host, row.process, row.process_started)).is_live(now)
