"""What differs between two states of a definition, field by field, in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from featurestore.definitions.windows import duration_text

_DURATIONS = {"ttl", "delay", "every", "offset", "lag", "window", "max_staleness"}


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field that differs. Printed, it says what happened: ``ttl: 7d → 14d``.

    Attributes:
        path: where in the definition, such as ``features.worst.window``.
        old: its value before in the JSON form, None if it was not there.
        new: its value after, None if it is not there.
    """

    path: str
    old: Any
    new: Any

    def __str__(self) -> str:
        if _is_item(self.old, self.new):
            what = "removed" if self.new is None else "added"
            shown = self.old if self.new is None else self.new
            described = shown.get("dtype") or shown.get("function") or shown.get("on_failure")
            return f"{self.path}: {what}" + (f" ({described})" if described else "")
        field = self.path.rpartition(".")[2]
        return f"{self.path}: {_text(field, self.old)} → {_text(field, self.new)}"


def field_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[FieldChange, ...]:
    """The fields that differ between the JSON forms of two states of one definition."""
    return tuple(_differences(old, new, ""))


def _differences(old: object, new: object, path: str) -> Iterator[FieldChange]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in dict.fromkeys((*old, *new)):
            yield from _differences(old.get(key), new.get(key), f"{path}.{key}" if path else str(key))
    elif (old or new) and _named(old or []) and _named(new or []):
        # What is left out while it is empty is an empty list.
        yield from _differences(_by_name(old or []), _by_name(new or []), path)
        before, after = _names_of_both(old or [], new or [])
        if before != after:
            yield FieldChange(f"{path}.order", before, after)
    elif old != new:
        yield FieldChange(path, old, new)


def _is_item(old: object, new: object) -> bool:
    """Whether one is an item of a list, such as a feature, and the other is not there."""
    there = new if old is None else old
    return (old is None) != (new is None) and isinstance(there, Mapping) and "name" in there


def _named(items: object) -> bool:
    return isinstance(items, list) and all(isinstance(item, Mapping) and "name" in item for item in items)


def _by_name(items: Any) -> dict[str, Any]:
    return {item["name"]: item for item in items}


def _names_of_both(old: Any, new: Any) -> tuple[list[str], list[str]]:
    before, after = [item["name"] for item in old], [item["name"] for item in new]
    return [name for name in before if name in after], [name for name in after if name in before]


def _text(field: str, value: object) -> str:
    if value is None or value in ("", [], {}):
        return "none"
    if field in _DURATIONS:
        items: Iterable[object] = value if isinstance(value, list) else [value]
        return ", ".join(_duration(item) for item in items)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_text(key, item)}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(_text("", item) for item in value)
    return str(value)


def _duration(value: object) -> str:
    return duration_text(timedelta(microseconds=value)) if isinstance(value, int) else str(value)
