"""What differs between two training sets, from their manifests alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from featurestore.planning.differences import field_changes
from featurestore.protocols.training_sets import TrainingSetRecord
from featurestore.training_sets.content import Content
from featurestore.training_sets.sources import state_changes


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two training sets against each other.

    Attributes:
        first: the name of one.
        second: the name of the other.
        same_values: whether all parts hold the same values.
        differences: what differs, from the second's point of view: how they were made, then what came out.
    """

    first: str
    second: str
    same_values: bool
    differences: tuple[str, ...]

    def __str__(self) -> str:
        head = f"Training sets {self.first} → {self.second}: "
        head += "the same values" if self.same_values else "different values"
        return "\n".join([head, *(f"    {item}" for item in self.differences)])


def compare_manifests(first: TrainingSetRecord, second: TrainingSetRecord) -> Comparison:
    """Compare two training sets."""
    one, two = first.manifest, second.manifest
    differences = [*_made_from(one, two), *_came_out(one, two)]
    return Comparison(first.name, second.name, first.content_hash == second.content_hash, tuple(differences))


def _made_from(one: Mapping[str, Any], two: Mapping[str, Any]) -> Iterator[str]:
    old, new = _versions(one), _versions(two)
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            yield f"view {name}: {_numbers(old.get(name))} → {_numbers(new.get(name))}"
    yield from map(str, field_changes(_plain(one["recipe"]), _plain(two["recipe"])))
    if one["entity_rows"]["hash"] != two["entity_rows"]["hash"]:
        yield f"entity rows: others ({one['entity_rows']['rows']:,} → {two['entity_rows']['rows']:,} rows)"
    sources = {state["name"]: state for state in one["sources"]}
    for state in two["sources"]:
        if state["name"] in sources:
            yield from state_changes(sources[state["name"]], state)
    yield from map(str, field_changes(one["libraries"], two["libraries"]))
    if one["code"] != two["code"]:
        yield f"code: {_code(one['code'])} → {_code(two['code'])}"


def _versions(manifest: Mapping[str, Any]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for view in manifest["views"]:
        found.setdefault(view["name"], []).append(view["version"])
    return found


def _numbers(versions: list[int] | None) -> str:
    return "not used" if versions is None else ", ".join(f"version {number}" for number in versions)


def _plain(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The recipe without what is told elsewhere."""
    return {key: value for key, value in recipe.items() if key not in ("features", "entity_rows")}


def _code(code: Mapping[str, Any] | None) -> str:
    if code is None:
        return "not in git"
    return f"{code['commit'][:10]}{' + changes' if code['dirty'] else ''}"


def _came_out(one: Mapping[str, Any], two: Mapping[str, Any]) -> Iterator[str]:
    old = {part["name"]: Content.from_json(part) for part in one["parts"]}
    new = {part["name"]: Content.from_json(part) for part in two["parts"]}
    for name in dict.fromkeys((*old, *new)):
        if name not in new:
            yield f"part {name}: gone"
        elif name not in old:
            yield f"part {name}: new ({new[name].rows:,} rows)"
        else:
            yield from (f"part {name}: {item}" for item in _contents(old[name], new[name]))
    if one["left_out"] != two["left_out"]:
        yield f"rows in no part: {one['left_out']:,} → {two['left_out']:,}"


def _contents(old: Content, new: Content) -> Iterator[str]:
    if old.rows != new.rows:
        yield f"{old.rows:,} → {new.rows:,} rows"
    for column in dict.fromkeys((*old.columns, *new.columns)):
        if column not in new.columns:
            yield f"column {column} is gone"
        elif column not in old.columns:
            yield f"column {column} is new ({new.types[column]})"
        elif old.types[column] != new.types[column]:
            yield f"column {column} is {new.types[column]}, was {old.types[column]}"
        elif old.columns[column] != new.columns[column] and old.rows == new.rows:
            yield f"column {column} has other values"
