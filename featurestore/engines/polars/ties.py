"""The total order of rule 3, and who wins among rows that tie in event and created timestamp."""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from featurestore.definitions.types import FLOATS, Bool, FeatureType, List, Vector
from featurestore.engines.polars.scan import ROW, SourceRows
from featurestore.engines.polars.types import declared
from featurestore.protocols.offline import ViewPlan


def winners_of_ties(view: ViewPlan, tied: pl.DataFrame, values: pl.DataFrame) -> pl.DataFrame:
    """Of each group of tied rows (group, ROW) the one with the greatest values.

    Args:
        view: names the tie breakers.
        tied: the rows.
        values: raw columns of the source, one row for each of `tied`, in its order.
    """
    keys = order_keys(view, values)
    ordered = tied.with_columns(keys).sort([key.name for key in keys], nulls_last=False, maintain_order=True)
    return ordered.group_by("group", maintain_order=True).agg(pl.col(ROW).last())


def ranked(view: ViewPlan, source: SourceRows, narrow: pl.DataFrame) -> pl.DataFrame:
    """The narrow rows with `rank`, a number of their own in the order of rule 3 within each entity."""
    same = ["__fs_code", "event", "created"]
    tied = narrow.filter(pl.len().over(same) > 1).sort(ROW)
    nth = tied.select(ROW).with_columns(nth=pl.lit(0, pl.Int64))
    if tied.height:
        used = pl.repeat(False, source.height, eager=True).scatter(tied[ROW], True)
        columns = [feature.column for feature in view.tie_breakers]
        keys = order_keys(view, source.gather(columns, used, tied=tied[ROW]))
        ordered = tied.select(ROW).with_columns(keys).sort([key.name for key in keys], nulls_last=False)
        nth = ordered.select(ROW).with_row_index("nth").with_columns(pl.col("nth").cast(pl.Int64))
    placed = narrow.join(nth, on=ROW, how="left").with_columns(pl.col("nth").fill_null(0))
    ordered = placed.sort("event", "created", "nth", nulls_last=False)
    return ordered.drop("nth").with_row_index("rank").with_columns(pl.col("rank").cast(pl.Int64))


def order_keys(view: ViewPlan, values: pl.DataFrame) -> list[pl.Series]:
    """Sortable columns whose order, first to last, is that of the tie breakers' tuples."""
    columns = (
        declared(values[feature.column], feature.dtype, view, feature.column) for feature in view.tie_breakers
    )
    return [
        _order_key(column.combine_chunks(), feature.dtype).alias(f"__fs_o{i}")
        for i, (column, feature) in enumerate(zip(columns, view.tie_breakers, strict=True))
    ]


def _order_key(column: pa.Array, dtype: FeatureType) -> pl.Series:
    """A column in a form that sorts, nulls first, as rule 3 says."""
    if dtype in FLOATS:
        return _float_key(column)
    if isinstance(dtype, List | Vector):
        return _list_key(column, dtype)
    if dtype == Bool:
        column = column.cast(pa.int8())
    series = pl.Series(column)
    return series.cast(pl.Binary) if series.dtype == pl.String else series


def _float_key(column: pa.Array) -> pl.Series:
    """Floats as integers in the same order: −0.0 just below 0.0, one NaN above all."""
    wide = (
        column.cast(pa.float32()).cast(pa.float64())
        if pa.types.is_float16(column.type)
        else column.cast(pa.float64())
    )
    values = pc.fill_null(wide, 0.0).to_numpy(zero_copy_only=False)
    bits = values.view(np.int64)
    key = np.where(bits < 0, np.int64(-(2**63)) - bits - 1, bits)
    key = np.where(np.isnan(values), np.int64(2**63 - 1), key)
    return pl.Series(pa.array(key, mask=np.asarray(column.is_null())))


def _list_key(column: pa.Array, dtype: List | Vector) -> pl.Series:
    """Each list as the ranks of its items, eight bytes each: bytes sort as lists should."""
    items = _order_key(pc.list_flatten(column), dtype.item)
    ranks = items.rank("dense").cast(pl.UInt64).fill_null(0).to_numpy().astype(">u8")
    lengths = pc.fill_null(pc.list_value_length(column), 0).cast(pa.int64()).to_numpy(zero_copy_only=False)
    offsets = np.concatenate([[0], np.cumsum(lengths) * 8]).astype(np.int64)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(ranks.tobytes())]
    texts = pa.Array.from_buffers(pa.large_binary(), len(column), buffers)
    return pl.Series(pc.if_else(pc.is_valid(column), texts, None), dtype=pl.Binary)
