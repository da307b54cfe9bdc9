"""Values of a source in their declared types."""

from __future__ import annotations

import polars as pl
import pyarrow as pa

from featurestore.definitions.types import FeatureType, Timestamp
from featurestore.engines.polars.times import instants
from featurestore.errors import SourceError
from featurestore.frames.declared import as_declared
from featurestore.frames.times import SOURCE_TIME
from featurestore.frames.types import arrow_type
from featurestore.protocols.offline import ViewPlan


def declared(column: pl.Series, dtype: FeatureType, view: ViewPlan, name: str) -> pa.ChunkedArray:
    """A column of the source in the Arrow type of `dtype`.

    Raises:
        SourceError: if a vector has another length or a null inside, or a text is no such value.
    """
    found = pa.chunked_array([column.to_arrow(compat_level=pl.CompatLevel.oldest())])
    try:
        return as_declared(found, dtype, view.source.timezone, name)
    except pa.ArrowInvalid as error:
        raise SourceError(
            f"View {view.label!r}: column {name!r} of source {view.source.name!r} holds a value that is not a "
            f"{dtype}: {error}.",
            hint="Repair the row, or declare another type.",
        ) from error


def key_values(column: pl.Series, dtype: FeatureType, view: ViewPlan, *, text: bool) -> pl.Series:
    """A join key of the source such that equal keys are equal values; timestamps as microseconds."""
    if column.dtype in (pl.Categorical, pl.Enum):
        column = column.cast(pl.String)
    if dtype == Timestamp and not text:
        return instants(column, view.source.timezone, SOURCE_TIME, what=f"join key {column.name!r}")
    if text:
        return comparable(pl.Series(column.name, declared(column, dtype, view, column.name)))
    return column.cast(pl.Series(pa.array([], arrow_type(dtype))).dtype)


def comparable(keys: pl.Series) -> pl.Series:
    """A join key of declared type in the form of `key_values`."""
    return keys.cast(pl.Int64) if isinstance(keys.dtype, pl.Datetime) else keys
