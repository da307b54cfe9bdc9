"""Names by the hundred: as many as one statement takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from featurestore.definitions.uses import Key

Item = TypeVar("Item")
_MOST = 500
"""Of one statement; SQLite takes some ten thousand values, older ones a thousand."""


def by_kind(names: Iterable[Key]) -> Iterator[tuple[str, Sequence[str]]]:
    """Kind and sorted names, in pieces that fit into one statement each."""
    sorted_out: dict[str, set[str]] = {}
    for kind, name in names:
        sorted_out.setdefault(kind, set()).add(name)
    for kind, found in sorted(sorted_out.items()):
        yield from ((kind, piece) for piece in in_pieces(sorted(found)))


def in_pieces(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """The items, in pieces that fit into one statement each."""
    for start in range(0, len(items), _MOST):
        yield items[start : start + _MOST]
