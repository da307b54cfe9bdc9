"""Aggregations over time windows at every entity row: the library, and DuckDB queries written by hand."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

import featurestore as fs
from benchmarks import answer, events
from benchmarks.data import SCALES
from benchmarks.floors import windows
from benchmarks.protocol import Job, Measurement, Run, timed

if TYPE_CHECKING:
    import pyarrow as pa

WANTED = {
    "nine": windows.Wanted(events.AMOUNTS[:1], ("sum", "count", "max"), (1, 7, 30)),
    "thirty": windows.Wanted(events.AMOUNTS, ("sum", "max"), (1, 3, 7, 14, 30)),
    "sums": windows.Wanted(events.AMOUNTS[:1], ("count", "sum"), (1, 7, 30)),
}
_QUERIES = {
    "range join": windows.range_join,
    "window frames": windows.window_frames,
    "prefix sums": windows.prefix_sums,
}


def prepare(job: Job) -> Run:
    """Read the entity rows and import what the contender needs; the run reads the events."""
    scale, wanted = SCALES[job["scale"]], WANTED[job["wanted"]]
    source = events.events(scale, job["skew"])
    rows = pq.read_table(events.entity_rows(scale, job["skew"]))
    if job["kind"] == "ours":
        call = _ours(job, source, rows, wanted)
    else:
        call = partial(_QUERIES[job["kind"]], source, rows, wanted)

    def run(_: Job) -> Measurement:
        table, measured = timed(call)
        columns = [table[name].combine_chunks() for name in wanted.names()]
        as_floats = [column.cast("float64") for column in columns]
        return measured | {"rows": table.num_rows, "answer": answer.of_columns(as_floats)}

    return run


def _ours(job: Job, source: Path, rows: pa.Table, wanted: windows.Wanted) -> Callable[[], pa.Table]:
    import importlib

    importlib.import_module(job["engine"])
    store = fs.FeatureStore(
        registry=f"sqlite:///{Path(job['directory']) / 'registry.db'}",
        online="memory://",
        offline=job["engine"],
    )
    view = fs.FeatureView(
        "spending",
        entities=[fs.Entity("customer", join_keys={"entity_id": fs.Int64})],
        source=fs.ParquetSource("events", path=str(source), event_timestamp="event_timestamp"),
        features=[fs.Aggregation(column, function, f"{days}d") for column, function, days in wanted.each()],
    )
    return lambda: store.get_historical_features(rows, view).to_arrow()
