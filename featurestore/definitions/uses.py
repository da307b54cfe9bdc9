"""What a definition uses, told from the JSON form that the registry stores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Key = tuple[str, str]
"""Kind and name of a definition."""


def used_by(kind: str, payload: Mapping[str, Any]) -> set[Key]:
    """Kind and name of everything that a definition uses: a view's entities and source, a service's views.

    A view over another view uses that one, and all that it uses.
    """
    if kind == "feature_view":
        return set(_of_view(payload))
    if kind == "feature_service":
        return {("feature_view", reference["view"]) for reference in payload["features"]}
    return set()


def _of_view(payload: Mapping[str, Any]) -> Iterator[Key]:
    yield from (("entity", entity["name"]) for entity in payload["entities"])
    source = payload["source"]
    if source["kind"] == "feature_view":
        yield "feature_view", source["name"]
        yield from _of_view(source)
    else:
        yield "source", source["name"]
