"""Leases: which run may write a view, until when, and for which process."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, select, update

from featurestore.definitions.instants import duration_to_microseconds, from_microseconds
from featurestore.errors import LeaseHeldError
from featurestore.protocols.records import Run
from featurestore_registry.database import insert_into, now_us
from featurestore_registry.holder import Holder
from featurestore_registry.tables import LEASES

NOBODY = 0
"""The run of a lease that is free."""


class Lease(NamedTuple):
    """A view's lease; run 0 if it is free."""

    run: int
    expires_us: int
    holder: Holder

    def is_live(self, now: int) -> bool:
        """Whether its run is still to be waited for."""
        return self.run != NOBODY and self.expires_us > now and not self.holder.gone


def lock_lease(connection: Connection, project: str, view: str) -> Lease:
    """The view's lease, made if need be: runs of the view begin and end one after the other."""
    free = _row(NOBODY, 0, Holder("", 0, 0))
    added = insert_into(connection, LEASES).values(project=project, view=view, **free)
    connection.execute(added.on_conflict_do_nothing())
    return lease_of(connection.execute(_select(project, view).with_for_update()).one())


def take_lease(connection: Connection, project: str, view: str, run: int, until: int) -> None:
    """Give a locked lease to a run of this process."""
    _write(connection, project, view, _row(run, until, Holder.current()))


def extend_lease(connection: Connection, run: Run, lease: timedelta) -> None:
    """Let the run's lease end later.

    Raises:
        LeaseHeldError: if the run does not hold it any more.
    """
    if lock_lease(connection, run.project, run.view).run != run.number:
        raise lost(run)
    until = now_us(connection) + duration_to_microseconds(lease)
    _write(connection, run.project, run.view, {"expires_us": until})


def release_lease(connection: Connection, run: Run) -> None:
    """Give the run's locked lease back."""
    _write(connection, run.project, run.view, _row(NOBODY, 0, Holder("", 0, 0)))


def held(project: str, view: str, lease: Lease) -> LeaseHeldError:
    """The error for a run that has to wait."""
    until = from_microseconds(lease.expires_us).isoformat(timespec="seconds")
    return LeaseHeldError(
        f"View {view!r} of project {project!r} is being written by run {lease.run} (process "
        f"{lease.holder.process} on {lease.holder.host.partition('/')[0]}), whose lease goes until {until}.",
        hint="Try again when that run has ended. Should its process be gone, the lease ends by itself.",
    )


def lost(run: Run) -> LeaseHeldError:
    """The error for a run whose lease was taken."""
    return LeaseHeldError(
        f"Run {run.number} of view {run.view!r} in project {run.project!r} holds its lease no more: it ran out "
        "and another run took it, or the run has ended.",
        hint="What it wrote is not published. Materialize again; a longer lease survives longer pauses.",
    )


def _select(project: str, view: str) -> Select[Any]:
    return select(LEASES).where(LEASES.c.project == project, LEASES.c.view == view)


def lease_of(row: Row[Any]) -> Lease:
    """A row as a lease."""
    return Lease(row.run, row.expires_us, Holder(row.host, row.process, row.process_started))


def _row(run: int, until: int, holder: Holder) -> dict[str, int | str]:
    return {
        "run": run,
        "expires_us": until,
        "host": holder.host,
        "process": holder.process,
        "process_started": holder.started,
    }


def _write(
    connection: Connection, project: str, view: str, values: dict[str, int | str] | dict[str, int]
) -> None:
    lease = update(LEASES).where(LEASES.c.project == project, LEASES.c.view == view)
    connection.execute(lease.values(values))
