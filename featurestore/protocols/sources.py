"""The seam to sources that engines do not read themselves: databases, object stores, other packages' own.

A reader is found by the kind of its source, in the entry point group ``featurestore.source_readers``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class ChangedEntities:
    """Entities that an incremental run looks at: some, and those of which one wanted row at least is as follows.

    Attributes:
        keys: the columns of the source that say which entity a row is of.
        spans: the event timestamp is later than the first and not later than the second of one of these pairs.
        created_after: or the created timestamp, where the source has one, is later than this or null.
        available_after: or `available_at`, where the source has it, is later than this.
        besides: those that are looked at anyway: a table as `WantedRows.keys`.
    """

    keys: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]
    created_after: int
    available_after: int
    besides: pa.Table | None


@dataclass(frozen=True, slots=True)
class WantedRows:
    """Which rows of a source can matter. A reader may return more of them, never fewer.

    Attributes:
        earliest: rows with an earlier event timestamp (whole microseconds, UTC) do not matter.
        latest: nor do rows with a later one.
        keys: nor do rows whose values in these columns are not together in a row of this table. The columns have
            the types that were declared.
        changed: nor do rows of other entities than these.
        first: so many rows are enough, whichever they are.
    """

    earliest: int | None = None
    latest: int | None = None
    keys: pa.Table | None = None
    changed: ChangedEntities | None = None
    first: int | None = None


EVERY_ROW = WantedRows()


@dataclass(frozen=True, slots=True)
class SourceColumns:
    """The columns of a source.

    Attributes:
        schema: names and Arrow types.
        text: columns to be read as the type that a view declares: texts, and numbers of more digits than their type
            has, such as integers of 38 digits.
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


@runtime_checkable
class SnapshotReader(Protocol):
    """What a reader may be besides: one whose sources say by themselves in which state they are.

    Training sets record it. Where a reader does not have it, they take a checksum of the rows, for which these are
    read once more before and after.
    """

    def snapshot(self, *, source: Any) -> str:
        """What names the present state of a source, such as a table's snapshot id.

        While it is the same, every read gives the same rows.

        Raises:
            SourceError: if the source is not there or cannot be read.
        """
        ...
