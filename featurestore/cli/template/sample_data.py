"""Makes the sample data, up to the last full hour: `python sample_data.py`."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).parent
INSTANT = pa.timestamp("us", "UTC")
HOUR = timedelta(hours=1)
CITIES = {1001: "Oslo", 1002: "Bergen", 1003: "Oslo", 1004: None, 1005: "Tromsø"}


def driver_days(until: datetime) -> pa.Table:
    """Three days of hours for each driver; driver 1005 stopped a month ago."""
    rows = []
    for driver, city in CITIES.items():
        last = until - timedelta(days=30) if driver == 1005 else until
        rows += [
            {
                "driver_id": driver,
                "measured_at": hour,
                "loaded_at": hour + timedelta(minutes=5),
                "trips_today": hour.hour * (1 + driver % 3) // 2,
                "acceptance": round(0.6 + (hour.hour * driver % 37) / 100, 2),
                "city": city,
            }
            for hour in (last - hours * HOUR for hours in reversed(range(72)))
        ]
    fields = [
        ("driver_id", pa.int64()),
        ("measured_at", INSTANT),
        ("loaded_at", INSTANT),
        ("trips_today", pa.int64()),
        ("acceptance", pa.float64()),
        ("city", pa.string()),
    ]
    return pa.Table.from_pylist(rows, schema=pa.schema(fields))


def rows_to_complete(until: datetime) -> pa.Table:
    """Moments to learn from: who, when, and what came of it (the label)."""
    moments = [
        (1001, until - 31 * HOUR, 4.5),
        (1001, until - 5 * HOUR, 4.0),
        (1002, until - 6 * HOUR, 5.0),
        (1004, until - 90 * HOUR, 3.5),
        (1005, until - HOUR, 4.5),
        (9999, until - HOUR, 2.0),
    ]
    drivers, times, ratings = zip(*moments, strict=True)
    return pa.table({"driver_id": drivers, "event_timestamp": pa.array(times, INSTANT), "rating": ratings})


if __name__ == "__main__":
    full_hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    (HERE / "data").mkdir(exist_ok=True)
    pq.write_table(driver_days(full_hour), HERE / "data" / "driver_days.parquet")
    pq.write_table(rows_to_complete(full_hour), HERE / "rows.parquet")
