"""Runs: how a materialization begins, and how it ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from featurestore.definitions.instants import duration_to_microseconds, from_microseconds
from featurestore.errors import InvalidTimeError, NotFoundError, RegistryError
from featurestore.protocols.records import Run, RunKind, RunStatus
from featurestore_registry.activations import activate, lock_active
from featurestore_registry.audit import write_audit
from featurestore_registry.database import insert_into, now_us, storable
from featurestore_registry.definitions import version_id
from featurestore_registry.leases import held, lock_lease, lost, release_lease, take_lease
from featurestore_registry.tables import RUNS, VERSIONS, VIEW_STATES

_R = RUNS.c


def begin_run(
    connection: Connection,
    *,
    project: str,
    view: str,
    version: int,
    kind: RunKind,
    end_us: int,
    lease: timedelta,
) -> Run:
    """Take the view's lease and record the run.

    Raises:
        NotFoundError: if there is no such version.
        RegistryError: if it is retired, or an incremental run has nothing to add to.
        LeaseHeldError: if another run holds the lease.
        InvalidTimeError: if `end_us` is before the watermark.
    """
    row_id, retired = version_id(connection, project, view, version)
    if retired:
        raise _retired(project, view, version)
    current = lock_lease(connection, project, view)
    now = now_us(connection)
    if current.is_live(now):
        raise held(project, view, current)
    _interrupt(connection, project, view, current.run, now)
    state = connection.execute(select(VIEW_STATES).where(VIEW_STATES.c.version_id == row_id)).first()
    _check_can_begin(f"view {view!r} version {version} of project {project!r}", kind, end_us, state)
    number = last_run_number(connection, project, view) + 1
    run = Run(
        project=project,
        view=view,
        version=version,
        number=number,
        kind=kind,
        generation=state.generation if kind is RunKind.INCREMENTAL and state else number,
        start_us=state.watermark_us if kind is RunKind.INCREMENTAL and state else None,
        end_us=end_us,
        status=RunStatus.RUNNING,
        began_at=from_microseconds(now),
        ended_at=None,
        rows=None,
        error=None,
    )
    _insert(connection, run, row_id, now)
    take_lease(connection, project, view, number, now + duration_to_microseconds(lease))
    return run


def publish_run(connection: Connection, run: Run, rows: int, queries: Mapping[str, Sequence[str]]) -> None:
    """Record the run's success and publish what it wrote; a newer version's first one makes it the active one.

    Raises:
        LeaseHeldError: if the run does not hold the lease any more.
        RegistryError: if the version was retired in the meantime.
    """
    lease = lock_lease(connection, run.project, run.view)
    recorded = connection.execute(select(RUNS).where(*_is(run))).one()
    if recorded.status == RunStatus.SUCCEEDED:
        # The answer to the first call was lost on its way, and it is made again.
        return
    if lease.run != run.number:
        raise lost(run)
    wanted = select(VERSIONS.c.retired_us).where(VERSIONS.c.id == recorded.version_id)
    # Locked, so that the version is not retired between this look and the commit.
    if connection.execute(wanted.with_for_update(read=True)).scalar_one() is not None:
        raise _retired(run.project, run.view, run.version)
    _end(connection, run, status=RunStatus.SUCCEEDED, row_count=rows)
    state = {
        "generation": recorded.generation,
        "watermark_us": recorded.end_us,
        "run_began_us": recorded.began_us,
    }
    published = select(VIEW_STATES.c.generation).where(VIEW_STATES.c.version_id == recorded.version_id)
    first = connection.execute(published).scalar() is None
    added = insert_into(connection, VIEW_STATES).values(version_id=recorded.version_id, **state)
    connection.execute(added.on_conflict_do_update(index_elements=[VIEW_STATES.c.version_id], set_=state))
    effect: dict[str, Any] = {"run": run.number, "rows": rows, "end_us": run.end_us}
    if queries:
        effect["queries"] = {source: list(each) for source, each in queries.items()}
    active = lock_active(connection, run.project, run.view)
    if active is None or (first and run.version > active):
        effect |= activate(connection, run.project, run.view, recorded.version_id)
    _audit(connection, run, "publish", effect)
    release_lease(connection, run)


def fail_run(connection: Connection, run: Run, error: str) -> None:
    """Record the run's failure, unless its end is recorded already, and give its lease back if it has it."""
    lease = lock_lease(connection, run.project, run.view)
    text = storable(error)
    if _end(connection, run, status=RunStatus.FAILED, error=text):
        _audit(connection, run, "fail", {"run": run.number, "error": text})
    if lease.run == run.number:
        release_lease(connection, run)


def check_is_there(connection: Connection, run: Run) -> None:
    """Check that a run has begun.

    Raises:
        NotFoundError: if it has not.
    """
    if connection.execute(select(_R.number).where(*_is(run))).first() is None:
        raise NotFoundError(
            f"View {run.view!r} of project {run.project!r} has no run {run.number}.",
            hint="Begin a run first: what it found and wrote is recorded with it.",
        )


def last_run_number(connection: Connection, project: str, view: str) -> int:
    """The number of the view's latest run, 0 if there is none."""
    latest = select(func.max(_R.number)).where(_R.project == project, _R.view == view)
    return connection.execute(latest).scalar() or 0


def _check_can_begin(what: str, kind: RunKind, end_us: int, state: Row[Any] | None) -> None:
    if state is None:
        if kind is RunKind.INCREMENTAL:
            raise RegistryError(
                f"Nothing has been published for {what} that an incremental run could add to.",
                hint="Begin with a full run.",
            )
    elif end_us < state.watermark_us:
        raise InvalidTimeError(
            f"end {from_microseconds(end_us).isoformat()} is before the watermark "
            f"{from_microseconds(state.watermark_us).isoformat()} of {what}.",
            hint="What is served already would be taken back; give an end at or after the watermark.",
        )


def _interrupt(connection: Connection, project: str, view: str, run: int, now: int) -> None:
    """Record the end of the run that held the lease last: only that one can be without an end."""
    running = (_R.project == project, _R.view == view, _R.number == run, _R.status == RunStatus.RUNNING)
    connection.execute(update(RUNS).where(*running).values(status=RunStatus.INTERRUPTED, ended_us=now))


def _insert(connection: Connection, run: Run, row_id: int, now: int) -> None:
    connection.execute(
        insert(RUNS).values(
            project=run.project,
            view=run.view,
            number=run.number,
            version_id=row_id,
            kind=run.kind,
            generation=run.generation,
            start_us=run.start_us,
            end_us=run.end_us,
            status=run.status,
            began_us=now,
        )
    )


def _end(connection: Connection, run: Run, **values: Any) -> bool:
    running = update(RUNS).where(*_is(run), _R.status == RunStatus.RUNNING)
    return connection.execute(running.values(ended_us=now_us(connection), **values)).rowcount == 1


def _audit(connection: Connection, run: Run, action: str, effect: dict[str, Any]) -> None:
    write_audit(
        connection,
        project=run.project,
        action=action,
        kind="feature_view",
        name=run.view,
        version=run.version,
        effect=effect,
    )


def _is(run: Run) -> tuple[Any, ...]:
    return _R.project == run.project, _R.view == run.view, _R.number == run.number


def _retired(project: str, view: str, version: int) -> RegistryError:
    return RegistryError(
        f"View {view!r} version {version} of project {project!r} is retired, so nothing is published for it.",
        hint="Apply the view again to get a version that is not.",
    )
