"""The seam to sources that engines do not read themselves: databases, object stores, other packages' own.

A reader is found by the kind of its source, in the entry point group ``featurestore.source_readers``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class WantedRows:
    """Which rows of a source can matter. A reader may return more of them, never fewer.

    Attributes:
        earliest: rows with an earlier event timestamp (whole microseconds, UTC) do not matter.
        latest: nor do rows with a later one.
        keys: nor do rows whose values in these columns are not together in a row of this table. The columns have
            the types that were declared.
        first: so many rows are enough, whichever they are.
    """

    earliest: int | None = None
    latest: int | None = None
    keys: pa.Table | None = None
    first: int | None = None


EVERY_ROW = WantedRows()


@dataclass(frozen=True, slots=True)
class SourceColumns:
    """The columns of a source.

    Attributes:
        schema: names and Arrow types.
        text: columns that are text to be read as the type that a view declares.
    """

    schema: pa.Schema
    text: frozenset[str] = frozenset()


class SourceReader(Protocol):
    """Reads the sources of one kind; made anew for each use, with no arguments."""

    def columns(self, *, source: Any) -> SourceColumns:
        """All columns of a source; no rows are read.

        Raises:
            SourceError: if the source is not there or cannot be read; it lists what is there.
        """
        ...

    def read(
        self, *, source: Any, columns: Mapping[str, pa.DataType | None], rows: WantedRows
    ) -> pa.RecordBatchReader:
        """Some columns of the rows that are wanted, and maybe of others.

        Args:
            source: the source.
            columns: name to the type that a text column is parsed as; None: as it is.
            rows: which rows are wanted.

        Returns:
            Batches in any order, all read in one state of the source. What the reader holds (a connection) is
            given back when the batches end, or the reader is closed or collected.

        Raises:
            SourceError: at once or while the batches are read.
        """
        ...
