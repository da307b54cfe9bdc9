"""Aggregations in plans: the types of their columns, and what engines have to know of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, TypedDict

from featurestore.definitions.aggregation import ALL_ROWS, Aggregation
from featurestore.definitions.functions import parse_function
from featurestore.definitions.instants import duration_to_microseconds
from featurestore.definitions.source import CSVSource, ParquetSource, Source
from featurestore.definitions.types import FeatureType
from featurestore.definitions.view import FeatureView
from featurestore.errors import NotFoundError, SourceError
from featurestore.frames.types import feature_type
from featurestore.protocols.offline import FeatureColumn, WindowColumn
from featurestore.sources.arrow import hive_columns, source_schema

if TYPE_CHECKING:
    import pyarrow as pa


class ValueColumns(TypedDict):
    """The parts of a `ViewPlan` that say what values are made of."""

    features: tuple[FeatureColumn, ...]
    tie_breakers: tuple[FeatureColumn, ...]
    windows: tuple[WindowColumn, ...]
    conditions: tuple[str, ...]


def value_columns(view: FeatureView, outputs: Mapping[str, str]) -> ValueColumns:
    """What the requested features (output to name) of a view with known types are made of."""
    requested = {output: view.feature(name) for output, name in outputs.items()}
    windows = [_window(output, f) for output, f in requested.items() if isinstance(f, Aggregation)]
    return ValueColumns(
        features=tuple(FeatureColumn(output, f.column, f.dtype) for output, f in requested.items()),
        tie_breakers=_inputs(view.aggregations)
        if windows
        else tuple(
            FeatureColumn(f.name, f.column, f.dtype) for f in sorted(view.features, key=lambda f: f.name)
        ),
        windows=tuple(windows),
        conditions=tuple(sorted({a.where for a in view.aggregations if a.where is not None})),
    )


def _inputs(aggregations: Sequence[Aggregation]) -> tuple[FeatureColumn, ...]:
    """The columns that are aggregated, in the order of their names."""
    types = {a.column: a.input_type for a in aggregations if a.input_type is not None}
    return tuple(FeatureColumn(column, column, types[column]) for column in sorted(types))


def _window(output: str, aggregation: Aggregation) -> WindowColumn:
    function, argument = parse_function(aggregation.function)
    span = aggregation.span
    return WindowColumn(
        output=output,
        column=None if aggregation.column == ALL_ROWS else aggregation.column,
        input=aggregation.input_type,
        function=function,
        argument=argument,
        window=duration_to_microseconds(span) if isinstance(span, timedelta) else None,
        offset=duration_to_microseconds(aggregation.offset),
        where=aggregation.where,
        dtype=aggregation.dtype,
        empty=aggregation.empty,
        series=aggregation.series,
    )


def with_known_types(view: FeatureView, source: Source) -> FeatureView:
    """The view with the types of its aggregated columns, taken from the source (with absolute paths).

    Raises:
        SourceError: if the source cannot be read or does not say them.
        DefinitionError: if a function does not take a column of its type.
    """
    open_columns = [a for a in view.aggregations if a.input_type is None and a.column != ALL_ROWS]
    if not open_columns:
        return view
    stated = {a.column: a.input_type for a in view.aggregations if a.input_type is not None}
    schema = source_schema(source)
    types = {a.column: stated.get(a.column) or _column_type(view, source, schema, a) for a in open_columns}
    return _with_types(view, types)


def _column_type(view: FeatureView, source: Source, schema: pa.Schema, item: Aggregation) -> FeatureType:
    if item.column not in schema.names:
        missing = NotFoundError.of("Column", item.column, schema.names, where=f"source {source.name!r}")
        raise SourceError(f"View {view.name!r}: {missing.message}", hint=missing.hint)
    text = isinstance(source, CSVSource) or (
        isinstance(source, ParquetSource) and item.column in hive_columns(source)
    )
    found = None if text and item.needs_type else feature_type(schema.field(item.column).type)
    if found is None:
        what = "is text of any type" if text else f"is {schema.field(item.column).type}"
        raise SourceError(
            f"View {view.name!r}: column {item.column!r} of source {source.name!r} {what}, so the type of "
            f"aggregation {item.name!r} is not known.",
            hint="State it: fs.Aggregation(…, input_type=fs.Float64).",
        )
    return found


def with_types_of(view: FeatureView, known: FeatureView) -> FeatureView:
    """The view with the types that another one (its registered version) has for the same columns."""
    types = {a.column: a.input_type for a in known.aggregations if a.input_type is not None}
    missing = any(a.input_type is None and a.column in types for a in view.aggregations)
    return _with_types(view, types) if missing else view


def _with_types(view: FeatureView, types: Mapping[str, FeatureType]) -> FeatureView:
    features = tuple(
        f.with_input_type(types[f.column])
        if isinstance(f, Aggregation) and f.input_type is None and f.column in types
        else f
        for f in view.features
    )
    return view.model_copy(update={"features": features})
