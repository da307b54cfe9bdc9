"""The warehouse demo: training frames and serving, where the data are in PostgreSQL.

Run it with ``make demo-warehouse``. It starts a PostgreSQL server of its own; with WAREHOUSE_URL set to an empty
database, that one is used.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
from rich.console import Console
from rich.table import Table

import featurestore as fs
from examples.warehouse import data, features
from featurestore.testing.servers import PostgresServer

HERE = Path(__file__).parent
# The rows to be completed are asked of the warehouse too.
OFFERS = "SELECT courier_id::bigint AS courier_id, district, event_timestamp, minutes_taken FROM ops.offers"
console = Console(highlight=False, width=110)


def main() -> None:
    """Run the whole way once, and show each step."""
    began = time.perf_counter()
    for leftover in ("registry.db", "online.db"):
        for file in HERE.glob(f"{leftover}*"):
            file.unlink()
    with warehouse(), fs.FeatureStore(config=HERE / "feature_store.toml") as store:
        store.apply([features.in_the_warehouse, features.arrival])
        offers = store_offers()
        show_engines(store, offers)
        show_statement(store, offers)
        show_mixed(store, offers)
        show_serving(store)
    console.print(f"\nDone in {time.perf_counter() - began:.0f} s.")


@contextmanager
def warehouse() -> Iterator[None]:
    """The database of the environment, else one of a server that is started here; filled."""
    data.write_rain(HERE / "data")
    if "WAREHOUSE_URL" in os.environ:
        data.fill_warehouse(os.environ["WAREHOUSE_URL"])
        yield
        return
    with PostgresServer.start_new() as server:
        os.environ["WAREHOUSE_URL"] = server.create_database()
        console.print(f"Started PostgreSQL ({server.binaries}) on port {server.port}")
        data.fill_warehouse(os.environ["WAREHOUSE_URL"])
        yield


def store_offers() -> pa.Table:
    """The offered orders, with what is to be learned."""
    import psycopg

    with psycopg.connect(os.environ["WAREHOUSE_URL"]) as connection, connection.cursor() as cursor:
        rows = cursor.execute(OFFERS).fetchall()
    names = ("courier_id", "district", "event_timestamp", "minutes_taken")
    return pa.table(dict(zip(names, zip(*rows, strict=True), strict=True)))


def show_engines(store: fs.FeatureStore, offers: pa.Table) -> None:
    """The same training frame, joined in PostgreSQL and here."""
    console.rule("[bold]One frame, three places to join it")
    table = Table(
        "engine", "what it does", "seconds", "rows", "without a delivery", box=None, header_style="bold"
    )
    does = {
        "postgres": "offers go in, one statement per view, the frame comes out",
        "duckdb": "reads the rows that the offers can see, joins here",
        "polars": "the same",
    }
    frames = {}
    for engine, words in does.items():
        began = time.perf_counter()
        frame = store.get_historical_features(offers, features.in_the_warehouse, engine=engine).to_arrow()
        seconds = f"{time.perf_counter() - began:.2f}"
        missing = frame.column("minutes").null_count
        table.add_row(engine, words, seconds, f"{frame.num_rows:,}", f"{missing:,}")
        frames[engine] = frame
    console.print(table)
    first, *others = frames.values()
    assert all(first.equals(other) for other in others)
    console.print("All three frames are equal, value for value and row for row.")


def show_statement(store: fs.FeatureStore, offers: pa.Table) -> None:
    """What PostgreSQL is asked."""
    console.rule("[bold]What runs in PostgreSQL")
    shown = store.get_historical_features(offers, [features.contract], engine="postgres").explain()
    console.print(shown, markup=False)


def show_mixed(store: fs.FeatureStore, offers: pa.Table) -> None:
    """Tables, aggregations over them and a file in one request."""
    console.rule("[bold]The warehouse, seven-day windows over it and a file, in one frame")
    frame = store.get_historical_features(offers, features.arrival).to_polars()
    console.print(frame.head(5))


def show_serving(store: fs.FeatureStore) -> None:
    """The latest values, served."""
    console.rule("[bold]Served")
    store.materialize(end=data.END)
    keys = [{"courier_id": 1, "district": "Mitte"}, {"courier_id": 9_999, "district": "Pankow"}]
    answer = store.get_online_features("arrival", keys, now=data.END)
    for row, statuses in zip(answer.to_dicts(), zip(*answer.statuses.values(), strict=True), strict=True):
        console.print(row)
        console.print("  ", ", ".join(status.value for status in statuses), style="dim")


if __name__ == "__main__":
    main()
