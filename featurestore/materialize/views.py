"""Materializing views of a project: which version, until when, one after the other."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timedelta

from featurestore.definitions.instants import from_microseconds, to_microseconds
from featurestore.definitions.reference import ViewReference
from featurestore.definitions.view import FeatureView
from featurestore.errors import InvalidTimeError
from featurestore.materialize.run import GRACE, MaterializationReport, Materializer
from featurestore.online.layout import ViewLayout
from featurestore.planning.point_in_time import plan_view
from featurestore.planning.request import resolve_request
from featurestore.project import Project
from featurestore.protocols.registry import RunKind, StoredVersion


def materialize_views(
    project: Project,
    *,
    kind: RunKind,
    end: datetime | None,
    views: Sequence[str | FeatureView] | None,
    engine: str | None,
    overlap: timedelta,
) -> list[MaterializationReport]:
    """Materialize views (by default all that are served online) in their newest version.

    Raises:
        InvalidTimeError: if `end` is later than the clock or before a view's watermark.
        LeaseHeldError: if another run is writing a view (retryable).
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
        overlap=overlap,
    )
    return [_run(project, materializer, stored, kind, instant) for stored in _chosen(project, views)]


def retire_online(project: Project, views: Sequence[StoredVersion]) -> None:
    """Let the online rows of view versions be reclaimed."""
    for stored in views:
        layout = _layout(project, stored)
        state = project.registry.view_state(project=project.name, view=stored.name, version=stored.version)
        if state.generation is not None:
            project.online.retire(space=layout.space(state.generation), keep_for=GRACE)


def _chosen(project: Project, views: Sequence[str | FeatureView] | None) -> list[StoredVersion]:
    if views is not None:
        return [project.registered(view, newest=True) for view in views]
    newest = project.catalog().newest("feature_view").values()
    return [stored for stored in newest if stored.payload["online"]]


def _run(
    project: Project, materializer: Materializer, stored: StoredVersion, kind: RunKind, end: int
) -> MaterializationReport:
    layout = _layout(project, stored)
    request = resolve_request(ViewReference.of(layout.view), None)
    plan = plan_view(request.views[0], root=project.config.root)
    return materializer.run(layout=layout, plan=plan, kind=kind, end=end)


def _layout(project: Project, stored: StoredVersion) -> ViewLayout:
    view = project.catalog().load_view(stored)
    return ViewLayout.of(view, project=project.name, version=stored.version)
