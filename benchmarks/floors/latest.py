"""Each key's latest row, written by hand: find it on the narrow columns, then fetch only those rows."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import polars as pl

from benchmarks.data import FEATURES

if TYPE_CHECKING:
    import pyarrow as pa

_COLUMNS = ("entity_id", "event_timestamp", "created_timestamp", *FEATURES)

_LAST = """
    CREATE TEMP TABLE last AS
    SELECT entity_id, max(event_timestamp) AS event_timestamp FROM {source}
    WHERE event_timestamp <= '{end}' GROUP BY entity_id
"""
_WINNER = """
    CREATE TEMP TABLE winner AS
    SELECT arg_max(file_row_number, created_timestamp) AS row
    FROM {source} SEMI JOIN last USING (entity_id, event_timestamp) GROUP BY entity_id
"""
_FETCH = "SELECT {columns} FROM {source} WHERE file_row_number IN (SELECT row FROM winner)"


def in_duckdb(source: Path, end: datetime) -> pa.Table:
    """The latest rows at `end`, by DuckDB."""
    scan = f"read_parquet('{source}')"
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(_LAST.format(source=scan, end=end.isoformat()))
        connection.execute(_WINNER.format(source=scan))
        return connection.sql(_FETCH.format(source=scan, columns=", ".join(_COLUMNS))).to_arrow_table()


def in_polars(source: Path, end: datetime) -> pa.Table:
    """The latest rows at `end`, by Polars."""
    scan = pl.scan_parquet(source, row_index_name="row")
    narrow = scan.select("row", *_COLUMNS[:3]).filter(pl.col("event_timestamp") <= end).collect()
    last = narrow.group_by("entity_id").agg(pl.col("event_timestamp").max())
    tied = narrow.join(last, on=["entity_id", "event_timestamp"], how="semi")
    rows = tied.sort("created_timestamp").unique("entity_id", keep="last")["row"]
    low, high = rows.to_frame().select(low=pl.col("row").min(), high=pl.col("row").max()).row(0)
    used = pl.repeat(False, high - low + 1, eager=True).scatter(rows - low, True)
    wide = pl.scan_parquet(source).slice(low, len(used)).filter(pl.lit(used))
    return wide.select(_COLUMNS).collect().to_arrow()
