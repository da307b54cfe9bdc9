"""The point-in-time join written by hand for Polars."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from benchmarks.data import FEATURES

if TYPE_CHECKING:
    import pyarrow as pa


def lawful(source: Path, entity_rows: pa.Table) -> pa.Table:
    """Each entity row with the features known at its time: input order, ties settled by created time."""
    spine = pl.DataFrame(entity_rows)
    rows = _match(source, spine)
    return spine.hstack(_fetch(source, rows)).to_arrow()


def bare(source: Path, entity_rows: pa.Table) -> pa.Table:
    """Polars' own as-of join: rows in the order of time, any one of the rows that tie."""
    features = pl.scan_parquet(source).select("entity_id", "event_timestamp", *FEATURES).collect()
    if not features["event_timestamp"].is_sorted():
        features = features.sort("event_timestamp")
    # Polars cannot check sortedness within each key; both sides are sorted by time over all keys.
    joined = pl.DataFrame(entity_rows).sort("event_timestamp").join_asof(
        features, on="event_timestamp", by="entity_id", check_sortedness=False
    )  # fmt: skip
    return joined.to_arrow()


def _match(source: Path, spine: pl.DataFrame) -> pl.Series:
    """The source row for each entity row, null where there is none.

    Key and time go into one integer, so that matching is one sort and one binary search.
    """
    events = pl.col("event_timestamp").to_physical()
    narrow = pl.scan_parquet(source).select("entity_id", events, "created_timestamp").collect()
    first, last = narrow.select(events.min().alias("first"), events.max().alias("last")).row(0)
    first -= 1  # what is asked for before any event lies below all of them
    time_bits = (last - first).bit_length()
    code = narrow.select(pl.col("entity_id") * 2**time_bits + events - first).to_series()
    order = order_of(narrow, code)
    code = code.gather(order)

    wanted = spine.select(
        code=pl.col("entity_id") * 2**time_bits + (events - first).clip(0, 2**time_bits - 1)
    ).with_row_index("position").sort("code")  # fmt: skip
    found = code.search_sorted(wanted["code"], side="right").cast(pl.Int64) - 1
    same_key = code.gather(found.clip(0)) // 2**time_bits == wanted["code"] // 2**time_bits
    hits = wanted.select("position", found=pl.when(found >= 0, same_key).then(found))
    chosen = settle_ties(code, order, narrow["created_timestamp"], hits["found"])
    return hits.select("position", row=chosen).sort("position")["row"]


def order_of(narrow: pl.DataFrame, code: pl.Series) -> pl.Series:
    """Row numbers in the order of (key, event timestamp)."""
    if not narrow["event_timestamp"].is_sorted():
        return code.arg_sort()
    # Rows come in the order of time: sorting plain integers of (key, row number) is half the work.
    row_bits = narrow.height.bit_length()
    numbered = narrow.select(pl.col("entity_id") * 2**row_bits + pl.int_range(pl.len())).to_series().sort()
    return numbered.to_frame("n").select((pl.col("n") & (2**row_bits - 1)).cast(pl.UInt32)).to_series()


def settle_ties(code: pl.Series, order: pl.Series, created: pl.Series, found: pl.Series) -> pl.Series:
    """The source row with the last created time among those that tie with each found position."""
    best = order.gather(found)
    offset = 1
    while True:
        earlier = (found - offset).clip(0)
        tied = (code.gather(earlier) == code.gather(found)) & (found >= offset)
        where = tied.arg_true()
        if where.is_empty():
            return best
        rival = order.gather(earlier.gather(where))
        current = best.gather(where)
        later = created.gather(rival) > created.gather(current)
        best = best.scatter(where, rival.zip_with(later, current))
        offset += 1


def _fetch(source: Path, rows: pl.Series) -> pl.DataFrame:
    """The features of the given source rows: one pass that keeps the rows in use, then one gather."""
    height = pl.scan_parquet(source).select(pl.len()).collect().item()
    used = pl.repeat(False, height, eager=True).scatter(rows.drop_nulls().unique(), True)
    kept = pl.scan_parquet(source).select(FEATURES).filter(pl.lit(used)).collect()
    return kept.select(pl.all().gather((used.cast(pl.UInt32).cum_sum() - 1).gather(rows)))
