"""One training frame of any case, to Arrow or to a Parquet file: the library, and queries written by hand."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

import featurestore as fs
from benchmarks import answer, columns
from benchmarks.cases import Case, View, find
from benchmarks.data import SCALES
from benchmarks.protocol import Job, Measurement, Run, timed

_TYPES = {"int64": fs.Int64, "string": fs.String}


def prepare(job: Job) -> Run:
    """Read the entity rows and import what the contender needs; the run reads the sources."""
    case = find(SCALES[job["scale"]], job["case"])
    rows = pq.read_table(case.entity_rows)
    file = Path(job["directory"]) / "frame.parquet" if job.get("to") == "parquet" else None
    cold = bool(job.get("cold"))
    call = ours(job, case, rows, file) if job["kind"] == "ours" else _by_hand(job, case, rows, file)

    def run(_: Job) -> Measurement:
        reads = columns.DiskReads([file for view in case.views for file in view.files()]) if cold else None
        table, measured = timed(call)
        if reads is not None:
            earliest = pc.min(rows["event_timestamp"]).as_py()
            measured |= {"read_bytes": reads.so_far(), "needed_bytes": columns.needed(case, earliest)}
        table = pq.read_table(file) if file else table
        found = [table[name].combine_chunks() for name in case.outputs()]
        return measured | {
            "rows": table.num_rows,
            "answer": answer.of_columns(found),
            "bytes": columns.size(case) + table.nbytes,
        }

    return run


def _by_hand(job: Job, case: Case, rows: pa.Table, file: Path | None) -> Callable[[], Any]:
    floors = importlib.import_module(f"benchmarks.floors.frames_{job['engine']}")
    query = getattr(floors, job["kind"])
    if job["engine"] == "duckdb":
        return partial(query, case, rows, *([str(file)] if file else []))
    if file is not None:
        return lambda: query(case, rows).write_parquet(file, compression="snappy")
    return lambda: query(case, rows).to_arrow()


def ours(job: Job, case: Case, rows: pa.Table | Path, file: Path | None) -> Callable[[], Any]:
    """The library's call for a case; its rows are where the job says, else in the case's own files."""
    engine = job["engine"].partition("?")[0]
    if engine != "auto":
        importlib.import_module(engine)
    store = fs.FeatureStore(
        registry=f"sqlite:///{Path(job['directory']) / 'registry.db'}",
        online="memory://",
        offline=job["engine"],
    )
    views = [_view(view, job.get("path", str(view.source)))[list(view.features)] for view in case.views]

    def frame() -> fs.TrainingFrame:
        return store.get_historical_features(rows, views, full_feature_names=True)

    return (lambda: frame().to_parquet(file)) if file else (lambda: frame().to_arrow())


def _view(view: View, path: str) -> fs.FeatureView:
    schema = pq.read_schema(view.files()[0])
    keys = {key: _TYPES[str(schema.field(key).type)] for key in view.keys}
    return fs.FeatureView(
        view.name,
        entities=[fs.Entity("of_" + "_".join(view.keys), join_keys=keys)],
        source=fs.ParquetSource(
            f"{view.name}_rows",
            path=path,
            event_timestamp="event_timestamp",
            created_timestamp="created_timestamp" if view.created else None,
            delay=timedelta(hours=view.delay),
            hive_partitioning="=" in str(view.source.parent),
        ),
        features=[fs.Feature(name, fs.Float64) for name in (*view.features, *view.others)],
        ttl=None if view.ttl is None else timedelta(minutes=view.ttl),
    )
