"""How the expectations of runs came out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, insert, select

from featurestore.protocols.expectations import CheckResult, Outcome
from featurestore.protocols.records import Run
from featurestore_registry.database import storable
from featurestore_registry.history import run_rows
from featurestore_registry.runs import check_is_there
from featurestore_registry.tables import RUN_CHECKS, RUNS, VERSIONS

_R, _C = RUNS.c, RUN_CHECKS.c


def write_run_checks(connection: Connection, run: Run, results: Sequence[CheckResult]) -> None:
    """Record the results of a run, in place of those that were recorded before.

    Raises:
        NotFoundError: if there is no such run.
    """
    check_is_there(connection, run)
    same = (_C.project == run.project, _C.view == run.view, _C.number == run.number)
    connection.execute(delete(RUN_CHECKS).where(*same))
    rows = [
        {
            "project": run.project,
            "view": run.view,
            "number": run.number,
            "position": position,
            "name": result.name,
            "on_failure": result.on_failure,
            "outcome": result.outcome,
            "expected": storable(result.expected),
            "found": storable(result.found),
            "row_count": result.rows,
            "failing_count": result.failing,
        }
        for position, result in enumerate(results)
    ]
    if rows:
        connection.execute(insert(RUN_CHECKS), rows)


def read_run_checks(
    connection: Connection, project: str, view: str, version: int | None, number: int | None, limit: int
) -> list[tuple[Run, list[CheckResult]]]:
    """The latest runs of a view with results, newest first."""
    run = RUNS.alias()
    of_run = and_(run.c.project == _C.project, run.c.view == _C.view, run.c.number == _C.number)
    checked = (
        select(_C.number)
        .join(run, of_run)
        .join(VERSIONS, VERSIONS.c.id == run.c.version_id)
        .where(_C.project == project, _C.view == view, _C.position == 0)
        .order_by(_C.number.desc())
        .limit(limit)
    )
    if version is not None:
        checked = checked.where(VERSIONS.c.version == version)
    if number is not None:
        checked = checked.where(_C.number == number)
    chosen = (_R.project == project, _R.view == view, _R.number.in_(checked))
    runs = run_rows(connection, lambda query: query.where(*chosen).order_by(_R.number.desc()))
    found: dict[int, list[CheckResult]] = {run.number: [] for run in runs}
    if runs:
        rows = select(RUN_CHECKS).where(_C.project == project, _C.view == view, _C.number.in_(list(found)))
        for row in connection.execute(rows.order_by(_C.number, _C.position)):
            found[row.number].append(_result(row))
    return [(run, found[run.number]) for run in runs]


def _result(row: Row[Any]) -> CheckResult:
    return CheckResult(
        name=row.name,
        on_failure=row.on_failure,
        outcome=Outcome(row.outcome),
        expected=row.expected,
        found=row.found,
        rows=row.row_count,
        failing=row.failing_count,
    )
