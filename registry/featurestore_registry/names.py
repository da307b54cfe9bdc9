"""Names by the hundred: as many as one statement takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from featurestore.definitions.uses import Key

_MOST = 500
"""Of one statement; SQLite takes some ten thousand values, older ones a thousand."""


def by_kind(names: Iterable[Key]) -> Iterator[tuple[str, list[str]]]:
    """Kind and sorted names, in pieces that fit into one statement each."""
    sorted_out: dict[str, set[str]] = {}
    for kind, name in names:
        sorted_out.setdefault(kind, set()).add(name)
    for kind, found in sorted(sorted_out.items()):
        ordered = sorted(found)
        for start in range(0, len(ordered), _MOST):
            yield kind, ordered[start : start + _MOST]
