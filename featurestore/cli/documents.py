"""What the commands print, as documents with stable keys: ``--json`` prints them, `render` shows them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from featurestore.definitions.instants import from_microseconds
from featurestore.errors import NotFoundError
from featurestore.protocols.records import Run, StoredVersion, ViewState

if TYPE_CHECKING:
    from featurestore.leakage.report import LeakageReport
    from featurestore.materialize.run import MaterializationReport
    from featurestore.online.response import OnlineFeatures
    from featurestore.planning.catalog import Catalog
    from featurestore.planning.changes import Plan
    from featurestore.planning.request import Request
    from featurestore.planning.training_frame import TrainingFrame
    from featurestore.project import Project

Document = dict[str, Any]
_KINDS = {"entities": "entity", "sources": "source", "views": "feature_view", "services": "feature_service"}


def plan(planned: Plan) -> Document:
    """A plan and its changes."""
    changes = [
        {
            "action": item.change.action.value,
            "kind": item.change.kind,
            "name": item.change.name,
            "version": item.change.version,
            "details": list(item.details),
            "services": list(item.services),
            "breaks": [{"service": broken.service, "what": broken.what} for broken in item.breaks],
            "training_sets": list(item.training_sets),
            "models": list(item.models),
            "online": item.change.kind == "feature_view" and bool(item.change.payload["online"]),
        }
        for item in planned.changes
    ]
    return {
        "project": planned.project,
        "revision": planned.revision,
        "changes": changes,
        "unchanged": planned.unchanged,
    }


def report(done: MaterializationReport) -> Document:
    """What one materialization has written."""
    return {
        "view": done.view,
        "version": done.version,
        "kind": done.kind.value,
        "rows": done.rows,
        "end": done.end,
        "seconds": round(done.seconds, 3),
        "warnings": [result.to_json() for result in done.warnings],
        "queries": {source: list(each) for source, each in done.queries.items()},
    }


def leakage(found: LeakageReport) -> Document:
    """What the leak detector found."""
    return {
        "clean": found.clean,
        "values": found.values,
        "instants": found.instants,
        "leaks": [leak.to_dict() for leak in found.leaks],
    }


def status(project: Project, *, now: datetime) -> Document:
    """Where each view stands online."""
    catalog = project.catalog()
    newest = catalog.newest("feature_view")
    served = {name: catalog.stored_view(name) for name in newest}
    wanted = {(stored.name, stored.version) for stored in (*newest.values(), *served.values())}
    states = project.registry.view_states(project=project.name, versions=wanted)
    known = {(state.view, state.version): state for state in states}
    latest = {item.view: item for item in project.registry.last_runs(project=project.name, views=newest)}
    views = [
        {
            "view": name,
            "online": bool(stored.payload["online"]),
            "active_version": served[name].version if served[name].active else None,
            "newest_version": stored.version,
            "newest_filled": known[name, stored.version].generation is not None,
            **_standing(known[name, served[name].version], now),
            "last_run": run(latest[name]) if name in latest else None,
        }
        for name, stored in newest.items()
    ]
    return {"project": project.name, "revision": catalog.revision, "at": now, "views": views}


def _standing(state: ViewState, now: datetime) -> Document:
    until = None if state.watermark_us is None else from_microseconds(state.watermark_us)
    return {
        "generation": state.generation,
        "published_until": until,
        "lag_seconds": None if until is None else round((now - until).total_seconds(), 3),
    }


def _active_version(catalog: Catalog, view: str) -> int | None:
    stored = catalog.stored_view(view)
    return stored.version if stored.active else None


def runs(project: Project, *, limit: int) -> Document:
    """The latest runs of all views, newest first."""
    return {"runs": [run(item) for item in project.registry.runs(project=project.name, limit=limit)]}


def run(item: Run) -> Document:
    """One run."""
    took = None if item.ended_at is None else round((item.ended_at - item.began_at).total_seconds(), 3)
    return {
        "view": item.view,
        "version": item.version,
        "number": item.number,
        "kind": item.kind.value,
        "status": item.status.value,
        "start": None if item.start_us is None else from_microseconds(item.start_us),
        "end": from_microseconds(item.end_us),
        "began_at": item.began_at,
        "ended_at": item.ended_at,
        "seconds": took,
        "rows": item.rows,
        "error": item.error,
    }


def listing(project: Project, what: str) -> list[Document]:
    """The newest versions of all definitions of one kind."""
    catalog = project.catalog()
    found = catalog.newest(_KINDS[what])
    return [_summary(stored, catalog) for _, stored in sorted(found.items())]


def _summary(stored: StoredVersion, catalog: Catalog) -> Document:
    payload = stored.payload
    start = {"name": stored.name, "version": stored.version}
    if stored.kind == "entity":
        own: Document = {"join_keys": payload["join_keys"]}
    elif stored.kind == "source":
        times = ("event_timestamp", "created_timestamp", "available_at")
        own = {"kind": payload["kind"], "path": payload.get("path"), **{key: payload[key] for key in times}}
    elif stored.kind == "feature_view":
        own = {
            "active_version": _active_version(catalog, stored.name),
            "online": payload["online"],
            **_uses(stored),
            "features": [feature["name"] for feature in payload["features"]],
        }
    else:
        own = _uses(stored)
    return {**start, **own, "owner": payload["owner"], "description": payload["description"]}


def _uses(stored: StoredVersion) -> Document:
    if stored.kind == "feature_view":
        return {
            "entities": [entity["name"] for entity in stored.payload["entities"]],
            "source": stored.payload["source"]["name"],
        }
    if stored.kind == "feature_service":
        return {"views": list(dict.fromkeys(reference["view"] for reference in stored.payload["features"]))}
    return {}


def descriptions(project: Project, name: str, version: int | None) -> list[Document]:
    """Everything called `name`: an entity and a source may share a name with a view.

    Raises:
        NotFoundError: if there is nothing of that name or version.
    """
    found = [stored for kind in _KINDS.values() for stored in _stored(project, kind, name, version)]
    if not found:
        wanted = name if version is None else f"{name}@{version}"
        versions = [
            f"{name}@{other.version}" for kind in _KINDS.values() for other in _versions(project, kind, name)
        ]
        known = versions or [stored.name for stored in project.catalog().stored]
        raise NotFoundError.of("Definition", wanted, set(known), where=f"project {project.name!r}")
    return [_description(project, stored) for stored in found]


def _stored(project: Project, kind: str, name: str, version: int | None) -> Iterator[StoredVersion]:
    if version is not None:
        yield from (stored for stored in _versions(project, kind, name) if stored.version == version)
    elif kind == "feature_view":
        if project.catalog().find(kind, name):
            yield project.catalog().stored_view(name)
    elif stored := project.catalog().find(kind, name):
        yield stored


def _versions(project: Project, kind: str, name: str) -> list[StoredVersion]:
    return project.registry.versions(project=project.name, kind=kind, name=name)


def _description(project: Project, stored: StoredVersion) -> Document:
    return {
        "kind": stored.kind,
        "name": stored.name,
        **_state(stored),
        "metadata_hash": stored.metadata_hash,
        "definition": stored.payload,
        "used_by": _used_by(project.catalog(), stored),
        "versions": [_state(other) for other in _versions(project, stored.kind, stored.name)],
    }


def _state(stored: StoredVersion) -> Document:
    return {
        "version": stored.version,
        "data_hash": stored.data_hash,
        "applied_at": stored.applied_at,
        "active": stored.active if stored.kind == "feature_view" else None,
        "retired": stored.retired,
    }


def _used_by(catalog: Catalog, stored: StoredVersion) -> Document:
    if stored.kind == "feature_service":
        return {}
    users = catalog.users(stored.kind, stored.name)
    if stored.kind == "feature_view":
        return {"services": [user.name for user in users if user.kind == "feature_service"]}
    uses = "entities" if stored.kind == "entity" else "source"
    return {"views": [user.name for user in users if stored.name in _list(_uses(user)[uses])]}


def _list(value: list[str] | str) -> list[str]:
    return [value] if isinstance(value, str) else value


def frame(training: TrainingFrame) -> Document:
    """Shape and columns of a training frame."""
    columns = [{"name": field.name, "type": str(field.type)} for field in training.schema]
    return {"num_rows": training.num_rows, "columns": columns}


def first_rows(training: TrainingFrame, count: int) -> list[Document]:
    """The first rows of a training frame, column name to value."""
    import pyarrow as pa

    rows: list[Document] = []
    for batch in training.to_batches():
        part = batch.slice(0, count - len(rows))
        columns = [_in_microseconds(column, pa).to_pylist() for column in part.columns]
        rows.extend(dict(zip(part.schema.names, row, strict=True)) for row in zip(*columns, strict=True))
        if len(rows) == count:
            break
    return rows


def _in_microseconds(column: Any, pa: Any) -> Any:
    # Python's datetime has no nanoseconds.
    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        return column.cast(pa.timestamp("us", column.type.tz), safe=False)
    return column


def online(answer: OnlineFeatures, request: Request) -> Document:
    """Values, statuses and event timestamps, one entity after the other."""
    columns, events = answer.to_dict(), answer.event_timestamps
    label = {item.output: view.label for view in request.views for item in view.features}
    entity = [name for name in columns if name not in label]
    rows = [
        {
            "entity": {name: columns[name][row] for name in entity},
            "features": {
                output: {
                    "value": columns[output][row],
                    "status": answer.statuses[output][row].value,
                    "event_timestamp": events[label[output]][row],
                }
                for output in request.outputs
            },
        }
        for row in range(len(answer))
    ]
    return {"rows": rows}
