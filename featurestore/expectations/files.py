"""The files of failing rows: one for each run, or training set, that has some."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from featurestore.errors import NotFoundError
from featurestore.frames.atomic_file import atomic_path

_log = logging.getLogger(__name__)
MOST_FILES: Final = 100
"""So many files are kept of each version of a view."""


class FailingRowFiles:
    """A project's folder of failing rows: ``<project>/<view>/v<version>/run-00000012.parquet``."""

    def __init__(self, folder: Path, project: str) -> None:
        self._folder = folder / project

    def of_run(self, view: str, version: int, run: int) -> Path:
        """The file of a run."""
        return self._folder / view / f"v{version}" / f"run-{run:08d}.parquet"

    def of_training_set(self, view: str, version: int, name: str) -> Path:
        """The file of a training set, or of the last attempt to make one of that name."""
        return self._folder / view / f"v{version}" / f"training-set-{name}.parquet"

    def keep(self, path: Path, rows: pa.Table) -> None:
        """Write a file; the oldest files beside it are removed when there are too many.

        What cannot be written is logged: how the run ends does not depend on it.
        """
        try:
            self._write(path, rows)
        except OSError as error:
            _log.warning("the failing rows could not be kept in %s: %s", path, error)

    def _write(self, path: Path, rows: pa.Table) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as unfinished:
            pq.write_table(rows, unfinished, compression="zstd")
        others = sorted(path.parent.glob("*.parquet"), key=lambda file: (file.stat().st_mtime_ns, file.name))
        for file in others[:-MOST_FILES]:
            file.unlink(missing_ok=True)

    def read(self, path: Path, what: str) -> pa.Table:
        """The rows of a file.

        Raises:
            NotFoundError: if it is not there.
        """
        if not path.is_file():
            raise NotFoundError(
                f"There are no failing rows of {what}: there is no file {path}.",
                hint=f"Rows are kept where an expectation about single rows fails, of the last {MOST_FILES} times.",
            )
        return pq.read_table(path)
