"""A training frame over a table of PostgreSQL, made there or here."""

from __future__ import annotations

from pathlib import Path

import featurestore as fs
from benchmarks import answer
from benchmarks.contenders.postgres import source
from benchmarks.data import FEATURES
from benchmarks.protocol import Job, Measurement, Run, timed
from benchmarks.warehouses.postgres import entity_rows


def prepare(job: Job) -> Run:
    """Make the entity rows; one row is asked of each engine beforehand, so that no import is in the time."""
    asked = entity_rows(job["rows"], job["asked"])
    store = fs.FeatureStore(
        registry=f"sqlite:///{Path(job['directory']) / 'registry.db'}",
        online="memory://",
        offline=job["engine"],
    )
    view = fs.FeatureView(
        "measurements",
        entities=[fs.Entity("customer", join_keys={"entity_id": fs.Int64})],
        source=source(job),
        features=[fs.Feature(name, fs.Float64) for name in FEATURES],
    )
    for engine in ("postgres", "duckdb"):
        store.get_historical_features(asked.slice(0, 1), [view], engine=engine).to_arrow()

    def run(_: Job) -> Measurement:
        frame, measured = timed(lambda: store.get_historical_features(asked, [view]).to_arrow())
        found = [frame[name].combine_chunks() for name in FEATURES]
        return measured | {"rows": frame.num_rows, "answer": answer.of_columns(found)}

    return run
