"""A training frame and, in the same pass, the profile of its features, beside the frame alone."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from benchmarks import answer
from benchmarks.data import SCALES
from benchmarks.protocol import Job, Measurement, Run, timed

if TYPE_CHECKING:
    import pyarrow as pa

    from featurestore.planning.training_frame import TrainingFrame


def prepare(job: Job) -> Run:
    """Apply the view, read the entity rows and import what is needed; the run reads the source."""
    from benchmarks import ours

    importlib.import_module(job["engine"])
    scale, directory = SCALES[job["scale"]], Path(job["directory"])
    entity_rows = pq.read_table(scale.entity_frame)
    store = ours.open_store(directory, scale.source(job["order"]), online="memory://", engine=job["engine"])
    frame = store.get_historical_features(entity_rows, ours.SERVICE)
    call = frame.to_arrow if job["kind"] == "floor" else _profiled(frame)

    def run(_: Job) -> Measurement:
        table, measured = timed(call)
        return measured | {"rows": table.num_rows, "answer": answer.of_features(table)}

    return run


def _profiled(frame: TrainingFrame) -> Callable[[], pa.Table]:
    import pyarrow as pa

    importlib.import_module("featurestore.statistics.collect")  # which a process pays for once

    def call() -> pa.Table:
        collector = frame.collector()
        table = pa.Table.from_batches(collector.watch(frame.to_batches()), schema=frame.schema)
        profile = collector.result()
        if profile.rows != table.num_rows:
            raise AssertionError(f"a profile of {profile.rows} rows, of {table.num_rows}")
        return table

    return call
