"""Expectations as a person reads them in a terminal."""

from __future__ import annotations

from typing import Any

from rich.text import Text

from featurestore.cli.output import cell, moment, new_table, say

Document = dict[str, Any]
_STYLES = {"passed": "green", "failed": "bold red", "warning": "yellow", "skipped": "dim"}


def report(document: Document) -> None:
    """How the expectations of some views came out."""
    for view in document["views"]:
        label = view["view"] if view["version"] is None else f"{view['view']}@{view['version']}"
        if not view["results"]:
            say(f"{label} expects nothing.")
            continue
        say(Text(label, style="bold cyan"))
        _results(view["results"])


def history(document: Document) -> None:
    """The same, run by run."""
    if not document["runs"]:
        say("No run has results of expectations yet.")
    for run in document["runs"]:
        when = moment(run["end"], exact=False)
        title = (
            f"run {run['number']} of {run['view']}@{run['version']}, {run['kind']}, {when}: {run['status']}"
        )
        say(Text(title, style="bold cyan"))
        _results(run["results"])


def rows(document: Document) -> None:
    """Failing rows."""
    shown = document["rows"]
    table = new_table(*(shown[0] if shown else ()))
    for row in shown:
        table.add_row(*(cell(value) for value in row.values()))
    say(table)
    if document["count"] > len(shown):
        say(f"{len(shown):,} of {document['count']:,} rows; --output writes all of them to a file.")
    if document["file"]:
        say(f"Wrote {document['file']}.")


def _results(results: list[Document]) -> None:
    table = new_table("", "Expectation", "Expected", "Found")
    for item in results:
        warned = item["outcome"] == "failed" and item["on_failure"] == "warn"
        mark = "warning" if warned else item["outcome"]
        table.add_row(Text(mark, style=_STYLES[mark]), item["name"], item["expected"], item["found"])
    say(table)
