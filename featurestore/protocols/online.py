"""The seam to online stores: bytes under keys, with one rule for who may replace whom.

A *space* is the key prefix under which the rows of one generation of one view version live, for example
``fs1:flights:plane_load@3:17:``. Rows carry the header of `featurestore.online.header`; the store compares
headers, and never looks at values.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import NamedTuple, Protocol


class SpaceKeys(NamedTuple):
    """Entity keys to look up in one space."""

    space: bytes
    keys: Sequence[bytes]


class MaterializedWrite(NamedTuple):
    """Rows of run number `run` at the instant `end` (microseconds).

    Replaces what is stored, except a row of a later run, and except a pushed row with a later event than
    the new row's that either is later than `end` or was pushed after the run began. An empty row means
    that the source has nothing for the entity: what it would replace is deleted.
    """

    run: int
    end: int


class PushedWrite(NamedTuple):
    """Rows that were pushed: replace a materialized row with an older event timestamp, and a pushed row
    with an older ``(event, created)``; at full equality the greater bytes stay.
    """


class OnlineStore(Protocol):
    """Rows as bytes. Safe to use from several threads; a forked child opens its own connections."""

    def read(self, *, requests: Sequence[SpaceKeys]) -> list[bytes | None]:
        """The rows of all requests, flat and in order, None where there is none; one round trip.

        Raises:
            OnlineStoreUnavailableError: if the store cannot be reached; never part of an answer.
        """
        ...

    async def read_async(self, *, requests: Sequence[SpaceKeys]) -> list[bytes | None]:
        """`read`, without blocking the event loop."""
        ...

    def write(
        self,
        *,
        spaces: Sequence[bytes],
        keys: Sequence[bytes],
        rows: Sequence[bytes],
        rule: MaterializedWrite | PushedWrite,
        keep_for: timedelta | None,
    ) -> None:
        """Write ``rows[i]`` under ``keys[i]`` in each of the spaces, as the rule says, atomically per row.

        Args:
            spaces: where to write; several while a generation is being filled.
            keys: entity keys, distinct.
            rows: encoded rows, one per key.
            rule: who may replace whom.
            keep_for: the store reclaims the row by itself no earlier than this after the write; None: never.

        Raises:
            OnlineStoreUnavailableError: if the store cannot be reached; rows may have been written in part,
                and writing them again is safe.
        """
        ...

    def delete(self, *, spaces: Sequence[bytes], keys: Sequence[bytes]) -> None:
        """Delete the rows of these entities."""
        ...

    def pushed_keys(self, *, space: bytes) -> Iterator[list[bytes]]:
        """Keys, in batches, under which a pushed row may be stored in the space (never one too few)."""
        ...

    def retire(self, *, space: bytes, keep_for: timedelta) -> None:
        """Let all rows of a space be reclaimed, no earlier than `keep_for` from now."""
        ...

    def close(self) -> None:
        """Close all connections."""
        ...
