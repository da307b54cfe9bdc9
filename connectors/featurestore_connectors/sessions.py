"""Sessions of drivers that wait for their server without looking at signals, and the rows of queries as they come."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

if TYPE_CHECKING:
    import pyarrow as pa

T = TypeVar("T")

_LOOK_EVERY = 0.1  # seconds


def interruptible(call: Callable[[], T], cancel: Callable[[], object]) -> T:
    """What a call of a driver returns; Ctrl-C cancels what it waits for.

    Args:
        call: is made in another thread if this is the main thread, which alone gets signals.
        cancel: ends on the server what the call waits for.
    """
    if threading.current_thread() is not threading.main_thread():
        return call()
    with ThreadPoolExecutor(1, thread_name_prefix="featurestore-driver") as pool:
        future = pool.submit(call)
        try:
            # Not one long wait: Polars, once imported, makes these sleep through signals.
            while not wait([future], timeout=_LOOK_EVERY).done:
                pass
        except KeyboardInterrupt:
            cancel()
            raise
        return future.result()


class DriverSession(ABC):
    """Base of the connections for one use."""

    @abstractmethod
    def opened(self, query: str) -> tuple[Any, Any]:
        """Start a query: its cursor, and what its rows are read from."""

    @abstractmethod
    def next_batch(self, cursor: Any, rows: Any) -> pa.RecordBatch | None:
        """The next rows of a query that was opened, None after the last."""

    @abstractmethod
    def close(self, cursor: Any = None) -> None:
        """End a query, if one is open, and give the connection back; what it made is gone."""

    def batches(self, query: str) -> Batches:
        """The rows of a query as they come; the session is closed when they end, or are given up."""
        return Batches(self, query)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class Batches(Iterator["pa.RecordBatch"]):
    """The rows of a query as they come; the session is closed when they end, or are given up.

    Args:
        session: it belongs to these from now on.
        query: is run when the first rows are asked for.
    """

    def __init__(self, session: DriverSession, query: str) -> None:
        self._session = session
        self._query = query
        self._cursor: Any = None
        self._rows: Any = None

    def __next__(self) -> pa.RecordBatch:
        try:
            if self._rows is None:
                self._cursor, self._rows = self._session.opened(self._query)
            batch = self._session.next_batch(self._cursor, self._rows)
        except BaseException:
            self.close()
            raise
        if batch is None:
            self.close()
            raise StopIteration
        return batch

    def close(self) -> None:
        """End the query and its session."""
        self._session.close(self._cursor)

    def __del__(self) -> None:
        self.close()
