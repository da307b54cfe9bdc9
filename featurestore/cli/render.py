"""Documents as a person reads them in a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from featurestore.cli.output import cell, duration, moment, new_table, say, width
from featurestore.leakage.report import counted

Document = dict[str, Any]
_STATUS = {
    "PRESENT": "green",
    "NULL": "yellow",
    "EXPIRED": "yellow",
    "NOT_FOUND": "red",
    "succeeded": "green",
    "running": "cyan",
    "failed": "red",
    "interrupted": "red",
}
_ACTION = {"+": "green", "~": "yellow", "-": "red"}


def _status(text: str) -> Text:
    return Text(text, style=_STATUS[text])


def new_project(document: Document) -> None:
    """What init has made."""
    say(f"Project {document['project']!r} is in {document['folder']}:")
    files = Table(box=None, show_header=False, pad_edge=False)
    for file in document["files"]:
        files.add_row(f"  {file['path']}", Text(file["purpose"], style="dim"))
    say(files, "\nNext:")
    for step in document["next"]:
        say(Text(f"  {step}", style="bold"))


def upgraded(_: Document) -> None:
    """That the registry fits this release now."""
    say("The registry is up to date.")


def plan(text: str) -> None:
    """The text of a plan: green where something is created, yellow where it changes, red where it goes."""
    for line in text.splitlines():
        mark = line.strip()[:1]
        detail = line.startswith("      ")
        broken = detail and line.lstrip().startswith("breaks service")
        say(Text(line, style="red" if broken else "dim" if detail else _ACTION.get(mark, "")))


def applied(document: Document) -> None:
    """What apply or retire has done (the plan was shown before)."""
    if not document["changes"]:
        say("Nothing to do.")
        return
    say(f"Applied: the project is at revision {document['revision']}.")
    filled = [
        c["name"] for c in document["changes"] if c["online"] and c["action"] in ("create", "new version")
    ]
    if filled:
        say(Text(f"Next: featurestore materialize --views {','.join(filled)}", style="bold"))


def materialized(document: Document) -> None:
    """What a materialization has written."""
    if not document["runs"]:
        say("No view is served online.")
        return
    table = new_table(
        "View", "Version", "Run", "Entities", "Served as of (UTC)", "Took", right=("Entities", "Took")
    )
    for run in document["runs"]:
        rows = f"{run['rows']:,}"
        version = str(run["version"])
        table.add_row(
            run["view"], version, run["kind"], rows, moment(run["end"], exact=False), duration(run["seconds"])
        )
    say(table)
    for run in document["runs"]:
        for item in run["warnings"]:
            text = (
                f"Warning: {run['view']}: {item['name']}: expected {item['expected']}, found {item['found']}"
            )
            say(Text(text, style="yellow"))


def status(document: Document) -> None:
    """Where each view stands online."""
    say(
        f"Project {document['project']!r}, revision {document['revision']}, {moment(document['at'], exact=False)} UTC"
    )
    if not document["views"]:
        say("There are no feature views yet: featurestore apply")
        return
    table = new_table(
        "View", "Version", "Published until (UTC)", "Lag", "Last run", "Rows", "Took", right=("Rows", "Took")
    )
    for view in document["views"]:
        run = view["last_run"] or {"status": None, "rows": None, "seconds": None}
        last = _status(run["status"]) if run["status"] else "–"
        until = moment(view["published_until"], exact=False) if view["online"] else "offline only"
        rows = "–" if run["rows"] is None else f"{run['rows']:,}"
        table.add_row(
            view["view"], _version(view), until, duration(view["lag_seconds"]), last, rows,
            duration(run["seconds"]),
        )  # fmt: skip
    say("", table)
    for view in document["views"]:
        for line in _remarks(view):
            say(Text(line, style="yellow"))


def _version(view: Document) -> str:
    if view["active_version"] == view["newest_version"]:
        return str(view["newest_version"])
    return f"{view['active_version'] or 'none'} (newest {view['newest_version']})"


def _remarks(view: Document) -> Iterable[str]:
    run = view["last_run"]
    if run and run["error"]:
        yield f"{view['view']}: {run['error']}"
    elif run and run["status"] == "interrupted":
        yield f"{view['view']}: run {run['number']} did not finish; what was served before still is."
    if view["online"] and not view["newest_filled"]:
        yield (
            f"{view['view']}: version {view['newest_version']} is not filled yet: "
            f"featurestore materialize --views {view['view']}"
        )


def listing(document: Document) -> None:
    """Lists of definitions or runs, one after the other."""
    shown = {
        "entities": _entities, "sources": _sources, "views": _views, "services": _services, "runs": _runs,
    }  # fmt: skip
    for position, (what, items) in enumerate(document.items()):
        if len(document) > 1:
            say(*([""] if position else []), Text(what.capitalize(), style="bold cyan"))
        if items:
            say(shown[what](items))
        else:
            say(f"There are no {what} yet.")


def _entities(items: Sequence[Document]) -> Table:
    table = new_table("Entity", "Version", "Join keys", "Description")
    for item in items:
        keys = ", ".join(f"{key} ({dtype})" for key, dtype in item["join_keys"].items())
        table.add_row(item["name"], str(item["version"]), keys, item["description"])
    return table


def _sources(items: Sequence[Document]) -> Table:
    table = new_table("Source", "Version", "Kind", "Path", "Event timestamp", "Description")
    for item in items:
        path = ", ".join(item["path"]) if item["path"] else "–"
        table.add_row(
            item["name"],
            str(item["version"]),
            item["kind"],
            path,
            item["event_timestamp"],
            item["description"],
        )
    return table


def _views(items: Sequence[Document]) -> Table:
    table = new_table("View", "Version", "Entities", "Source", "Features", "Description")
    for item in items:
        version = str(item["version"])
        if item["online"] and item["active_version"] != item["version"]:
            version += f" (active: {item['active_version'] or 'none'})"
        entities = ", ".join(item["entities"]) or "none: one row for all"
        features = ", ".join(item["features"])
        table.add_row(item["name"], version, entities, item["source"], features, item["description"])
    return table


def _services(items: Sequence[Document]) -> Table:
    table = new_table("Service", "Version", "Views", "Description")
    for item in items:
        table.add_row(item["name"], str(item["version"]), ", ".join(item["views"]), item["description"])
    return table


def _runs(items: Sequence[Document]) -> Table:
    table = new_table(
        "View",
        "Version",
        "Run",
        "Kind",
        "Status",
        "Began (UTC)",
        "Took",
        "Rows",
        "Error",
        right=("Took", "Rows"),
    )
    for item in items:
        rows = "–" if item["rows"] is None else f"{item['rows']:,}"
        table.add_row(
            item["view"], str(item["version"]), str(item["number"]), item["kind"], _status(item["status"]),
            moment(item["began_at"], exact=False), duration(item["seconds"]), rows, item["error"] or "",
        )  # fmt: skip
    return table


def frame(document: Document) -> None:
    """The first rows of a training frame; columns that do not fit are named below."""
    names = [column["name"] for column in document["columns"]]
    cells = [[cell(value) for value in row.values()] for row in document["rows"]]
    fitting = _fitting(names, cells)
    table = new_table()
    for name in names[:fitting]:
        numeric = any(isinstance(row[name], int | float) for row in document["rows"])
        table.add_column(name, justify="right" if numeric else "left", no_wrap=True)
    for row in cells:
        table.add_row(*(Text(text, style="dim" if text == "null" else "") for text in row[:fitting]))
    if names:
        say(table, "")
    rows, shown = document["num_rows"], len(cells)
    part = "" if shown == rows else f"; the first {shown} are shown, --output frame.parquet writes all"
    say(Text(f"{rows:,} rows, {len(names)} columns{part}.", style="dim"))
    if fitting < len(names):
        say(Text(f"Not shown, for they do not fit: {', '.join(names[fitting:])}", style="dim"))


def _fitting(names: Sequence[str], cells: Sequence[Sequence[str]]) -> int:
    left = width()
    for position, name in enumerate(names):
        left -= max(len(name), *(len(row[position]) for row in cells), 0) + 2
        if left < 0:
            return max(position, 1)
    return len(names)


def written(document: Document) -> None:
    """Where a training frame was written."""
    say(f"Wrote {document['num_rows']:,} rows, {len(document['columns'])} columns to {document['output']}")


def online(document: Document) -> None:
    """Values, statuses and event timestamps of each entity."""
    keys = list(document["rows"][0]["entity"]) if document["rows"] else []
    table = new_table(*keys, "Feature", "Value", "Status", "Event timestamp (UTC)")
    for row in document["rows"]:
        entity = [cell(value) for value in row["entity"].values()]
        for name, item in row["features"].items():
            value = cell(item["value"]) if item["status"] == "PRESENT" else "–"
            table.add_row(*entity, name, value, _status(item["status"]), moment(item["event_timestamp"]))
            entity = [""] * len(entity)
        table.add_section()
    say(table)


def descriptions(document: Document) -> None:
    """Definitions with their versions and uses."""
    from featurestore.cli.describe import description

    for position, item in enumerate(document["definitions"]):
        say(*([""] if position else []), *description(item))


_LEAKS_SHOWN = 20


def leakage(document: Document) -> None:
    """The values that know the future, and the row that each knows of."""
    looked = f"{counted(document['values'], 'value')} at {counted(document['instants'], 'instant')}"
    if document["clean"]:
        say(Text(f"No leak in {looked}.", style="green"))
        return
    leaks = document["leaks"]
    say(Text(f"{len(leaks):,} of {looked} would be different without the future:", style="red"))
    table = new_table("Feature", "Entity", "At (UTC)", "Value", "Knowable", "Because of the row")
    for leak in leaks[:_LEAKS_SHOWN]:
        key = ", ".join(f"{name}={value}" for name, value in leak["key"].items()) or "all"
        cause = ", ".join(f"{name}={cell(value)}" for row in leak["rows"][:1] for name, value in row.items())
        name = f"{leak['view']}:{leak['feature']}"
        table.add_row(name, key, moment(leak["at"]), cell(leak["value"]), cell(leak["knowable"]), cause)
    say(table)
    if len(leaks) > _LEAKS_SHOWN:
        say(f"… and {len(leaks) - _LEAKS_SHOWN:,} more; --json shows all.")
