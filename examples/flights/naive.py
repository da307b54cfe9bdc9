"""The joins that many would write by hand: each plane's, and each route's, latest flight by schedule, and how late
the flights of the last hour at the airport were.

They ask which flight was *scheduled* before, not which had *left* or *landed*. With "at or before" they find the
flight itself, whose delay is what is to be predicted; with "before" they still see flights that were to be late.
"""

from __future__ import annotations

import polars as pl

LEAKING = [
    "last_dep_delay", "last_arr_delay", "last_origin", "route_arr_delay", "route_air_time", "origin_delay_1h",
]  # fmt: skip


def naive_frame(frame: pl.DataFrame, flights: pl.DataFrame, *, itself: bool) -> pl.DataFrame:
    """The training frame with the leaking columns joined naively instead: at or before, or before."""
    by_plane = {"last_dep_delay": "dep_delay", "last_arr_delay": "arr_delay", "last_origin": "origin"}
    by_route = {"route_arr_delay": "arr_delay", "route_air_time": "air_time"}
    rows = frame.drop(LEAKING).with_row_index("row")
    rows = _latest(rows, flights, ["tailnum"], by_plane, itself)
    rows = _latest(rows, flights, ["origin", "dest"], by_route, itself)
    hour = pl.col("dep_delay").rolling_mean_by(
        "scheduled_departure", window_size="1h", closed="right" if itself else "left"
    )
    rows = rows.with_columns(origin_delay_1h=hour.over("origin"))
    return rows.sort("row").select(frame.columns)


def cells_that_differ(frame: pl.DataFrame, naive: pl.DataFrame) -> tuple[int, int]:
    """How many cells of the leaking columns differ, and how many there are."""
    differ = sum(int(frame[name].ne_missing(naive[name]).sum()) for name in LEAKING)
    return differ, len(LEAKING) * frame.height


def _latest(
    rows: pl.DataFrame, flights: pl.DataFrame, keys: list[str], columns: dict[str, str], itself: bool
) -> pl.DataFrame:
    source = flights.select(
        *keys, "scheduled_departure", **{new: pl.col(old) for new, old in columns.items()}
    )
    return rows.sort("scheduled_departure").join_asof(
        source.drop_nulls(keys).sort("scheduled_departure"),
        on="scheduled_departure", by=keys, strategy="backward", allow_exact_matches=itself, check_sortedness=False,
    )  # fmt: skip
