"""The expectations of one view over one run: over its source, then over the rows that it writes."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from featurestore.definitions.expectation import Expectation
from featurestore.definitions.expectations import Freshness, RowCount, RowsArrived, UniqueKeys
from featurestore.definitions.view import FeatureView
from featurestore.errors import ExpectationError
from featurestore.expectations.batches import OfValues, ValueChecks
from featurestore.expectations.kept import KeptRows, RowShape
from featurestore.expectations.result import outcome, rejecting, skipped
from featurestore.expectations.rows import Instant, RowChecks, freshness
from featurestore.expectations.spool import spooled
from featurestore.protocols.expectations import CheckResult, Outcome
from featurestore.protocols.offline import EVENT_COLUMN, OfflineEngine, ViewPlan


@dataclass(frozen=True)
class Checked:
    """A view as a run looks at it.

    Attributes:
        view: with the types of its features.
        plan: with all features, named as they are.
        instant: when.
        personal: features and join keys of which no values are kept.
        earlier: how many entities the last successful runs of the same version and kind wrote, the latest first.
        what: how the message of a rejection begins.
        kept: where rows that failed can be looked at.
    """

    view: FeatureView
    plan: ViewPlan
    instant: Instant
    personal: Collection[str]
    earlier: Callable[[], Sequence[int]]
    what: str = ""
    kept: str = ""


class RunChecks:
    """Carries out the expectations of a view.

    First `look_at_source`, then let the batches go through `watch`, then `finish`.
    """

    def __init__(self, engine: OfflineEngine, checked: Checked) -> None:
        self._engine = engine
        self._checked = checked
        self._expectations = checked.view.expectations
        self._found: dict[Expectation, CheckResult] = {}
        names = {feature.name: feature.name for feature in checked.view.features}
        keys = {key: key for key in checked.view.join_keys if key not in checked.personal}
        self._kept = KeptRows({*names, *checked.view.join_keys})
        shape = RowShape(keys, EVENT_COLUMN, names, checked.personal)
        types = {feature.output: feature.dtype for feature in checked.plan.features}
        self._values = ValueChecks(self._expectations, types, shape, self._kept)
        self._latest: int | None = None

    @property
    def must_see_all_first(self) -> bool:
        """Whether a single row may not be published before all have been looked at."""
        return any(
            each.on_failure == "reject" and not self._needs_source(each) for each in self._expectations
        )

    @property
    def results(self) -> list[CheckResult]:
        """How they came out so far, in the order of the view."""
        return [
            self._found.get(each) or skipped(each, "the run had been rejected before")
            for each in self._expectations
        ]

    def failing_rows(self) -> pa.Table | None:
        """The rows that are kept of those that failed; None if there are none."""
        failed = {r.name: r.on_failure for r in self.results if r.outcome is Outcome.FAILED}
        return self._kept.table(failed)

    def look_at_all(self, batches: Callable[[], Iterable[pa.RecordBatch]]) -> None:
        """Carry out everything, whatever is found on the way; nothing is written.

        Args:
            batches: gives the rows that a run would write; they are only read if something is expected of them.
        """
        with suppress(ExpectationError):
            self.look_at_source()
        if not all(map(self._needs_source, self._expectations)):
            for _ in self.watch(batches()):
                pass
        with suppress(ExpectationError):
            self.finish()

    def look_at_source(self) -> None:
        """Carry out what is expected of the source's rows.

        Raises:
            ExpectationError: if the run must not go on.
        """
        chosen = [each for each in self._expectations if self._needs_source(each)]
        checks = RowChecks(
            self._engine, self._checked.plan, self._checked.instant, self._kept, self._checked.personal
        )
        for each, result in zip(chosen, checks.results(chosen), strict=True):
            self._found[each] = result
        self._decide()

    def watch(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The rows of the run as they come from the engine."""
        for batch in self._values.watch(batches):
            if batch.num_rows and any(isinstance(each, Freshness) for each in self._expectations):
                latest = pc.max(batch.column(EVENT_COLUMN)).as_py()
                self._latest = latest if self._latest is None else max(self._latest, latest)
            yield batch

    def checked_first(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The batches, none of which comes out before all have been looked at and nothing was found.

        Raises:
            ExpectationError: with the first of them, if nothing may be published.
        """
        kept = spooled(batches)
        first = next(kept, None)
        self.finish()
        if first is not None:
            yield first
            yield from kept

    def finish(self) -> None:
        """Say how what is expected of all rows came out.

        Raises:
            ExpectationError: if nothing may be published.
        """
        values = iter(self._values.results())
        for each in self._expectations:
            if isinstance(each, OfValues):
                self._found[each] = next(values)
            elif isinstance(each, RowCount):
                self._found[each] = self._row_count(each)
            elif isinstance(each, Freshness) and each not in self._found:
                self._found[each] = freshness(each, self._latest, self._checked.instant.at)
        self._decide()

    def _needs_source(self, each: Expectation) -> bool:
        if isinstance(each, Freshness):
            # The latest rows of all entities tell it too, where they are single rows of the source.
            return bool(self._checked.plan.windows) or self._checked.instant.changes is not None
        return isinstance(each, RowsArrived | UniqueKeys)

    def _row_count(self, each: RowCount) -> CheckResult:
        earlier = list(self._checked.earlier())[: each.runs]
        if not earlier:
            return skipped(each, "there is no earlier run of this kind")
        median = statistics.median(earlier)
        if not median:
            return skipped(each, "the earlier runs wrote nothing")
        rows = self._values.rows
        found = f"{rows:,} rows, {rows / median:.3g} times the median {median:,.10g} of {len(earlier)}"
        return outcome(each, each.lowest * median <= rows <= each.highest * median, found, rows=rows)

    def _decide(self) -> None:
        if failed := rejecting(self.results):
            kept = "" if self.failing_rows() is None else f"{self._checked.kept} "
            raise ExpectationError(
                f"{self._checked.what}: {'; '.join(map(str, failed))}.",
                hint=f"{kept}Repair the source, or let the view expect something else.",
            )
