"""The demo: from definitions to a model and to serving, on the flights that left New York in 2013.

Run it with ``make demo``, or ``python -m examples.flights --online redis``.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.rule import Rule
from rich.table import Table

import featurestore as fs
from examples.flights import data, features
from examples.flights.model import DelayModel
from examples.flights.naive import cells_that_differ, naive_frame
from featurestore.testing.servers import RedisServer

HERE = Path(__file__).parent
NOW = datetime(2013, 12, 30, 17, 0, tzinfo=UTC)
SEASONS = {
    "winter": datetime(2013, 4, 1, tzinfo=UTC),
    "spring": datetime(2013, 6, 1, tzinfo=UTC),
    "summer": datetime(2013, 9, 1, tzinfo=UTC),
    "autumn": None,
}
console = Console(highlight=False, width=110)


def main() -> None:
    """Run the whole way once, and show each step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--online", choices=["sqlite", "redis"], default="sqlite")
    began = time.perf_counter()
    for leftover in ("registry.db", "online.db"):
        for file in HERE.glob(f"{leftover}*"):
            file.unlink()
    shutil.rmtree(HERE / "training_sets", ignore_errors=True)
    with (
        online_store(parser.parse_args().online) as url,
        fs.FeatureStore(config=HERE / "feature_store.toml", online=url) as store,
    ):
        show_definitions(store)
        show_training(store)
        show_serving(store)
        show_proof(store)
        show_drift(store)
    console.print(f"\nDone in {time.perf_counter() - began:.0f} s. Look around with the command line:")
    console.print("  [bold]cd examples/flights && ../../.venv/bin/featurestore status[/]")


@contextlib.contextmanager
def online_store(kind: str) -> Iterator[str | None]:
    """The URL of the online store: a Redis server of our own, or None for the SQLite of the configuration."""
    if kind == "sqlite":
        yield None
        return
    with RedisServer.start_new() as server:
        console.print(f"Started {server.binary} at {server.url}")
        yield server.url


def heading(text: str) -> None:
    """A line between two steps."""
    console.print()
    console.print(Rule(f"[bold]{text}", align="left", style="cyan"))


def show_definitions(store: fs.FeatureStore) -> None:
    """Plan, apply, and list what is there."""
    heading("1. Definitions: plan and apply")
    plan = store.plan(features.DEFINITIONS)
    console.print(str(plan))
    store.apply(plan)
    table = Table(
        "view",
        "join keys",
        "known",
        "counts for",
        "features",
        title="Applied feature views",
        title_justify="left",
    )
    for view in features.VIEWS:
        table.add_row(
            view.name, ", ".join(view.join_keys), known_when(view), counts_for(view),
            ", ".join(feature.name for feature in view.features),
        )  # fmt: skip
    console.print(table)


def known_when(view: fs.FeatureView) -> str:
    """When a row of the view's source becomes known, in words."""
    source = view.source
    return (
        f"from {source.available_at} on"
        if source.available_at
        else f"{source.effective_delay} after {source.event_timestamp}"
    )


def counts_for(view: fs.FeatureView) -> str:
    """How long a row counts, in words."""
    spans = dict.fromkeys(str(aggregation.span) for aggregation in view.aggregations)
    return ", ".join(spans) or str(view.ttl or "ever")


def show_training(store: fs.FeatureStore) -> None:
    """The training frame, and what a naive join would have done."""
    heading("2. A training frame: all 336,776 flights of 2013, each at its scheduled departure")
    flights = pl.read_parquet(data.DATA / "flights.parquet")
    entity_df = flights.select("scheduled_departure", "tailnum", "origin", "dest", "carrier", "dep_delay")
    began = time.perf_counter()
    frame = store.get_historical_features(
        entity_df, features.departure_delay,
        event_timestamp="scheduled_departure", timezone=data.NEW_YORK,
    ).to_polars()  # fmt: skip
    console.print(
        f"{frame.height:,} rows × {frame.width} columns in {time.perf_counter() - began:.1f} s, "
        f"in the order of the entity dataframe: {frame.select(entity_df.columns).equals(entity_df)}"
    )
    columns = [
        "scheduled_departure",
        "tailnum",
        "dest",
        "last_dep_delay",
        "last_landed_at",
        "origin_delay_1h",
        "plane_flights",
        "temp",
    ]
    show_rows(frame.filter(pl.col("tailnum") == "N14228").select(columns).head(5))
    local = pl.col("scheduled_departure").dt.replace_time_zone(data.NEW_YORK, ambiguous="earliest")
    future = frame.filter(pl.col("last_landed_at") > local.dt.convert_time_zone("UTC"))
    console.print(f"Rows that see a flight which had not landed yet: [bold]{future.height}[/]")

    heading("3. What a naive join would have leaked")
    console.print(
        "Naive: flights by schedule, whether they had left or landed or not. A model for 'more than 15 minutes\n"
        "late' is trained until September and judged on October to December (area under the ROC curve):"
    )
    table = Table("join", "cells that differ", "AUC in its own world", "AUC on what serving can know")
    for label, itself in (("scheduled at or before", True), ("scheduled before", False)):
        naive = naive_frame(frame, flights, itself=itself)
        differ, cells = cells_that_differ(frame, naive)
        model = DelayModel(naive)
        table.add_row(
            label,
            f"{differ:,} of {cells:,} ({differ / cells:.0%})",
            f"[red]{model.score(naive):.3f}[/]",
            f"{model.score(frame):.3f}",
        )
    honest = DelayModel(frame).score(frame)
    table.add_row("point in time", "none", f"{honest:.3f}", f"[bold green]{honest:.3f}[/]")
    console.print(table)
    console.print("The leak detector takes values again with the future cut off at the source:")
    naive_view = features.without_landing(features.last_flight)
    for view, known in ((naive_view, "landed_at"), (features.route_state, None)):
        report = store.check_leakage(view, samples=1, available_at=known)
        verdict = "[green]no leak[/]" if report.clean else f"[red]{len(report.leaks):,} know the future[/]"
        console.print(f"{view.name:16} {report.values:6,} values: {verdict}")


def show_rows(frame: pl.DataFrame) -> None:
    """A few rows as a table."""
    table = Table(*frame.columns)
    for row in frame.iter_rows():
        table.add_row(*("" if value is None else str(value) for value in row))
    console.print(table)


def show_serving(store: fs.FeatureStore) -> None:
    """Materialize, and look some entities up."""
    heading(f"4. Materialize at {NOW:%Y-%m-%d %H:%M} UTC, and look features up")
    began = time.perf_counter()
    for month in range(2, 13):  # as a schedule would have done it
        store.materialize(end=NOW.replace(month=month, day=1), views=["route_state"])
    console.print(f"route_state      11 runs before, month by month, in {time.perf_counter() - began:.2f} s")
    for report in store.materialize(end=NOW):
        console.print(f"{report.view:16} {report.rows:6,} entities in {report.seconds:.2f} s")
    planes = ["N14228", "N712JB", "N0000"]
    rows = [{"tailnum": tailnum, "origin": "EWR", "dest": "IAH"} for tailnum in planes]
    answer = store.get_online_features("departure_delay", rows, now=NOW)
    table = Table("feature", *planes)
    values = answer.to_dict()
    for name, statuses in answer.statuses.items():
        cells = (
            str(v) if s is fs.Status.PRESENT else f"[dim]{s}[/]"
            for v, s in zip(values[name], statuses, strict=True)
        )
        table.add_row(name, *cells)
    console.print(table)
    times = []
    for _ in range(500):
        start = time.perf_counter()
        store.get_online_features("departure_delay", rows[:1], now=NOW).to_dicts()
        times.append(time.perf_counter() - start)
    console.print(
        f"One entity, {len(values) - 3} features of {len(features.VIEWS)} views: "
        f"{sorted(times)[250] * 1e3:.2f} ms (median of 500)"
    )


def show_proof(store: fs.FeatureStore) -> None:
    """For every entity of every view: the online value is the training value at that instant."""
    heading("5. Proof: online equals offline at that instant, for every entity")
    for view in features.VIEWS:
        offline = store.get_latest_features(view, at=NOW).to_arrow().drop_columns(["event_timestamp"])
        keys = offline.select(list(view.join_keys))
        online = store.get_online_features(view, keys, now=NOW).to_arrow()
        equal = online.equals(offline)
        verdict = "[green]equal[/]" if equal else "[red]DIFFERENT[/]"
        console.print(
            f"{view.name:16} {offline.num_rows:6,} entities × {len(view.features)} features: {verdict}"
        )
        if not equal:
            raise SystemExit(f"{view.name}: online and offline differ")


def show_drift(store: fs.FeatureStore) -> None:
    """A training set that is saved and made again, and what has moved between its seasons."""
    heading("6. A training set of every fourth flight, by season: saved, made again, compared")
    flights = pl.read_parquet(data.DATA / "flights.parquet").gather_every(4)
    entity_df = flights.select("scheduled_departure", "tailnum", "origin", "dest", "carrier", "dep_delay")
    began = time.perf_counter()
    training_set = store.create_training_set(
        "flights-2013", features.departure_delay, entity_df,
        split=fs.TimeSplit(SEASONS), event_timestamp="scheduled_departure", timezone=data.NEW_YORK,
    )  # fmt: skip
    parts = ", ".join(f"{name} {content.rows:,}" for name, content in training_set.parts.items())
    console.print(f"Saved {training_set.name} in {time.perf_counter() - began:.1f} s: {parts} rows")
    began = time.perf_counter()
    again = training_set.recreate()
    verdict = "[green]the same to the byte[/]" if again.same else "[red]DIFFERENT[/]"
    console.print(
        f"Made again from the sources in {time.perf_counter() - began:.1f} s: {verdict} ({again.content_hash[:12]}…)"
    )
    drift = store.detect_drift("flights-2013:winter", "flights-2013:summer")
    show_measures(drift)
    report = store.report("flights-2013:summer", reference="flights-2013:winter").save(HERE / "report.html")
    console.print(f"The page with all of it, one file: [bold]{report.relative_to(HERE.parents[1])}[/]")
    months = store.report("route_state").save(HERE / "route_state.html")
    console.print(f"Another one, a view's runs over the year: [bold]{months.relative_to(HERE.parents[1])}[/]")
    if not again.same or not drift.drifted:
        raise SystemExit("The training set or the drift between the seasons is not as it should be")


def show_measures(drift: fs.DriftReport) -> None:
    """What has drifted, as a table."""
    table = Table("feature", "verdict", "PSI", "J.–S.", "K.–S.", "what has changed from winter to summer")
    for found in sorted(drift.features, key=lambda each: not each.drifted):
        values = [found.measure(name) for name in ("psi", "jensen_shannon", "kolmogorov_smirnov")]
        cells = ["" if value is None else f"{value.value:.3f}" for value in values]
        verdict = f"[bold red]{found.verdict}[/]" if found.drifted else found.verdict
        table.add_row(found.feature, verdict, *cells, found.shift)
    console.print(table)


if __name__ == "__main__":
    data.write_data()
    main()
