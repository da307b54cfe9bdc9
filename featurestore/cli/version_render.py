"""Versions, differences and the audit as a person reads them in a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.text import Text

from featurestore.cli.output import moment, new_table, say

if TYPE_CHECKING:
    from featurestore.versions.diff import VersionDiff

Document = dict[str, Any]


def history(document: Document) -> None:
    """The versions of a name, oldest first."""
    say(Text(f"{document['kind'].replace('_', ' ')} {document['name']}", style="bold cyan"))
    table = new_table("Version", "What", "When (UTC)", "Who", "Code", "Data hash", "State", "Message")
    for item in document["versions"]:
        state = "retired" if item["retired_at"] else "active" if item["active"] else ""
        table.add_row(
            str(item["version"]), item["action"], moment(item["committed_at"], exact=False), item["author"],
            _code(item), item["data_hash"][:12], state, item["message"],
        )  # fmt: skip
    say(table)


def diff(found: VersionDiff) -> None:
    """What differs, first the fields, then what it means."""
    head, *lines = str(found).splitlines()
    say(Text(head, style="bold cyan"))
    for line in lines:
        broken = line.lstrip().startswith("breaks service")
        say(Text(line, style="red" if broken else ""))


def audit(document: Document) -> None:
    """The latest changes, newest first."""
    if not document["entries"]:
        say("Nothing has been changed yet.")
        return
    table = new_table("When (UTC)", "Who", "Where", "What", "Effect", "Code", "Message")
    for item in document["entries"]:
        version = "" if item["version"] is None else f"@{item['version']}"
        what = f"{item['action']} {item['kind'].replace('_', ' ')} {item['name']}{version}"
        table.add_row(
            moment(item["at"], exact=False), item["author"], item["host"] or "–", what,
            _effect(item["effect"]), _code(item), item["message"],
        )  # fmt: skip
    say(table)


def _code(item: Mapping[str, Any]) -> str:
    if item["git_commit"] is None:
        return "–"
    return f"{item['git_commit'][:10]}{' + changes' if item['git_dirty'] else ''}"


def _effect(effect: Mapping[str, Any]) -> str:
    return ", ".join(_one(key, value) for key, value in effect.items())


def _one(key: str, value: Any) -> str:
    if key == "active":
        return f"active {value['from'] or 'none'} → {value['to']}"
    if key == "queries":
        return ", ".join(f"{source} read by {', '.join(each)}" for source, each in value.items())
    if isinstance(value, list):
        return f"{key} {', '.join(map(str, value))}"
    return f"{key} {value}"
