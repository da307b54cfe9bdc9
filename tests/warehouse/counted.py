"""What is read of the rows of Parquet files in object storage."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from featurestore.sources import remote

if TYPE_CHECKING:
    import pytest


class Counted:
    """Counts the bytes that are read of rows in object storage, and the files that are opened for them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bytes = 0
        self.files = 0

        @contextmanager
        def counting(*given: Any) -> Iterator[Any]:
            self.files += 1
            with remote.unchanged(*given) as file:
                yield pa.PythonFile(_Counting(file, self), "r")

        monkeypatch.setattr("featurestore.sources.remote_parquet.unchanged", counting)


class _Counting:
    closed = False

    def __init__(self, file: Any, counted: Counted) -> None:
        self._file, self._counted = file, counted

    def read_buffer(self, size: int) -> pa.Buffer:  # which Arrow prefers to read
        found = self._file.read_buffer(size)
        self._counted.bytes += len(found)
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)
