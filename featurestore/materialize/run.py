"""One materialization of one view: from the offline engine to a published generation.

A full run fills a new generation beside the published one and switches to it in one step; an incremental
run writes the entities that may have changed into the published one. A run that dies leaves what was
published readable, and the registry saying that it did not finish.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from featurestore.definitions.instants import duration_to_microseconds, from_microseconds
from featurestore.errors import ExpectationError
from featurestore.expectations.files import FailingRowFiles
from featurestore.expectations.rows import Instant
from featurestore.expectations.run import Checked
from featurestore.materialize.generations import Generations
from featurestore.materialize.lease import LEASE, LeaseKeeper
from featurestore.materialize.pushed import carry_over_pushed, pushed_entities
from featurestore.materialize.throttle import Throttle
from featurestore.materialize.watch import Watch, earlier_rows, watched
from featurestore.online.layout import ViewLayout
from featurestore.progress import Progress
from featurestore.protocols.expectations import CheckResult
from featurestore.protocols.offline import CREATED_COLUMN, EVENT_COLUMN, Changes, OfflineEngine, ViewPlan
from featurestore.protocols.online import MaterializedWrite, OnlineStore
from featurestore.protocols.queries import recorded_queries
from featurestore.protocols.records import Run, RunKind, ViewState
from featurestore.protocols.registry import Registry

if TYPE_CHECKING:
    import pyarrow as pa

WRITE_ROWS = 10_000
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MaterializationReport:
    """What one run has written.

    Attributes:
        view: name of the view.
        version: the version that was filled, active from now on.
        kind: full or incremental.
        rows: how many entities were written.
        end: the instant whose values are served now.
        seconds: wall time.
        warnings: expectations of the view that did not hold, which warn only.
        queries: source to the queries by which it was read, as its database calls them.
    """

    view: str
    version: int
    kind: RunKind
    rows: int
    end: datetime
    seconds: float
    warnings: tuple[CheckResult, ...] = ()
    queries: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __repr__(self) -> str:
        parts = [f"{self.view}@{self.version}", self.kind.value, f"{self.rows:,} rows"]
        parts += [f"end {self.end.isoformat()}", f"{self.seconds:.2f} s"]
        parts += [f"{len(self.warnings)} warnings"] if self.warnings else []
        return f"MaterializationReport({', '.join(parts)})"


@dataclass(frozen=True)
class Materializer:
    """Runs materializations of a project.

    Attributes:
        overlap: how far an incremental run looks back behind the begin of the last one, or the instant that it
            was for where that is earlier, for rows whose created or available time is earlier than the moment
            they could be read.
        failing_rows: where rows are kept that are not as the view expects.
        throttle: how fast rows are written, over all runs.
    """

    project: str
    registry: Registry
    online: OnlineStore
    engine: OfflineEngine
    failing_rows: FailingRowFiles
    throttle: Throttle
    overlap: timedelta = timedelta(days=1)
    lease: timedelta = LEASE

    def run(
        self,
        *,
        layout: ViewLayout,
        plan: ViewPlan,
        kind: RunKind,
        end: int,
        personal: Collection[str] = (),
    ) -> MaterializationReport:
        """Materialize one view version at the instant `end` (microseconds) and publish it.

        Args:
            layout: of the version to fill.
            plan: of the same version with all features, named as they are.
            kind: an incremental run becomes a full one if the version was never filled, or if the online store has
                lost rows since.
            end: the instant.
            personal: features of which no values are recorded.

        Raises:
            LeaseHeldError: if another run is writing the view (retryable).
            InvalidTimeError: if `end` is before the watermark.
            ExpectationError: if the rows are not as the view expects; nothing is published.
        """
        began = time.monotonic()
        name = layout.view.name
        generations = Generations(self.online, layout)
        if kind is RunKind.INCREMENTAL:
            kind = self._possible(generations, self._state(layout))
        run = self.registry.begin_run(
            project=self.project, view=name, version=layout.version, kind=kind, end_us=end, lease=self.lease
        )
        try:
            before = self._state(layout)  # only now that no other run can publish
            with (
                LeaseKeeper(self.registry, run, self.lease) as keeper,
                self._watched(run, layout, plan, before, personal) as watch,
                recorded_queries() as log,
            ):
                if kind is RunKind.FULL:
                    generations.begin(run)
                rows = self._fill(run, layout, plan, before, keeper, watch)
                if kind is RunKind.FULL and before.generation is not None:
                    carry_over_pushed(self.online, layout, run, old=before.generation)
                generations.end(run)
            self.registry.add_run_profile(run=run, profile=watch.profile().to_json())
            queries = log.by_source()
            self.registry.publish_run(run=run, rows=rows, queries=queries)
        except BaseException as error:
            self.registry.fail_run(run=run, error=f"{type(error).__name__}: {error}")
            if isinstance(error, ExpectationError) and kind is RunKind.FULL:
                generations.give_back([run.generation])
            raise
        if kind is RunKind.FULL:
            published_before = {before.generation} if before.generation is not None else set()
            left = generations.marked(self.registry) | published_before
            generations.give_back(sorted(left - {run.generation}))
        seconds = time.monotonic() - began
        at = from_microseconds(end)
        return MaterializationReport(name, layout.version, kind, rows, at, seconds, watch.warnings, queries)

    def _possible(self, generations: Generations, state: ViewState) -> RunKind:
        """What kind of run an incremental one has to be."""
        if state.generation is None:
            return RunKind.FULL
        if generations.holds(state):
            return RunKind.INCREMENTAL
        _log.warning(
            "the online store does not hold all that was published of view %s, which is filled anew",
            state.view,
        )
        return RunKind.FULL

    def _state(self, layout: ViewLayout) -> ViewState:
        return self.registry.view_state(project=self.project, view=layout.view.name, version=layout.version)

    def _watched(
        self, run: Run, layout: ViewLayout, plan: ViewPlan, before: ViewState, personal: Collection[str]
    ) -> AbstractContextManager[Watch]:
        checked = Checked(
            view=layout.view,
            plan=plan,
            instant=Instant(run.end_us, before.watermark_us, self._changes(run, plan, before)),
            personal=personal,
            earlier=partial(
                earlier_rows,
                self.registry,
                project=run.project,
                view=run.view,
                version=run.version,
                kind=run.kind,
            ),
        )
        return watched(run, checked, self.engine, self.registry, self.failing_rows)

    def _fill(
        self,
        run: Run,
        layout: ViewLayout,
        plan: ViewPlan,
        before: ViewState,
        keeper: LeaseKeeper,
        watch: Watch,
    ) -> int:
        space = layout.space(run.generation)
        changes = self._changes(run, plan, before)
        pushed = pushed_entities(self.online, space) if run.kind is RunKind.INCREMENTAL else None
        keys = None if pushed is None or changes is None else layout.keys.decode(sorted(pushed))
        batches = self.engine.latest_features(view=plan, at=run.end_us, changes=changes, keys=keys)
        # What an incremental run writes is served at once.
        batches = watch.rows(batches, wait=run.kind is RunKind.INCREMENTAL)
        written = 0
        with Progress(f"Materializing {layout.view.name}", unit="entities") as progress:
            for encoded in _encoded(batches, layout, run):
                for entity_keys, rows in self.throttle.parts(*encoded):
                    keeper.check()
                    self._write(run, layout, entity_keys, rows)
                    if pushed:
                        pushed.difference_update(entity_keys)
                    written += len(rows)
                    progress.advance(len(rows))
        watch.finish()
        if pushed:
            gone = sorted(pushed)
            for entity_keys, rows in self.throttle.parts(gone, [b""] * len(gone)):
                self._write(run, layout, entity_keys, rows)
        return written

    def _changes(self, run: Run, plan: ViewPlan, before: ViewState) -> Changes | None:
        """Which entities an incremental run looks at; None for all."""
        if run.kind is RunKind.FULL:
            return None
        source = plan.source
        tells = source.available_at is not None or source.created_timestamp is not None
        if not tells or before.watermark_us is None or before.last_run_began_us is None:
            return None
        # A run for an earlier instant may have read the source as it was then: a replay of the past, a copy.
        read = min(before.last_run_began_us, before.watermark_us)
        known_after = read - duration_to_microseconds(self.overlap)
        return Changes(since=before.watermark_us, known_after=known_after)

    def _write(self, run: Run, layout: ViewLayout, keys: Sequence[bytes], rows: Sequence[bytes]) -> None:
        self.online.write(
            spaces=[layout.space(run.generation)],
            keys=keys,
            rows=rows,
            rule=MaterializedWrite(run=run.number, end=run.end_us),
            keep_for=layout.keep_for,
        )


def _encoded(
    batches: Iterator[pa.RecordBatch], layout: ViewLayout, run: Run
) -> Iterator[tuple[list[bytes], list[bytes]]]:
    for large in batches:
        for start in range(0, large.num_rows, WRITE_ROWS):
            batch = large.slice(start, WRITE_ROWS)
            keys = layout.keys.encode(batch).to_pylist()
            rows = layout.codec.encode(
                batch,
                event=batch.column(EVENT_COLUMN),
                created=batch.column(CREATED_COLUMN),
                written=run.number,
                pushed=False,
            )
            yield keys, rows
