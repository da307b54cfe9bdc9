"""Which queries of databases gave the rows of a frame: connectors tell, and what is saved of the frame records it.

with recorded_queries() as queries:
    frame.to_arrow()
queries.of("trips")         # ["01b2f0c4-0000-…"]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock


class QueryLog:
    """The queries that have begun to give rows, by source; several threads may add to it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._found: dict[str, list[str]] = {}

    def add(self, *, source: str, query: str) -> None:
        """Record a query of a source, by what its database calls it."""
        with self._lock:
            self._found.setdefault(source, []).append(query)

    def of(self, source: str) -> list[str]:
        """The queries of a source in the order in which they began."""
        with self._lock:
            return list(self._found.get(source, ()))

    def by_source(self) -> Mapping[str, list[str]]:
        """The queries of all sources that had some."""
        with self._lock:
            return {source: list(queries) for source, queries in self._found.items()}


_LOG: ContextVar[QueryLog | None] = ContextVar("featurestore_queries", default=None)


def query_log() -> QueryLog | None:
    """What wants to know the queries of connections that are made now; None if nothing does.

    A connection asks when it is made: its rows may be read in another thread.
    """
    return _LOG.get()


@contextmanager
def recorded_queries() -> Iterator[QueryLog]:
    """Record the queries that give rows within the block."""
    log = QueryLog()
    before = _LOG.set(log)
    try:
        yield log
    finally:
        _LOG.reset(before)
