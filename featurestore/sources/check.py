"""Whether a source has what a feature view wants of it."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable

import pyarrow as pa

from featurestore.definitions.source import Source
from featurestore.definitions.types import FeatureType
from featurestore.errors import SourceError
from featurestore.frames.types import converts


def check_columns(
    label: str,
    source: Source,
    schema: pa.Schema,
    as_text: Collection[str],
    wanted: Iterable[tuple[str, FeatureType]],
) -> None:
    """Check that rows have the columns that a view wants, and times where the source declares them.

    Args:
        label: names the view in errors.
        source: names the columns that hold times.
        schema: of the rows that the view's features are read from.
        as_text: columns that are text to be read as the type that the view declares.
        wanted: columns and their types.

    Raises:
        SourceError: if a column is missing or its type does not convert, or the event timestamp is a date and no
            delay is stated.
    """
    for column, dtype in wanted:
        found = _column_type(label, source, schema, column)
        if column not in as_text and not converts(found, dtype):
            raise SourceError(
                f"View {label!r}: column {column!r} of source {source.name!r} is {found}, which does not "
                f"convert to {dtype} without loss.",
                hint=f"Declare a type that holds {found}, or convert the column: CAST(… AS …) in SQL.",
            )
    for role in ("event_timestamp", "created_timestamp", "available_at"):
        column = getattr(source, role)
        if column is not None:
            _check_time(label, source, role, _column_type(label, source, schema, column))
    if source.event_id is not None:
        _column_type(label, source, schema, source.event_id)


_COLUMNS = "These are the columns after all transforms of the rows; a pandas index is none: df.reset_index()."


def _column_type(label: str, source: Source, schema: pa.Schema, column: str) -> pa.DataType:
    if column in schema.names:
        return schema.field(column).type
    near = difflib.get_close_matches(column, schema.names, n=3, cutoff=0.6)
    raise SourceError(
        f"View {label!r}: source {source.name!r} has no column {column!r}; it has: "
        f"{', '.join(schema.names)}.",
        hint=f"Did you mean {' or '.join(map(repr, near))}?" if near else _COLUMNS,
    )


def _check_time(label: str, source: Source, role: str, found: pa.DataType) -> None:
    if pa.types.is_date(found):
        if role == "event_timestamp" and source.delay is None:
            raise SourceError(
                f"Source {source.name!r}: its event timestamp {source.event_timestamp!r} is a date, and the "
                "day's data is not known at its first midnight.",
                hint="State when it is: delay=timedelta(days=1), or timedelta(0) if it is known at midnight.",
            )
    elif not pa.types.is_timestamp(found) and not pa.types.is_null(found):
        raise SourceError(
            f"View {label!r}: {role} of source {source.name!r} must be a timestamp or a date, "
            f"column {getattr(source, role)!r} is {found}.",
            hint="Convert the column in the source.",
        )
