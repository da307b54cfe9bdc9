"""Whether a source has what a feature view wants of it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

import pyarrow as pa

from featurestore.definitions.aggregation import ALL_ROWS, Aggregation
from featurestore.definitions.feature import Feature
from featurestore.definitions.source import CSVSource, ParquetSource, Source
from featurestore.definitions.types import FeatureType
from featurestore.definitions.view import FeatureView
from featurestore.errors import SourceError
from featurestore.frames.types import converts
from featurestore.sources.arrow import hive_columns, source_schema


def check_source(view: FeatureView, source: Source) -> None:
    """Check the columns of a view's source (with absolute paths) against the view.

    Raises:
        SourceError: if the source cannot be read, a column is missing or its type does not convert, or the
            event timestamp is a date and no delay is stated.
    """
    wanted = [*view.join_keys.items(), *(pair for f in view.features for pair in _inputs(f))]
    check_columns(view.name, source, source_schema(source), wanted)


def _inputs(feature: Feature | Aggregation) -> list[tuple[str, FeatureType | None]]:
    """The columns that a feature is made of and the types they must convert to."""
    if isinstance(feature, Feature):
        return [(feature.column, feature.dtype)]
    column = [] if feature.column == ALL_ROWS else [(feature.column, feature.input_type)]
    return column if feature.by is None else [*column, (feature.by, feature.by_type)]


def check_columns(
    label: str, source: Source, schema: pa.Schema, wanted: Iterable[tuple[str, FeatureType | None]]
) -> None:
    """Check that a source with this schema has the wanted columns, and times where it declares them.

    A column is wanted in a type, or (None) in whatever type it has.

    Raises:
        SourceError: as `check_source`; `label` names the view.
    """
    as_text = _text_columns(source, schema)
    for column, dtype in wanted:
        found = _column_type(label, source, schema, column)
        if dtype is not None and column not in as_text and not converts(found, dtype):
            raise SourceError(
                f"View {label!r}: column {column!r} of source {source.name!r} is {found}, which does not "
                f"convert to {dtype} without loss.",
                hint=f"Declare a type that holds {found}, or convert the column in the source.",
            )
    for role in ("event_timestamp", "created_timestamp", "available_at"):
        column = getattr(source, role)
        if column is not None:
            _check_time(label, source, role, _column_type(label, source, schema, column))
    if source.event_id is not None:
        _column_type(label, source, schema, source.event_id)


def _text_columns(source: Source, schema: pa.Schema) -> set[str]:
    if isinstance(source, CSVSource):
        return set(schema.names)
    return set(hive_columns(source)) if isinstance(source, ParquetSource) else set()


def _column_type(label: str, source: Source, schema: pa.Schema, column: str) -> pa.DataType:
    if column in schema.names:
        return schema.field(column).type
    near = difflib.get_close_matches(column, schema.names, n=3, cutoff=0.6)
    raise SourceError(
        f"View {label!r}: source {source.name!r} has no column {column!r}; it has: "
        f"{', '.join(schema.names)}.",
        hint=f"Did you mean {' or '.join(map(repr, near))}?" if near else None,
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
