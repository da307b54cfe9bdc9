"""Columns of a source in their declared types: one reading for rows that are read, and for rows that are pushed."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from featurestore.definitions.types import FeatureType, List, Vector, ZonedTimestamp
from featurestore.frames.times import SOURCE_TIME, time_column
from featurestore.frames.types import arrow_type


def as_declared(column: pa.ChunkedArray, dtype: FeatureType, zone: str, name: str) -> pa.ChunkedArray:
    """A column of a source in the Arrow type of `dtype`; naive times in it are of `zone`.

    Raises:
        pa.ArrowInvalid: if a vector has another length or a null inside, or a value does not fit.
    """
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
    items = as_declared(pa.chunked_array([flat]), dtype.item, zone, name).combine_chunks()
    if isinstance(dtype, List):
        counts = pc.fill_null(lengths, 0).cast(pa.int64()).to_numpy(zero_copy_only=False)
        offsets = pa.array(np.concatenate([[0], counts.cumsum()]).astype(np.int32))
        return pa.ListArray.from_arrays(offsets, items, mask=column.is_null())
    if items.null_count:
        raise pa.ArrowInvalid("a vector has a null inside")
    others = lengths.filter(pc.not_equal(lengths, dtype.length))
    if len(others):
        raise pa.ArrowInvalid(f"a vector has {others[0]} items")
    if not column.null_count:
        return pa.FixedSizeListArray.from_arrays(items, dtype.length)
    position = pc.subtract(pc.cumulative_sum(pc.is_valid(column).cast(pa.int64())), 1)
    taken = pc.if_else(pc.is_valid(column), position, None)
    return pa.FixedSizeListArray.from_arrays(items, dtype.length).take(taken).cast(wanted)
