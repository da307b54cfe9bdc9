"""The verbs of `FeatureStore` that deal with statistics."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from featurestore.definitions.instants import to_microseconds
from featurestore.definitions.reference import ViewReference
from featurestore.definitions.view import FeatureView
from featurestore.errors import NotFoundError
from featurestore.planning.request import FeaturesArgument, resolve_request
from featurestore.project import Project
from featurestore.protocols.records import Run

if TYPE_CHECKING:
    from featurestore.statistics.profile import Profile


@dataclass(frozen=True, slots=True)
class RunStatistics:
    """What the values that one run has written are like."""

    run: Run
    profile: Profile


class StatisticsVerbs:
    """What was recorded of features' values."""

    _project: Project

    def get_statistics(
        self,
        view: str | FeatureView,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        run: int | None = None,
    ) -> Profile:
        """What the values that a view's runs have written are like, merged over the runs; nothing is read again.

        Args:
            view: ``"view"`` (its active version), ``"view@3"``, ``"view:feature"``, or the object.
            since: only runs for instants after this one (their `end`).
            until: only runs for instants up to this one.
            run: only the run of this number.

        Raises:
            NotFoundError: if there is no such view, or no run of it with statistics in that time.
        """
        from featurestore.statistics.profile import merge_all

        merged = merge_all(each.profile for each in self._run_statistics(view, since, until, run))
        if merged is None:
            when = f" {run}" if run is not None else " in that time" if since or until else ""
            raise NotFoundError(
                f"No run{when} of view {_label(view)} has left statistics.",
                hint="Materialize the view, or look at `featurestore list runs`.",
            )
        return merged

    def get_run_statistics(
        self, view: str | FeatureView, *, since: datetime | None = None, until: datetime | None = None
    ) -> list[RunStatistics]:
        """What `get_statistics` tells, run by run, oldest first."""
        return list(self._run_statistics(view, since, until, None))

    def personal_features(self, features: FeaturesArgument) -> tuple[str, ...]:
        """Which features of a request have personal values: tagged ``pii``, or made from what is tagged so.

        Args:
            features: as for `get_historical_features`.

        Raises:
            NotFoundError: for an unknown name.
        """
        from featurestore.lineage.personal import personal_outputs

        catalog = self._project.catalog()
        request = resolve_request(features, catalog)
        found = personal_outputs(request, catalog)
        return tuple(name for name in request.outputs if name in found)

    def _run_statistics(
        self, view: str | FeatureView, since: datetime | None, until: datetime | None, number: int | None
    ) -> Iterator[RunStatistics]:
        from featurestore.lineage.personal import personal_outputs
        from featurestore.statistics.profile import Profile

        stored = self._project.registered(view)
        registry = self._project.registry
        wanted = ViewReference.parse(view).features if isinstance(view, str) else None
        for name in wanted or ():
            self._project.catalog().load_view(stored).feature(name)
        runs = registry.profiled_runs(
            project=self._project.name,
            view=stored.name,
            version=stored.version,
            since_us=None if since is None else to_microseconds(since, what="since"),
            until_us=None if until is None else to_microseconds(until, what="until"),
        )
        request = resolve_request(f"{stored.name}@{stored.version}", self._project.catalog())
        # What is tagged by now counts, whenever it was recorded.
        personal = personal_outputs(request, self._project.catalog())
        for run in runs:
            if number in (None, run.number):
                found = registry.run_profile(project=run.project, view=run.view, number=run.number)
                profile = Profile.from_json(found).without_values(personal)
                if wanted:
                    profile = replace(profile, features=tuple(profile[name] for name in wanted))
                yield RunStatistics(run, profile)


def _label(view: str | FeatureView) -> str:
    return repr(view if isinstance(view, str) else view.name)
