"""Late materialization: the features of the rows that won, read once, and returned row by entity row."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import pyarrow as pa

from featurestore.engines.polars.match import Match
from featurestore.engines.polars.scan import ROW, SourceRows
from featurestore.engines.polars.ties import winners_of_ties
from featurestore.engines.polars.types import declared
from featurestore.protocols.offline import FeatureColumn, ViewPlan


def fetch(view: ViewPlan, source: SourceRows, match: Match) -> pa.Table:
    """The features of each entity row, null where it has no source row.

    Tied candidates are read in the same pass as the winners, and settled by their values.
    """
    used = pl.repeat(False, source.height, eager=True)
    winners = match.rows.drop_nulls().unique()
    used = used.scatter(winners, True).scatter(match.tied[ROW], True)
    columns = [feature.column for feature in view.features]
    if match.tied.height:
        columns += [feature.column for feature in view.tie_breakers]
    values = source.gather(columns, used)
    position = used.cast(pl.Int64).cum_sum() - 1
    rows = match.rows
    if match.tied.height:
        rows = _settled(view, match, values, position)
    return _table(view, values, position.gather(rows))


def _settled(view: ViewPlan, match: Match, values: pl.DataFrame, position: pl.Series) -> pl.Series:
    """The winners, with the greatest of each group of tied rows instead of any one of them."""
    tied = match.tied
    greatest = winners_of_ties(view, tied, values[position.gather(tied[ROW])])
    better = tied.join(greatest.rename({ROW: "winner"}), on="group").select(ROW, "winner")
    return (
        match.rows.alias(ROW).to_frame().join(better, on=ROW, how="left", maintain_order="left")
        .select(pl.coalesce("winner", ROW)).to_series()
    )  # fmt: skip


def _table(view: ViewPlan, values: pl.DataFrame, position: pl.Series) -> pa.Table:
    indices = position.to_arrow()
    columns = {f.output: _taken(values, f, view, indices) for f in view.features}
    return pa.table(columns)


def _taken(
    values: pl.DataFrame, feature: FeatureColumn, view: ViewPlan, indices: pa.Array
) -> pa.ChunkedArray:
    column = declared(values[feature.column], feature.dtype, view, feature.column)
    return column.take(indices)


def side_by_side(tables: Sequence[pa.Table]) -> pa.Table:
    """The columns of all tables."""
    columns = {name: table.column(name) for table in tables for name in table.schema.names}
    return pa.table(columns)
