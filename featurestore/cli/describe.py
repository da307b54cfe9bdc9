"""One definition as a person reads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from featurestore.cli.output import duration, moment, new_table

if TYPE_CHECKING:
    from rich.console import RenderableType

_DURATIONS = ("ttl", "delay", "every", "offset", "lag")
_SHOWN_APART = ("name", "features", "source", "entities")


def description(document: Mapping[str, Any]) -> Iterator[RenderableType]:
    """The parts to print: a title, the settings, the features, the versions."""
    kind = document["kind"].replace("_", " ")
    yield Text(f"{kind} {document['name']}", style="bold cyan").append(
        f"  version {document['version']}{_state(document)}", style="not bold default"
    )
    yield _settings(document)
    if features := document["definition"].get("features"):
        yield ""
        yield _features(features) if document["kind"] == "feature_view" else _references(features)
    yield ""
    yield _versions(document["versions"])


def _settings(document: Mapping[str, Any]) -> Table:
    grid = Table(box=None, show_header=False, pad_edge=False)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    definition = document["definition"]
    rows: dict[str, Any] = {}
    if document["kind"] == "feature_view":
        rows["entities"] = (
            ", ".join(_entity(entity) for entity in definition["entities"]) or "none: one row for all"
        )
        rows["source"] = definition["source"]["name"]
    rows |= {key: _setting(key, value) for key, value in definition.items() if key not in _SHOWN_APART}
    for kind, users in document["used_by"].items():
        rows[f"used by {kind}"] = ", ".join(users) or "none"
    rows["data hash"] = document["data_hash"]
    rows["metadata hash"] = document["metadata_hash"]
    for key, text in rows.items():
        if text:
            grid.add_row(Text(f"  {key.replace('_', ' ')}", style="dim"), text)
    return grid


def _entity(entity: Mapping[str, Any]) -> str:
    return f"{entity['name']} ({', '.join(entity['join_keys'])})"


def _setting(key: str, value: Any) -> str:
    if key in _DURATIONS:
        return "" if value is None else duration(value / 1e6)
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_setting(name, item) or 'none'}" for name, item in value.items())
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def _features(features: list[Mapping[str, Any]]) -> Table:
    if "function" in features[0]:
        return _aggregations(features)
    table = new_table("Feature", "Type", "Column", "Description")
    for feature in features:
        table.add_row(feature["name"], feature["dtype"], feature["column"], feature["description"])
    return table


def _aggregations(features: list[Mapping[str, Any]]) -> Table:
    table = new_table("Aggregation", "Function", "Column", "Window", "Offset", "Where", "Description")
    for item in features:
        window = item["window"][0]
        shown = window if isinstance(window, str) else duration(window / 1e6)
        if "series" in item:
            shown = f"{item['series']} × {shown}"
        offset = duration(item["offset"] / 1e6) if item["offset"] else ""
        column = f"{item['column']} by {item['by']} ({item['keys']})" if "by" in item else item["column"]
        cells = (item["function"], column, shown, offset, item["where"] or "", item["description"])
        table.add_row(item["name"], *cells)
    return table


def _references(features: list[Mapping[str, Any]]) -> Table:
    table = new_table("View", "Features", "As", "Join keys from")
    for item in features:
        view = item["view"] if item["version"] is None else f"{item['view']}@{item['version']}"
        renames = ", ".join(f"{key} ← {column}" for key, column in item["join_keys"].items())
        table.add_row(view, ", ".join(item["features"] or ["all"]), item["alias_name"] or "", renames)
    return table


def _versions(versions: list[Mapping[str, Any]]) -> Table:
    states = [_state(version).removeprefix(", ") for version in versions]
    table = new_table("Version", "Applied (UTC)", "Data hash", *(["State"] if any(states) else []))
    for version, state in zip(versions, states, strict=True):
        applied = moment(version["applied_at"], exact=False)
        table.add_row(
            str(version["version"]), applied, version["data_hash"][:12], *([state] if any(states) else [])
        )
    return table


def _state(version: Mapping[str, Any]) -> str:
    if version["retired"]:
        return ", retired"
    return {True: ", active", False: ", not active", None: ""}[version["active"]]
