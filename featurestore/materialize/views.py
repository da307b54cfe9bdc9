"""Materializing views of a project: which version, until when, one after the other."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from featurestore.definitions.base import check_several
from featurestore.definitions.instants import from_microseconds, to_microseconds
from featurestore.definitions.reference import ViewReference
from featurestore.definitions.view import FeatureView
from featurestore.errors import ExpectationError, InvalidTimeError
from featurestore.expectations.files import FailingRowFiles
from featurestore.lineage.personal import personal_outputs
from featurestore.materialize.generations import Generations
from featurestore.materialize.run import WRITE_ROWS, MaterializationReport, Materializer
from featurestore.materialize.throttle import Throttle
from featurestore.online.layout import ViewLayout
from featurestore.planning.changes import Plan, pinned_versions
from featurestore.planning.point_in_time import plan_view
from featurestore.planning.request import resolve_request
from featurestore.project import Project
from featurestore.protocols.records import ChangeAction, RunKind, StoredVersion


def materialize_views(
    project: Project,
    *,
    kind: RunKind,
    end: datetime | None,
    views: Sequence[str | FeatureView] | None,
    engine: str | None,
    overlap: timedelta,
    max_rows_per_second: float | None,
) -> list[MaterializationReport]:
    """Materialize views (by default all that are served online) in their newest version.

    Raises:
        RequestError: if `views` is not a list, or `max_rows_per_second` not positive.
        InvalidTimeError: if `end` is later than the clock or before a view's watermark.
        LeaseHeldError: if another run is writing a view (retryable).
        ExpectationError: if rows are not as their view expects: nothing of that view is published, and the error
            comes when the other views are done.
    """
    now = time.time_ns() // 1000
    instant = now if end is None else to_microseconds(end, what="end")
    if instant > now:
        raise InvalidTimeError(
            f"end {from_microseconds(instant).isoformat()} is later than the clock.",
            hint="What is not known yet cannot be served; leave end out for now.",
        )
    materializer = Materializer(
        project=project.name,
        registry=project.registry,
        online=project.online,
        engine=project.engine(engine),
        failing_rows=FailingRowFiles(project.config.failing_rows, project.name),
        throttle=Throttle(max_rows_per_second, at_once=WRITE_ROWS),
        overlap=overlap,
    )
    reports, rejected = [], []
    for stored in _chosen(project, views):
        try:
            reports.append(_run(project, materializer, stored, kind, instant))
        except ExpectationError as error:
            rejected.append(error)
    if rejected:
        raise _all_in_one(rejected)
    return reports


def filled_versions(project: Project, plan: Plan) -> list[StoredVersion]:
    """The versions of views that a plan retires, as they are before it is applied."""
    found = []
    for planned in plan.changes:
        change = planned.change
        if change.kind != "feature_view":
            continue
        versions = project.catalog().versions(change.kind, change.name)
        if change.action is ChangeAction.RETIRE_VERSION:
            versions = [stored for stored in versions if stored.version == change.version]
        found += [stored for stored in versions if not stored.retired]
    return found


def retire_online(project: Project, views: Sequence[StoredVersion]) -> None:
    """Let the online rows of view versions be reclaimed."""
    for stored in views:
        state = project.registry.view_state(project=project.name, view=stored.name, version=stored.version)
        generations = Generations(project.online, _layout(project, stored))
        published = {state.generation} if state.generation is not None else set()
        generations.give_back(sorted(generations.marked(project.registry) | published))


def _all_in_one(rejected: Sequence[ExpectationError]) -> ExpectationError:
    if len(rejected) == 1:
        return rejected[0]
    messages = "\n".join(error.message for error in rejected)
    return ExpectationError(messages, hint="\n".join(error.hint or "" for error in rejected))


def _chosen(project: Project, views: Sequence[str | FeatureView] | None) -> Iterator[StoredVersion]:
    """The versions to fill: those named; of views by name, the newest and whatever else is being read."""
    if views is None:
        newest = project.catalog().newest("feature_view").values()
        views = [stored.name for stored in newest if stored.payload["online"]]
    check_several(views, "views")
    named = [(view, project.registered(view, newest=True)) for view in views]
    for view, stored in named:
        yield stored
        if view == stored.name:
            yield from _also_read(project, stored)


def _also_read(project: Project, newest: StoredVersion) -> Iterator[StoredVersion]:
    """Older versions that are served beside the newest, which has just been filled: active or pinned."""
    project.forget()
    catalog = project.catalog()
    wanted = {catalog.stored_view(newest.name).version, *pinned_versions(newest.name, catalog)}
    for version in sorted(wanted - {newest.version}):
        stored = catalog.stored_view(newest.name, version)
        if stored.payload["online"] and not stored.retired:
            yield stored


def _run(
    project: Project, materializer: Materializer, stored: StoredVersion, kind: RunKind, end: int
) -> MaterializationReport:
    layout = _layout(project, stored)
    request = resolve_request(ViewReference.of(layout.view), None)
    plan = plan_view(request.views[0], root=project.config.root)
    return materializer.run(
        layout=layout,
        plan=plan,
        kind=kind,
        end=end,
        personal=personal_outputs(request, project.catalog()),
    )


def _layout(project: Project, stored: StoredVersion) -> ViewLayout:
    view = project.catalog().load_view(stored)
    return ViewLayout.of(view, project=project.name, version=stored.version)
