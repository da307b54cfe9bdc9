"""The features of this project. After a change, `featurestore plan` says what it means."""

from datetime import timedelta

import featurestore as fs

driver = fs.Entity("driver", join_keys={"driver_id": fs.Int64}, description="Who drives.")

driver_days = fs.ParquetSource(
    "driver_days",
    path="data/driver_days.parquet",
    event_timestamp="measured_at",  # when it was so
    created_timestamp="loaded_at",  # when the row was written: of two rows for one time, the later one wins
    delay=timedelta(minutes=10),  # how long until it is known
    description="What each driver did, hour by hour.",
)

driver_stats = fs.FeatureView(
    "driver_stats",
    entities=[driver],
    source=driver_days,
    ttl=timedelta(days=7),  # older values are not used
    features=[
        fs.Feature("trips", fs.Int64, column="trips_today", description="Trips since midnight."),
        fs.Feature("acceptance", fs.Float64, description="Share of the offers that were taken."),
        fs.Feature("city", fs.String),
    ],
    description="How a driver is doing.",
)

drivers = fs.FeatureService("drivers", features=[driver_stats], description="What the model reads.")
