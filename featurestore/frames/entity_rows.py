"""Entity rows: the frame that is to be completed, held so that its own columns are never touched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from featurestore.errors import EntityDataError
from featurestore.frames.convert import pandas_index, to_arrow_table

if TYPE_CHECKING:
    import pandas as pd

BATCH_ROWS = 131_072


class EntityRows(Protocol):
    """Rows in a fixed order that can be read by column and in batches, as often as needed."""

    @property
    def schema(self) -> pa.Schema:
        """Columns and types of the rows as they came."""
        ...

    @property
    def num_rows(self) -> int:
        """How many rows there are."""
        ...

    @property
    def index(self) -> pd.Index | None:
        """The index of a pandas frame, whose rows are found again by it; None: their numbers."""
        ...

    def columns(self, names: Sequence[str]) -> pa.Table:
        """Some of the columns, in full."""
        ...

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All columns, batch by batch, in order."""
        ...


class TableRows:
    """Entity rows in memory."""

    def __init__(self, table: pa.Table, index: pd.Index | None = None) -> None:
        self._table = table
        self.index = index

    @property
    def schema(self) -> pa.Schema:
        """Columns and types of the rows as they came."""
        return self._table.schema

    @property
    def num_rows(self) -> int:
        """How many rows there are."""
        return int(self._table.num_rows)

    def columns(self, names: Sequence[str]) -> pa.Table:
        """Some of the columns, in full."""
        return self._table.select(list(names))

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All columns, batch by batch, in order."""
        return iter(self._table.to_batches(max_chunksize=BATCH_ROWS))


class ParquetRows:
    """Entity rows in one Parquet file, read as they are needed."""

    index = None

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._open() as file:
            self._schema = file.schema_arrow
            self._num_rows = file.metadata.num_rows

    def _open(self) -> pq.ParquetFile:
        try:
            return pq.ParquetFile(self._path)
        except (OSError, pa.ArrowException) as error:
            raise EntityDataError(
                f"The entity rows in {self._path} cannot be read as Parquet: {error}."
            ) from error

    @property
    def schema(self) -> pa.Schema:
        """Columns and types of the rows as they came."""
        return self._schema

    @property
    def num_rows(self) -> int:
        """How many rows there are."""
        return int(self._num_rows)

    def columns(self, names: Sequence[str]) -> pa.Table:
        """Some of the columns, in full."""
        with self._open() as file:
            return file.read(columns=list(names)).select(list(names))

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All columns, batch by batch, in order."""
        with self._open() as file:
            yield from file.iter_batches(batch_size=BATCH_ROWS)


def entity_rows(frame: Any) -> EntityRows:
    """Hold any frame, or the path of a Parquet file, as entity rows.

    Raises:
        EntityDataError: if it is no frame, cannot be read, or names two columns alike.
    """
    rows = (
        ParquetRows(frame)
        if isinstance(frame, Path)
        else TableRows(to_arrow_table(frame, what="the entity rows"), pandas_index(frame))
    )
    names = rows.schema.names
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise EntityDataError(f"The entity rows have more than one column named {twice[0]!r}.")
    return rows
