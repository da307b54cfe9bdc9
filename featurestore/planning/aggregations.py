"""Aggregations in plans: the types of their columns, and what engines have to know of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TypedDict

import pyarrow as pa

from featurestore.definitions.aggregation import ALL_ROWS, Aggregation
from featurestore.definitions.functions import parse_function
from featurestore.definitions.instants import duration_to_microseconds
from featurestore.definitions.source import Source
from featurestore.definitions.steps import condition_columns, row_steps
from featurestore.definitions.types import Bool, FeatureType
from featurestore.definitions.view import FeatureView
from featurestore.errors import NotFoundError, SourceError
from featurestore.frames.types import feature_type, is_text
from featurestore.planning.column_types import known_types, with_types
from featurestore.protocols.offline import FeatureColumn, WindowColumn
from featurestore.transforms.rows import RowSchema, row_schema


class ValueColumns(TypedDict):
    """The parts of a `ViewPlan` that say what values are made of."""

    features: tuple[FeatureColumn, ...]
    tie_breakers: tuple[FeatureColumn, ...]
    windows: tuple[WindowColumn, ...]


def value_columns(view: FeatureView, outputs: Mapping[str, str]) -> ValueColumns:
    """What the requested features (output to name) of a view with known types are made of."""
    requested = {output: view.feature(name) for output, name in outputs.items()}
    features = tuple(FeatureColumn(output, f.column, f.dtype) for output, f in requested.items())
    asked = {output: f for output, f in requested.items() if isinstance(f, Aggregation)}
    if not asked:
        declared = sorted(view.features, key=lambda f: f.name)
        ties = tuple(FeatureColumn(f.name, f.column, f.dtype) for f in declared)
        return ValueColumns(features=features, tie_breakers=ties, windows=())
    conditions = condition_columns(view)
    # Of rows that correct each other at the same time, the greatest of all inputs exists.
    needed = list(asked.values()) if view.origin.event_id is None else view.aggregations
    return ValueColumns(
        features=features,
        tie_breakers=_inputs(needed, conditions),
        windows=tuple(_window(output, f, conditions) for output, f in asked.items()),
    )


def _inputs(aggregations: Sequence[Aggregation], conditions: Mapping[str, str]) -> tuple[FeatureColumn, ...]:
    """The columns that are aggregated, in the order of their names, and those of the conditions."""
    types = {column: dtype for a in aggregations for column, dtype in a.types.items()}
    marks = sorted({conditions[a.where] for a in aggregations if a.where is not None})
    return (
        *(FeatureColumn(column, column, types[column]) for column in sorted(types)),
        *(FeatureColumn(column, column, Bool) for column in marks),
    )


def _window(output: str, aggregation: Aggregation, conditions: Mapping[str, str]) -> WindowColumn:
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
        where=None if aggregation.where is None else conditions[aggregation.where],
        dtype=aggregation.dtype,
        empty=aggregation.empty,
        series=aggregation.series,
        by=aggregation.by,
        keys=aggregation.keys,
    )


def with_known_types(view: FeatureView, source: Source) -> FeatureView:
    """The view with the types of its aggregated columns, taken from its rows.

    Args:
        view: any.
        source: its origin, with absolute paths.

    Raises:
        SourceError: if the source cannot be read or does not say them.
        TransformError: if a transform or a condition does not fit the source.
        DefinitionError: if a function does not take a column of its type.
    """
    missing = {column: a for a in view.aggregations for column in a.open_columns}
    if not missing:
        return view
    stated = known_types(view)
    rows = row_schema(source, row_steps(view))
    types = {c: stated.get(c) or _column_type(view, source, rows, c, a) for c, a in missing.items()}
    return with_types(view, types)


def _column_type(
    view: FeatureView, source: Source, rows: RowSchema, column: str, item: Aggregation
) -> FeatureType:
    if column not in rows.arrow.names:
        missing = NotFoundError.of("Column", column, rows.arrow.names, where=f"source {source.name!r}")
        raise SourceError(f"View {view.name!r}: {missing.message}", hint=missing.hint)
    found_type = rows.arrow.field(column).type
    # Columns that are read as declared may have a type of their own too.
    text = column in rows.text and is_text(found_type)
    needed = item.needs_type or column == item.by
    found = None if text and needed else feature_type(found_type)
    if found is None:
        what = "is text of any type" if text else f"is {found_type}"
        argument = "by_type=fs.String" if column == item.by else "input_type=fs.Float64"
        raise SourceError(
            f"View {view.name!r}: column {column!r} of source {source.name!r} {what}, so the type of "
            f"aggregation {item.name!r} is not known.",
            hint=f"State it: fs.Aggregation(…, {argument}).",
        )
    return found


def check_conditions(view: FeatureView, rows: RowSchema) -> None:
    """Check that the conditions of a view's aggregations are true or false of its rows.

    Raises:
        SourceError: if one is something else.
    """
    for text, column in condition_columns(view).items():
        found = rows.arrow.field(column).type
        if not pa.types.is_boolean(found):
            raise SourceError(
                f"View {view.name!r}: the condition {text!r} is {found}, neither true nor false.",
                hint="Compare it with something, such as \"amount > 0 AND status = 'ok'\".",
            )
