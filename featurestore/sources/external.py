"""Sources that are read by a connector: which ones these are, and their rows as Arrow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from featurestore.adapters import open_source_reader
from featurestore.definitions.source import FileSource, InMemorySource, Source
from featurestore.errors import SourceError
from featurestore.protocols.sources import SourceColumns, WantedRows

if TYPE_CHECKING:
    import pyarrow as pa


def is_external(source: Source) -> bool:
    """Whether a connector reads the source."""
    return not isinstance(source, FileSource | InMemorySource)


def external_columns(source: Source) -> SourceColumns:
    """The columns of a source that a connector reads.

    Raises:
        SourceError: if it cannot be read.
    """
    return open_source_reader(source.kind).columns(source=source)


def external_rows(
    source: Source,
    columns: Mapping[str, pa.DataType | None],
    rows: WantedRows,
    *,
    expected: pa.Schema | None = None,
) -> pa.RecordBatchReader:
    """Columns of the wanted rows of a source that a connector reads; see `SourceReader.read`.

    Args:
        source: the source.
        columns: name to the type that text is parsed as.
        rows: which rows are wanted.
        expected: the columns as they were checked before.

    Raises:
        SourceError: if the source cannot be read, or a column is of another type than was expected.
    """
    reader = open_source_reader(source.kind).read(source=source, columns=columns, rows=rows)
    schema = reader.schema
    try:
        check_unchanged(source, expected, schema, columns)
    except SourceError:
        del reader  # and with it its connection
        raise
    return reader


def check_unchanged(
    source: Source, expected: pa.Schema | None, found: pa.Schema, columns: Mapping[str, pa.DataType | None]
) -> None:
    """Check that columns have the types that were expected, or that text is read as.

    Raises:
        SourceError: naming one that has not.
    """
    if expected is None:
        return
    for field in found:
        before = expected.field(field.name).type
        if field.type not in (before, columns[field.name]):
            raise SourceError(
                f"Source {source.name!r}: column {field.name!r} was {before} when the request was planned and is "
                f"{field.type} now.",
                hint="Somebody has changed it in between: make the request again.",
            )
