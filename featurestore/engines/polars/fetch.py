"""Late materialization: the features of the rows that won, read once, and returned row by entity row."""

from __future__ import annotations

import os
from collections.abc import Iterator

import polars as pl
import pyarrow as pa

from featurestore.engines.polars.match import Match
from featurestore.engines.polars.scan import ROW, SourceRows
from featurestore.engines.polars.ties import winners_of_ties
from featurestore.engines.polars.types import declared
from featurestore.frames.batches import picked
from featurestore.protocols.offline import ViewPlan


def fetch(view: ViewPlan, source: SourceRows, match: Match) -> Iterator[pa.RecordBatch]:
    """The features of each entity row, null where it has no source row; all is read before the first batch.

    Tied candidates are read in the same pass as the winners, and settled by their values.
    """
    used = pl.repeat(False, source.height, eager=True)
    used = used.scatter(match.rows.drop_nulls(), True).scatter(match.tied[ROW], True)
    columns, tied = [feature.column for feature in view.features], None
    if match.tied.height:
        columns += [feature.column for feature in view.tie_breakers]
        tied = match.tied[ROW]
    values = source.gather(columns, used, tied=tied)
    position = used.cast(pl.get_index_type()).cum_sum() - 1
    rows = match.rows
    if match.tied.height:
        rows = _settled(view, match, values, position)
    features = {f.output: declared(values[f.column], f.dtype, view, f.column) for f in view.features}
    every_row = bool(used.all())

    def positions(start: int, count: int) -> pa.Array:
        part = rows.slice(start, count)
        return (part if every_row else position.gather(part)).to_arrow()

    return picked(pa.table(features), rows.len(), positions, os.cpu_count() or 1)


def _settled(view: ViewPlan, match: Match, values: pl.DataFrame, position: pl.Series) -> pl.Series:
    """The winners, with the greatest of each group of tied rows instead of any one of them."""
    tied = match.tied
    greatest = winners_of_ties(view, tied, values[position.gather(tied[ROW])])
    better = tied.join(greatest.rename({ROW: "winner"}), on="group").select(ROW, "winner")
    return (
        match.rows.alias(ROW).to_frame().join(better, on=ROW, how="left", maintain_order="left")
        .select(pl.coalesce("winner", ROW)).to_series()
    )  # fmt: skip
