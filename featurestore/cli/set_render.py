"""Training sets as a person reads them in a terminal."""

from __future__ import annotations

from typing import Any

from rich.table import Table
from rich.text import Text

from featurestore.cli.output import moment, new_table, say

Document = dict[str, Any]


def listing(document: Document) -> None:
    """Training sets, the latest first."""
    if not document["training_sets"]:
        say("There are no training sets yet.")
        return
    table = new_table("Training set", "Id", "Created (UTC)", "Who", "Made from", "Rows", "Tags")
    for item in document["training_sets"]:
        table.add_row(
            item["name"], item["id"][:12], moment(item["created_at"], exact=False), item["author"],
            item["service"] or ", ".join(item["views"]), _rows(item), _tags(item),
        )  # fmt: skip
    say(table)


def one(document: Document) -> None:
    """A training set: how it was made, and what was noted."""
    manifest = document["manifest"]
    say(Text(f"training set {document['name']}", style="bold cyan"))
    grid = Table(box=None, show_header=False, pad_edge=False)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    code = manifest["code"]
    rows = {
        "id": document["id"],
        "content": document["content_hash"],
        "created": f"{moment(document['created_at'], exact=False)} UTC by {document['author']}",
        "code": code and f"{code['commit'][:10]}{' + changes' if code['dirty'] else ''}",
        "service": document["service"],
        "views": ", ".join(document["views"]),
        "sources": "\n".join(map(_source, manifest["sources"])),
        "split": _split(manifest["recipe"]),
        "rows": _rows(document),
        "left out": f"{manifest['left_out']:,} rows" if manifest["left_out"] else "",
        "libraries": ", ".join(f"{name} {version}" for name, version in manifest["libraries"].items()),
        "tags": _tags(document),
        "models": ", ".join(f"{model['name']}@{model['version']}" for model in document["models"]),
    }
    for key, text in rows.items():
        if text:
            grid.add_row(Text(f"  {key}", style="dim"), text)
    say(grid)
    for note in document["notes"]:
        say(f"  {moment(note['at'], exact=False)} {note['author']}: {note['text']}")


def _source(state: Document) -> str:
    rows = "" if state["rows"] is None else f" ({state['rows']:,} rows)"
    shown = [f"{state['name']}{rows}"]
    shown += [state["snapshot"]] if "snapshot" in state else []
    shown += [f"read by {query}" for query in state.get("queries", ())]
    return ", ".join(shown)


def _rows(document: Document) -> str:
    return ", ".join(f"{name} {rows:,}" for name, rows in document["parts"].items())


def _tags(document: Document) -> str:
    return ", ".join(f"{key}={value}" for key, value in document["tags"].items())


def _split(recipe: Document) -> str:
    split = recipe["split"]
    return "" if split is None else f"{split['kind']}, seed {recipe['seed']}"
