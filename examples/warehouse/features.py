"""What is known of a courier and of a district when an order is offered."""

from __future__ import annotations

from datetime import timedelta

import featurestore as fs

WAREHOUSE = "${WAREHOUSE_URL}"  # postgresql://user:${PGPASSWORD}@host/database, for example
# The one line to change where the same tables are in Snowflake: Warehouse = fs.SnowflakeSource
# (and WAREHOUSE_URL is snowflake://user:${SNOWFLAKE_PASSWORD}@account/database?warehouse=…).
Warehouse = fs.PostgresSource

courier = fs.Entity("courier", join_keys={"courier_id": fs.Int64})
district = fs.Entity("district", join_keys={"district": fs.String})

# A delivery is known when the nightly load has brought it, which can be a day later.
deliveries = Warehouse(
    "deliveries",
    url=WAREHOUSE,
    table="ops.deliveries",
    event_timestamp="finished_at",
    available_at="loaded_at",
    event_id="delivery_id",
    created_timestamp="loaded_at",
)
contracts = Warehouse(
    "contracts", url=WAREHOUSE, table="hr.contracts", event_timestamp="signed_on",
    delay=timedelta(days=1), timezone="Europe/Berlin",
)  # fmt: skip
# Not all data are in the warehouse: these are files.
rain = fs.ParquetSource("rain", path="data/rain.parquet", event_timestamp="measured_at")

last_delivery = fs.FeatureView(
    "last_delivery",
    entities=[courier],
    source=deliveries,
    ttl=timedelta(days=14),
    features=[
        fs.Feature("minutes", fs.Float64),
        fs.Feature("tip", fs.Decimal(6, 2)),
    ],
)
last_route = fs.FeatureView(
    "last_route",
    entities=[courier],
    source=deliveries,
    features=[fs.Feature("stops", fs.List(fs.String))],
)
contract = fs.FeatureView(
    "contract",
    entities=[courier],
    source=contracts,
    features=[fs.Feature("hours", fs.Int16), fs.Feature("vehicle", fs.String)],
)
recent_load = fs.FeatureView(
    "recent_load",
    entities=[courier],
    source=deliveries,
    features=[
        fs.Aggregation("*", "count", window=timedelta(days=7), name="deliveries_7d"),
        fs.Aggregation("minutes", "mean", window=timedelta(days=7), name="minutes_7d"),
    ],
)
district_rain = fs.FeatureView(
    "district_rain",
    entities=[district],
    source=rain,
    ttl=timedelta(hours=3),
    features=[fs.Feature("millimetres", fs.Float64)],
)

# All of this is joined in the warehouse, if it is asked for there.
in_the_warehouse = fs.FeatureService("couriers_now", features=[last_delivery, contract])
# This is read from where it is, and joined here.
arrival = fs.FeatureService(
    "arrival", features=[last_delivery, last_route, contract, recent_load, district_rain]
)
