"""Made-up couriers, the same in every run: two schemas of PostgreSQL and a Parquet file."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import psycopg

BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
END = BEGIN + timedelta(days=60)
COURIERS = 500
DISTRICTS = ("Mitte", "Pankow", "Neukölln", "Spandau")

TABLES = """
CREATE SCHEMA ops;
CREATE SCHEMA hr;
CREATE TABLE ops.deliveries (
    delivery_id bigint, courier_id integer, finished_at timestamptz, loaded_at timestamptz,
    minutes real, tip numeric(6, 2), stops text[]
);
CREATE TABLE hr.contracts (courier_id integer, signed_on date, hours smallint, vehicle varchar(10));
CREATE TABLE ops.offers (courier_id integer, district text, event_timestamp timestamptz, minutes_taken real);

SELECT setseed(0.42);
INSERT INTO ops.deliveries
SELECT g, 1 + floor(random() ^ 2 * %(couriers)s), at, at + (random() * 30) * interval '1 hour',
       12 + random() * 40, CASE WHEN random() < 0.3 THEN round((random() * 8)::numeric, 2) END,
       (ARRAY['depot', 'shop', 'locker', 'door'])[1 : 1 + floor(random() * 4)::int]
FROM generate_series(1, %(deliveries)s) AS g,
     LATERAL (SELECT %(begin)s + random() * (%(end)s - %(begin)s) AS at WHERE g > 0 OFFSET 0) AS t;
-- Some deliveries are corrected two days later: the second row with their id.
INSERT INTO ops.deliveries
SELECT delivery_id, courier_id, finished_at, loaded_at + interval '2 days', minutes + 5, tip, stops
FROM ops.deliveries WHERE delivery_id %% 20 = 0;
INSERT INTO hr.contracts
SELECT c, (%(begin)s - n * interval '90 days')::date, 10 + floor(random() * 30),
       (ARRAY['bike', 'scooter', 'van'])[1 + c %% 3]
FROM generate_series(1, %(couriers)s) AS c, generate_series(1, 3) AS n;
INSERT INTO ops.offers
SELECT 1 + floor(random() * %(couriers)s * 1.02), (%(districts)s::text[])[1 + floor(random() * 4)::int],
       %(begin)s + interval '10 days' + random() * interval '50 days', 15 + random() * 40
FROM generate_series(1, %(offers)s);
CREATE INDEX ON ops.deliveries (courier_id, finished_at);
ANALYZE;
"""


def fill_warehouse(url: str, *, deliveries: int = 200_000, offers: int = 20_000) -> None:
    """Make the tables in an empty database."""
    values = {
        "couriers": COURIERS, "deliveries": deliveries, "offers": offers, "begin": BEGIN, "end": END,
        "districts": list(DISTRICTS),
    }  # fmt: skip
    with psycopg.connect(url, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute(TABLES, values)


def write_rain(folder: Path) -> None:
    """Write the file that is not in the warehouse."""
    folder.mkdir(exist_ok=True)
    hours = [BEGIN + timedelta(hours=n) for n in range(60 * 24)]
    chance = np.random.default_rng(7)
    frames = [
        pl.DataFrame(
            {"district": name, "measured_at": hours, "millimetres": chance.gamma(0.3, 1.5, len(hours))}
        )
        for name in DISTRICTS
    ]
    pl.concat(frames).write_parquet(folder / "rain.parquet")
