"""Values of a source in their declared types."""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from featurestore.definitions.types import FeatureType, List, Timestamp, Vector, ZonedTimestamp
from featurestore.engines.polars.times import instants
from featurestore.errors import SourceError
from featurestore.frames.times import SOURCE_TIME, time_column
from featurestore.frames.types import arrow_type
from featurestore.protocols.offline import ViewPlan


def declared(column: pl.Series, dtype: FeatureType, view: ViewPlan, name: str) -> pa.ChunkedArray:
    """A column of the source in the Arrow type of `dtype`.

    Raises:
        SourceError: if a vector has another length or a null inside, or a text is no such value.
    """
    found = pa.chunked_array([column.to_arrow(compat_level=pl.CompatLevel.oldest())])
    try:
        return _declared(found, dtype, view.source.timezone, name)
    except pa.ArrowInvalid as error:
        raise SourceError(
            f"View {view.label!r}: column {name!r} of source {view.source.name!r} holds a value that is not a "
            f"{dtype}: {error}.",
            hint="Repair the row, or declare another type.",
        ) from error


def _declared(column: pa.ChunkedArray, dtype: FeatureType, zone: str, name: str) -> pa.ChunkedArray:
    wanted = arrow_type(dtype)
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if column.type == wanted:
        return column
    if pa.types.is_null(column.type):
        return column.cast(wanted)
    if isinstance(dtype, ZonedTimestamp) and pa.types.is_timestamp(column.type):
        times = time_column(column, zone, name=name, reading=SOURCE_TIME)
        return times.cast(pa.timestamp("us")).cast(pa.timestamp("us", "UTC")).cast(wanted)
    if isinstance(dtype, List | Vector):
        return pa.chunked_array([_list(chunk, dtype, zone, name) for chunk in column.chunks], wanted)
    return column.cast(wanted)


def _list(column: pa.Array, dtype: List | Vector, zone: str, name: str) -> pa.Array:
    """A list of converted items, with the lengths and nulls of the column."""
    wanted = arrow_type(dtype)
    lengths = pc.list_value_length(column)
    flat = pc.list_flatten(column)
    # Polars gives parts of lists whose empty items begin behind the end of their buffer, which Arrow cannot join.
    flat = flat if len(flat) else pa.array([], flat.type)
    items = _declared(pa.chunked_array([flat]), dtype.item, zone, name).combine_chunks()
    if isinstance(dtype, List):
        counts = pc.fill_null(lengths, 0).cast(pa.int64()).to_numpy(zero_copy_only=False)
        offsets = pa.array(np.concatenate([[0], counts.cumsum()]).astype(np.int32))
        return pa.ListArray.from_arrays(offsets, items, mask=column.is_null())
    if items.null_count:
        raise pa.ArrowInvalid("a vector has a null inside")
    if pc.any(pc.not_equal(lengths, dtype.length)).as_py():
        raise pa.ArrowInvalid(f"a vector has {pc.max(lengths)} items")
    if not column.null_count:
        return pa.FixedSizeListArray.from_arrays(items, dtype.length)
    position = pc.subtract(pc.cumulative_sum(pc.is_valid(column).cast(pa.int64())), 1)
    taken = pc.if_else(pc.is_valid(column), position, None)
    return pa.FixedSizeListArray.from_arrays(items, dtype.length).take(taken).cast(wanted)


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
