"""Many rows into Redis: the library, a bare MSET, and a bare script where the newest row wins."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter

import numpy as np

from benchmarks import answer, rows
from benchmarks.data import END, SCALES
from benchmarks.protocol import Job, Measurement, Run, peak_bytes, timed


def prepare(job: Job) -> Run:
    """An empty database, or one that has all rows already; the run writes them."""
    return _ours(job) if job["kind"] == "ours" else _bare(job)


def _ours(job: Job) -> Run:
    import duckdb  # noqa: F401  its import is not part of a run

    file = rows.many_path(SCALES[job["scale"]], job["rows"])
    defined = rows.definitions(file, views=1)
    store = rows.open_store(Path(job["directory"]), job["online"], defined, offline=job["offline"])
    if job["over"]:
        store.materialize(end=END)
    write = store.materialize_incremental if job["over"] else store.materialize

    def run(_: Job) -> Measurement:
        reports, measured = timed(lambda: write(end=END))
        if (written := reports[0].rows) != job["rows"]:
            raise AssertionError(f"{written} rows were written of {job['rows']}")
        if not job["compared"]:
            return _measured(measured, job)
        keys = [{rows.KEY: entity} for entity in range(answer.CHECKED_ENTITIES)]
        read = store.get_online_features(rows.service(1), keys).to_numpy()
        return _measured(measured, job) | {"answer": answer.of_matrix(read)}

    return run


def _bare(job: Job) -> Run:
    """Keys and rows are made beforehand, a part at a time: only writing them counts."""
    from benchmarks.floors.writes import ROWS_AT_ONCE, BareWriter, sized_like

    writer: BareWriter = sized_like(job["model"], job["online"], width=rows.WIDTH)
    write = writer.keep_newest if job["over"] else writer.replace
    features = rows.values(rows.many_path(SCALES[job["scale"]], job["rows"]), rows.WIDTH)
    parts = [
        np.arange(start, min(start + ROWS_AT_ONCE, job["rows"]))
        for start in range(0, job["rows"], ROWS_AT_ONCE)
    ]
    if job["over"]:
        for part in parts:
            writer.replace(writer.pairs(part, np.zeros((len(part), rows.WIDTH))))

    def run(_: Job) -> Measurement:
        seconds = 0.0
        for part in parts:
            pairs = writer.pairs(part, features[part], event=2)
            began = perf_counter()
            write(pairs)
            seconds += perf_counter() - began
        read = writer.read(np.arange(answer.CHECKED_ENTITIES))
        measured = {"seconds": seconds, "peak_bytes": peak_bytes()}
        return _measured(measured, job) | {"answer": answer.of_matrix(read)}

    return run


def _measured(measured: Measurement, job: Job) -> Measurement:
    rate = job["rows"] / measured["seconds"]
    return measured | {
        "rows": job["rows"],
        "rows_per_second": rate,
        "peak_mb": measured["peak_bytes"] / 2**20,
    }
