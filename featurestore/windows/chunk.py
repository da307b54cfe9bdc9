"""What engines deliver: the events of a chunk of entities; cut into pieces that fit a processor's cache."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from featurestore.windows.arrays import Int64s

if TYPE_CHECKING:
    import pyarrow as pa

PIECE = 2**18
"""About how many events a piece has, entities with more of them aside."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """The events of some entities, in any order.

    Attributes:
        begin, end: the entities are those with codes from `begin` to just below `end`.
        code, event: of each event, its entity and its time in microseconds.
        created, visible: times too, where `needed_columns` names them; created is `NO_CREATED` where it is null.
        event_id: where the source has one.
        inputs: the columns of ``view.inputs``, of their types.
    """

    begin: int
    end: int
    code: Int64s
    event: Int64s
    created: Int64s | None
    visible: Int64s | None
    event_id: pa.Array | None
    inputs: Sequence[pa.Array]


@dataclass(frozen=True, slots=True)
class Piece:
    """Some entities of a chunk (codes from `begin` to just below `end`), and which events are theirs."""

    begin: int
    end: int
    rows: Int64s


def pieces(chunk: Chunk) -> list[Piece]:
    """A chunk by whole entities, in their order."""
    if len(chunk.code) <= PIECE:
        return [Piece(chunk.begin, chunk.end, np.arange(len(chunk.code)))]
    entity = chunk.code - chunk.begin
    counts = np.bincount(entity, minlength=chunk.end - chunk.begin)
    before = np.cumsum(counts) - counts
    # Entities of one piece begin within the same so many events; one that has as many is a piece of its own.
    first = np.append(True, np.diff(before // PIECE) != 0) | (counts >= PIECE)
    number = np.cumsum(first) - 1
    begins = np.append(np.flatnonzero(first), len(counts))
    small = np.uint8 if number[-1] < 2**8 else np.uint16 if number[-1] < 2**16 else np.uint32
    # Of small integers, a stable sort is a counting sort.
    order = np.argsort(number.astype(small)[entity], kind="stable")
    ends = np.append(before, len(order))[begins]
    return [
        Piece(chunk.begin + begin, chunk.begin + end, order[ends[i] : ends[i + 1]])
        for i, (begin, end) in enumerate(zip(begins[:-1].tolist(), begins[1:].tolist(), strict=True))
    ]
