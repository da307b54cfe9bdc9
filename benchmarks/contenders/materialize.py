"""(c) Every entity's latest row: the library into an online store, and by hand: the query, then bare writes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks import answer
from benchmarks.data import END, FEATURES, SCALES
from benchmarks.protocol import Job, Measurement, Run, timed

if TYPE_CHECKING:
    import pyarrow as pa


def prepare(job: Job) -> Run:
    """Open an empty online store, or nothing for the floors, which only find and fetch the rows."""
    source = SCALES[job["scale"]].source(job["order"])
    return _ours(job, source) if job["kind"] == "ours" else _floor(job, source)


def _ours(job: Job, source: Path) -> Run:
    import importlib

    from benchmarks import ours

    importlib.import_module(job["engine"])
    directory = Path(job["directory"])
    online = job["online"] or f"sqlite:///{directory / 'online.db'}"
    store = ours.open_store(directory, source, online=online, engine=job["engine"])

    def run(_: Job) -> Measurement:
        measured = timed(lambda: store.materialize(end=END))[1]
        keys = [{"entity_id": key} for key in range(answer.CHECKED_ENTITIES)]
        read = store.get_online_features(ours.SERVICE, keys).to_arrow()
        return measured | {"answer": answer.of_features(read)}

    return run


def _written(find: Callable[[], pa.Table], job: Job) -> pa.Table:
    from benchmarks.floors.writes import ROWS_AT_ONCE, sized_like

    table = find()
    writer = sized_like(job["model"], job["online"], width=len(FEATURES))
    for start in range(0, table.num_rows, ROWS_AT_ONCE):
        part = table.slice(start, ROWS_AT_ONCE)
        features = np.column_stack([part[name].to_numpy() for name in FEATURES])
        writer.replace(writer.pairs(part["entity_id"].to_numpy(), features))
    return table


def _floor(job: Job, source: Path) -> Run:
    from benchmarks.floors import latest

    find = partial({"duckdb": latest.in_duckdb, "polars": latest.in_polars}[job["engine"]], source, END)
    call = partial(_written, find, job) if job["online"] else find

    def run(_: Job) -> Measurement:
        table, measured = timed(call)
        first = table.sort_by("entity_id").slice(0, answer.CHECKED_ENTITIES)
        if not np.array_equal(first["entity_id"], np.arange(answer.CHECKED_ENTITIES)):
            raise AssertionError(f"an entity is missing among the latest rows of {source}")
        return measured | {"rows": table.num_rows, "answer": answer.of_features(first.select(FEATURES))}

    return run
