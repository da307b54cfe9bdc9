"""The features of the flights example: what is known of a flight at its scheduled departure."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

import featurestore as fs

plane = fs.Entity("plane", join_keys={"tailnum": fs.String})
airport = fs.Entity("airport", join_keys={"origin": fs.String})
route = fs.Entity("route", join_keys={"origin": fs.String, "dest": fs.String})

# A flight's delays belong to its scheduled departure, and are known once it has landed.
flights = fs.ParquetSource(
    "flights",
    path="data/flights.parquet",
    event_timestamp="scheduled_departure",
    available_at="landed_at",
    timezone="America/New_York",
)
# The same flights as they leave: how late, one knows at that moment.
departures = fs.ParquetSource("departures", path="data/flights.parquet", event_timestamp="departed_at")
weather = fs.ParquetSource(
    "weather",
    path="data/weather/**/*.parquet",
    hive_partitioning=True,
    event_timestamp="observed_at",
    delay=timedelta(minutes=30),
)
register = fs.CSVSource(
    "plane_register",
    path="data/planes.csv",
    event_timestamp="registered_on",
    delay=timedelta(days=1),
    timezone="America/New_York",
)

last_flight = fs.FeatureView(
    "last_flight",
    entities=[plane],
    source=flights,
    ttl=timedelta(days=3),
    features=[
        fs.Feature("last_dep_delay", fs.Float64, column="dep_delay"),
        fs.Feature("last_arr_delay", fs.Float64, column="arr_delay"),
        fs.Feature("last_origin", fs.String, column="origin"),
        fs.Feature("last_landed_at", fs.Timestamp, column="landed_at"),
    ],
    description="What this plane did last, as far as it had landed",
    owner="operations",
)
route_state = fs.FeatureView(
    "route_state",
    entities=[route],
    source=flights,
    ttl=timedelta(days=7),
    features=[
        fs.Feature("route_arr_delay", fs.Float64, column="arr_delay"),
        fs.Feature("route_air_time", fs.Float64, column="air_time"),
        fs.Feature("route_made_up", fs.Float64, column="made_up"),
    ],
    sql="SELECT *, dep_delay - arr_delay AS made_up FROM {source}",
    description="The last flight that arrived on this route",
    owner="operations",
)


@fs.transform(row_local=True)
def with_wind_chill(rows: pl.LazyFrame) -> pl.LazyFrame:
    """How cold it feels, in °F, by the formula of the US National Weather Service (below 50 °F, from 3 mph)."""
    temp, wind = pl.col("temp"), pl.col("wind_speed") ** 0.16
    felt = 35.74 + 0.6215 * temp - 35.75 * wind + 0.4275 * temp * wind
    cold = (temp <= 50) & (pl.col("wind_speed") >= 3)
    return rows.with_columns(felt=pl.when(cold).then(felt).otherwise(temp))


origin_weather = fs.FeatureView(
    "origin_weather",
    entities=[airport],
    source=weather,
    transform=with_wind_chill,
    ttl=timedelta(hours=6),
    features=[
        fs.Feature("temp", fs.Float64),
        fs.Feature("felt", fs.Float64),
        fs.Feature("wind_speed", fs.Float64),
        fs.Feature("wind_gust", fs.Float64),
        fs.Feature("precip", fs.Float64),
        fs.Feature("visib", fs.Float64),
        fs.Feature("pressure", fs.Float64),
    ],
    description="The last weather report at the airport of departure",
    owner="weather",
)
plane_facts = fs.FeatureView(
    "plane_facts",
    entities=[plane],
    source=register,
    features=[
        fs.Feature("year_built", fs.Int32),
        fs.Feature("seats", fs.Int32),
        fs.Feature("engines", fs.Int32),
        fs.Feature("manufacturer", fs.String),
    ],
    description="Facts of the plane from the register",
    owner="fleet",
)
origin_delays = fs.FeatureView(
    "origin_delays",
    entities=[airport],
    source=departures,
    features=[
        fs.Aggregation("dep_delay", "mean", ["1h", "6h"], name="origin_delay"),
        fs.Aggregation("*", "count", "1h", name="origin_departures"),
        fs.Aggregation("*", "count", "1h", where="dep_delay > 15", name="origin_late"),
    ],
    description="How late flights have left this airport in the last hours",
    owner="operations",
)
plane_day = fs.FeatureView(
    "plane_day",
    entities=[plane],
    source=flights,
    features=[
        fs.Aggregation("*", "count", "1d", name="plane_flights"),
        fs.Aggregation("arr_delay", "max", "1d", name="plane_worst"),
        fs.Aggregation("air_time", "sum", "1d", name="plane_air_time"),
        fs.Aggregation("dest", "last_n(3)", "1d", name="plane_places"),
    ],
    description="This plane's last day, as far as its flights had landed",
    owner="operations",
)
VIEWS = (last_flight, route_state, origin_weather, plane_facts, origin_delays, plane_day)


def without_landing(view: fs.FeatureView) -> fs.FeatureView:
    """The view as it would be if nobody had said that flights are only known once they have landed."""
    source = fs.ParquetSource(
        "flights_naive", path=flights.path, event_timestamp="scheduled_departure", timezone=flights.timezone
    )
    return fs.FeatureView("naive_flight", entities=view.entities, source=source, features=view.features)


departure_delay = fs.FeatureService(
    "departure_delay",
    features=VIEWS,
    description="What the model of departure delays reads",
)
DEFINITIONS = [plane, airport, route, *VIEWS, departure_delay]
