"""How many bytes a training frame needs of its sources, and how many a process reads from the disk."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

if TYPE_CHECKING:
    from benchmarks.cases import Case, View

_TIMES = ("event_timestamp", "created_timestamp")


def size(case: Case) -> int:
    """The size of the columns that are needed of the sources, as it was before compression."""
    return sum(c.total_uncompressed_size for view in case.views for c in _needed(view, None))


def needed(case: Case, earliest: datetime) -> int:
    """The bytes in the files of the columns that are needed, of row groups that are not too old for the ttl."""
    return sum(
        c.total_compressed_size
        for view in case.views
        for c in _needed(view, None if view.ttl is None else earliest - timedelta(minutes=view.ttl))
    )


def _needed(view: View, earliest: datetime | None) -> Iterator[Any]:
    wanted = {*view.keys, *_TIMES, *view.features}
    for file in view.files():
        footer = pq.read_metadata(file)
        for number in range(footer.num_row_groups):
            group = footer.row_group(number)
            columns = {c.path_in_schema: c for c in (group.column(i) for i in range(group.num_columns))}
            if earliest is None or columns[_TIMES[0]].statistics.max >= earliest:
                yield from (column for name, column in columns.items() if name in wanted)


class DiskReads:
    """What this process has read from the disk since the files were put out of the page cache (Linux only).

    The kernel counts what had to be fetched, whether it was read or mapped; it reads ahead a little.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        for file in files:
            descriptor = os.open(file, os.O_RDONLY)
            try:
                os.fsync(descriptor)
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(descriptor)
        self._before = _read_bytes()

    def so_far(self) -> int:
        """The bytes."""
        return _read_bytes() - self._before


def _read_bytes() -> int:
    lines = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("read_bytes"))
