"""(a) 1 entity dataframe against one view: the library, and the queries written by hand."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from benchmarks import answer
from benchmarks.data import SCALES
from benchmarks.protocol import Job, Measurement, Run, timed

if TYPE_CHECKING:
    import pyarrow as pa


def prepare(job: Job) -> Run:
    """Read the entity rows and import what the contender needs; the run reads the source."""
    scale = SCALES[job["scale"]]
    call = _call(job, scale.source(job["order"]), pq.read_table(scale.entity_frame))

    def run(_: Job) -> Measurement:
        table, measured = timed(call)
        return measured | {"rows": table.num_rows, "answer": answer.of_features(table)}

    return run


def _call(job: Job, source: Path, entity_rows: pa.Table) -> Callable[[], pa.Table]:
    kind, engine = job["kind"], job["engine"]
    if kind == "ours":
        return _ours(job, source, entity_rows)
    if engine == "duckdb":
        from benchmarks.floors import historical_duckdb as duckdb

        return partial({"lawful": duckdb.lawful, "bare": duckdb.bare}[kind], source, entity_rows)
    from benchmarks.floors import historical_polars as polars

    return partial({"lawful": polars.lawful, "bare": polars.bare}[kind], source, entity_rows)


def _ours(job: Job, source: Path, entity_rows: pa.Table) -> Callable[[], pa.Table]:
    import importlib

    from benchmarks import ours

    importlib.import_module(job["engine"])
    directory = Path(job["directory"])
    online = f"sqlite:///{directory / 'online.db'}"
    store = ours.open_store(directory, source, online=online, engine=job["engine"])
    return lambda: store.get_historical_features(entity_rows, ours.SERVICE).to_arrow()
