"""What looks at the rows of a run on their way: the profile that is recorded, and what the view expects."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from featurestore.errors import ExpectationError
from featurestore.expectations.files import FailingRowFiles
from featurestore.expectations.run import Checked, RunChecks
from featurestore.materialize.profile import run_collector
from featurestore.protocols.expectations import CheckResult, Outcome
from featurestore.protocols.offline import OfflineEngine
from featurestore.protocols.records import Run, RunKind, RunStatus
from featurestore.protocols.registry import Registry

if TYPE_CHECKING:
    import pyarrow as pa

    from featurestore.statistics.collect import Collector
    from featurestore.statistics.profile import Profile

_LOOKED_BACK: Final = 500
"""Among so many runs the earlier ones of the same version and kind are looked for."""


@dataclass(frozen=True)
class Watch:
    """What looks at the rows of one run."""

    collector: Collector
    checks: RunChecks

    def rows(self, batches: Iterator[pa.RecordBatch], *, wait: bool) -> Iterator[pa.RecordBatch]:
        """The rows, looked at on their way; what is expected of the source comes first.

        Args:
            batches: as they come from the engine.
            wait: whether none may go on before all have been found to be as expected.

        Raises:
            ExpectationError: if they are not, or the source is not.
        """
        self.checks.look_at_source()
        passing = self.checks.watch(self.collector.watch(batches))
        return self.checks.checked_first(passing) if wait and self.checks.must_see_all_first else passing

    def finish(self) -> None:
        """Say that all rows have passed.

        Raises:
            ExpectationError: if they are not as expected.
        """
        self.checks.finish()

    @property
    def warnings(self) -> tuple[CheckResult, ...]:
        """What was not as expected, which is recorded only."""
        return tuple(result for result in self.checks.results if result.outcome is Outcome.FAILED)

    def profile(self) -> Profile:
        """The profile of the rows."""
        return self.collector.result()


@contextmanager
def watched(
    run: Run, checked: Checked, engine: OfflineEngine, registry: Registry, files: FailingRowFiles
) -> Iterator[Watch]:
    """What looks at a run's rows. How the expectations came out is recorded, unless the run fails for another reason.

    Raises:
        DefinitionError: if an expectation does not suit its feature's type.
    """
    checks = RunChecks(engine, _explained(checked, run))
    try:
        yield Watch(run_collector(checked.view, checked.personal), checks)
    except ExpectationError:
        _record(run, checks, registry, files)
        raise
    _record(run, checks, registry, files)


def earlier_rows(registry: Registry, *, project: str, view: str, version: int, kind: RunKind) -> list[int]:
    """How many entities the last successful runs of a version and kind have written, the latest first."""
    same = (version, kind, RunStatus.SUCCEEDED)
    runs = registry.runs(project=project, view=view, limit=_LOOKED_BACK)
    return [run.rows for run in runs if (run.version, run.kind, run.status) == same and run.rows is not None]


def _record(run: Run, checks: RunChecks, registry: Registry, files: FailingRowFiles) -> None:
    failing = checks.failing_rows()
    if failing is not None:
        files.keep(files.of_run(run.view, run.version, run.number), failing)
    if checks.results:
        registry.add_run_checks(run=run, results=checks.results)


def _explained(checked: Checked, run: Run) -> Checked:
    view = f"{run.view}@{run.version}"
    return replace(
        checked,
        what=f"Run {run.number} of view {run.view!r} (version {run.version}) was rejected; nothing was published",
        kept=f'Rows that failed are kept: store.failing_rows("{view}", run={run.number}), or `featurestore '
        f"expectations failing-rows {view} --run {run.number}`.",
    )
