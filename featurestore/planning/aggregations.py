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
    types = {column: dtype for a in aggregations for column, dtype in a.types.items()}
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
        by=aggregation.by,
        keys=aggregation.keys,
    )


def with_known_types(view: FeatureView, source: Source) -> FeatureView:
    """The view with the types of its aggregated columns, taken from the source (with absolute paths).

    Raises:
        SourceError: if the source cannot be read or does not say them.
        DefinitionError: if a function does not take a column of its type.
    """
    missing = {column: a for a in view.aggregations for column in a.open_columns}
    if not missing:
        return view
    stated = _known_types(view)
    schema = source_schema(source)
    types = {c: stated.get(c) or _column_type(view, source, schema, c, a) for c, a in missing.items()}
    return _with_types(view, types)


def _known_types(view: FeatureView) -> dict[str, FeatureType]:
    return {column: dtype for a in view.aggregations for column, dtype in a.types.items()}


def _column_type(
    view: FeatureView, source: Source, schema: pa.Schema, column: str, item: Aggregation
) -> FeatureType:
    if column not in schema.names:
        missing = NotFoundError.of("Column", column, schema.names, where=f"source {source.name!r}")
        raise SourceError(f"View {view.name!r}: {missing.message}", hint=missing.hint)
    text = isinstance(source, CSVSource) or (
        isinstance(source, ParquetSource) and column in hive_columns(source)
    )
    needed = item.needs_type or column == item.by
    found = None if text and needed else feature_type(schema.field(column).type)
    if found is None:
        what = "is text of any type" if text else f"is {schema.field(column).type}"
        argument = "by_type=fs.String" if column == item.by else "input_type=fs.Float64"
        raise SourceError(
            f"View {view.name!r}: column {column!r} of source {source.name!r} {what}, so the type of "
            f"aggregation {item.name!r} is not known.",
            hint=f"State it: fs.Aggregation(…, {argument}).",
        )
    return found


def with_types_of(view: FeatureView, known: FeatureView) -> FeatureView:
    """The view with the types that another one (its registered version) has for the same columns."""
    types = _known_types(known)
    missing = any(column in types for a in view.aggregations for column in a.open_columns)
    return _with_types(view, types) if missing else view


def _with_types(view: FeatureView, types: Mapping[str, FeatureType]) -> FeatureView:
    features = tuple(
        f.with_types(types) if isinstance(f, Aggregation) and f.open_columns else f for f in view.features
    )
    return view.model_copy(update={"features": features})
