"""The verbs of `FeatureStore` that deal with expectations."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING

from featurestore.definitions.instants import to_microseconds
from featurestore.definitions.reference import ViewReference
from featurestore.definitions.view import FeatureView
from featurestore.errors import NotFoundError, RequestError
from featurestore.planning.request import FeaturesArgument, resolve_request
from featurestore.project import Project
from featurestore.protocols.records import RunKind, StoredVersion

if TYPE_CHECKING:
    import pyarrow as pa

    from featurestore.monitoring.reports import CheckedView, ExpectationReport, RunExpectations, Suggestions
    from featurestore.statistics.profile import Profile


class ExpectationVerbs:
    """What views expect of their rows, and how it came out."""

    _project: Project

    def check_expectations(
        self, features: FeaturesArgument, *, at: datetime | None = None, engine: str | None = None
    ) -> ExpectationReport:
        """Look whether a full run would be as the views expect; nothing is written or recorded.

        Args:
            features: a service, views or their names. A view is looked at as a whole.
            at: the instant of the run, by default now.
            engine: ``duckdb`` or ``polars``, by default the store's.

        Raises:
            NotFoundError: for an unknown name.
            SourceError: if a source cannot be read.
        """
        from featurestore.monitoring.reports import ExpectationReport

        instant = time.time_ns() // 1000 if at is None else to_microseconds(at, what="at")
        request = resolve_request(features, self._project.catalog(), full_feature_names=True)
        views = {(view.view.name, view.version): view for view in request.views}
        return ExpectationReport(
            tuple(
                self._checked(view.view, given=view.given, version=view.version, at=instant, engine=engine)
                for view in views.values()
            )
        )

    def get_expectation_results(
        self, view: str | FeatureView, *, run: int | None = None, limit: int = 100
    ) -> list[RunExpectations]:
        """How the expectations of a view's latest runs came out, newest first.

        Args:
            view: ``"view"`` (all its versions), ``"view@3"``, or the object.
            run: only the run of this number.
            limit: so many runs.

        Raises:
            NotFoundError: if there is no such view.
        """
        from featurestore.monitoring.reports import RunExpectations

        stored = self._project.registered(view)
        by_version = isinstance(view, str) and ViewReference.parse(view).version is not None
        found = self._project.registry.run_checks(
            project=self._project.name,
            view=stored.name,
            version=stored.version if by_version else None,
            number=run,
            limit=limit,
        )
        return [RunExpectations(run, tuple(results)) for run, results in found]

    def failing_rows(
        self, view: str | FeatureView, *, run: int | None = None, training_set: str | None = None
    ) -> pa.Table:
        """Rows that were not as a view expects: keys, event timestamps, values, and which expectation it was.

        Args:
            view: ``"view"``, ``"view@3"``, or the object.
            run: the number of the run, by default the latest one with results.
            training_set: the name of a training set (one that was rejected, or saved with warnings) instead.

        Raises:
            NotFoundError: if there is no such view or run, or no rows of it were kept.
        """
        from featurestore.expectations.files import FailingRowFiles

        stored = self._project.registered(view)
        files = FailingRowFiles(self._project.config.failing_rows, self._project.name)
        if training_set is not None:
            path = files.of_training_set(stored.name, stored.version, training_set)
            rows = files.read(path, f"training set {training_set!r} and view {stored.name!r}")
            return self._without_personal(rows, stored.name, stored.version)
        found = self.get_expectation_results(view, run=run, limit=1)
        if not found:
            which = "no run" if run is None else f"no run {run}"
            raise NotFoundError(f"View {stored.name!r} has {which} with results of expectations.")
        its = found[0].run
        path = files.of_run(its.view, its.version, its.number)
        rows = files.read(path, f"run {its.number} of view {its.view!r}")
        return self._without_personal(rows, its.view, its.version)

    def suggest_expectations(
        self, view: str | FeatureView, *, profile: Profile | None = None, engine: str | None = None
    ) -> Suggestions:
        """Expectations that a view could have, each with its reason; printed, they can be pasted.

        Args:
            view: a name, or an object that need not be registered.
            profile: of its values, by default that of its runs; without any, of its latest rows, which are read.
            engine: ``duckdb`` or ``polars``, by default the store's.

        Raises:
            NotFoundError: if there is no such view.
            SourceError: if its source cannot be read.
        """
        from featurestore.monitoring.suggest import suggest

        request = resolve_request(view, self._project.catalog())
        return suggest(self._project, request, profile=profile, engine=self._project.engine(engine))

    def _without_personal(self, rows: pa.Table, view: str, version: int) -> pa.Table:
        """The rows without what is tagged personal by now, even if it was not when they were kept."""
        from featurestore.lineage.personal import personal_outputs

        catalog = self._project.catalog()
        personal = personal_outputs(resolve_request(f"{view}@{version}", catalog), catalog)
        return rows.select([name for name in rows.column_names if name not in personal])

    def _checked(
        self, view: FeatureView, *, given: bool, version: int | None, at: int, engine: str | None
    ) -> CheckedView:
        from featurestore.expectations.rows import Instant
        from featurestore.expectations.run import Checked, RunChecks
        from featurestore.lineage.personal import personal_outputs
        from featurestore.monitoring.reports import CheckedView
        from featurestore.planning.point_in_time import plan_view

        stored = self._stored(view, given=given, version=version)
        request = resolve_request(view, None)
        plan = plan_view(request.views[0], root=self._project.config.root)
        personal = personal_outputs(request, self._project.catalog())
        since = None
        if stored is not None:
            state = self._project.registry.view_state(
                project=self._project.name, view=view.name, version=stored.version
            )
            since = state.watermark_us
        checked = Checked(view, plan, Instant(at, since), personal, lambda: self._full_runs(stored))
        chosen = self._project.engine(engine)
        checks = RunChecks(chosen, checked)
        if view.expectations:
            checks.look_at_all(lambda: chosen.latest_features(view=plan, at=at))
        version = None if stored is None else stored.version
        return CheckedView(view.name, version, tuple(checks.results), checks.failing_rows())

    def _stored(self, view: FeatureView, *, given: bool, version: int | None) -> StoredVersion | None:
        """The registered version of a view; of an object only if it is registered as it is."""
        name = view.name if version is None else f"{view.name}@{version}"
        try:
            return self._project.registered(view if given else name)
        except RequestError:
            return None

    def _full_runs(self, stored: StoredVersion | None) -> list[int]:
        from featurestore.materialize.watch import earlier_rows

        if stored is None:
            return []
        return earlier_rows(
            self._project.registry,
            project=self._project.name,
            view=stored.name,
            version=stored.version,
            kind=RunKind.FULL,
        )
