"""A view's rows as the source of another view: keys and features by name, in their declared types."""

from __future__ import annotations

import pyarrow as pa

from featurestore.definitions.steps import Rename
from featurestore.definitions.types import FeatureType, List, Vector, ZonedTimestamp
from featurestore.errors import TransformError
from featurestore.frames.types import arrow_type, converts
from featurestore.transforms.table import Rows, missing


def inputs(step: Rename, wanted: frozenset[str]) -> frozenset[str]:
    """The columns that these columns of the result are made from, in lower case as they are."""
    columns = {name.lower(): column.lower() for name, column, _ in step.columns}
    return frozenset(columns.get(name, name) for name in wanted)


def apply(step: Rename, rows: Rows, wanted: frozenset[str] | None, *, what: str) -> Rows:
    """The renamed columns."""
    names = rows.table.schema.names
    columns, text = {}, set()
    for name, column, dtype in step.columns:
        if wanted is not None and name.lower() not in wanted:
            continue
        if column not in names:
            raise missing(column, names, what=what)
        found = rows.table.column(column)
        if column not in rows.text and not converts(found.type, dtype):
            raise TransformError(
                f"{what}: column {column!r} is {found.type}, which does not convert to {dtype} without loss.",
                hint="Declare the feature of the view that is the source with a type that holds it.",
            )
        if has_times(dtype):
            columns[name] = found
            text |= {name} if column in rows.text else set()
        else:
            columns[name] = found if found.type == arrow_type(dtype) else found.cast(arrow_type(dtype))
    for name in step.time_columns:
        if name not in columns and (wanted is None or name.lower() in wanted):
            columns[name] = rows.table.column(name)
            text |= {name} & rows.text
    return Rows(pa.table(columns), frozenset(text))


def has_times(dtype: FeatureType) -> bool:
    """Whether values hold timestamps, which stay as they are: their zone is that of the source."""
    if isinstance(dtype, List | Vector):
        return has_times(dtype.item)
    return isinstance(dtype, ZonedTimestamp)
