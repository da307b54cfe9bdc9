"""What rows take in Redis: written by the library, counted by the server."""

from __future__ import annotations

from pathlib import Path

from benchmarks import answer, rows
from benchmarks.data import END, SCALES
from benchmarks.protocol import Job, Measurement, Run, timed
from benchmarks.used_memory import UsedMemory


def prepare(job: Job) -> Run:
    """An empty database; the run fills it."""
    import duckdb  # noqa: F401  its import is not part of a run

    scale = SCALES[job["scale"]]
    names = rows.NAMES[: job["features"]]
    store = rows.open_store(Path(job["directory"]), job["online"], rows.one_view(rows.path(scale), names))
    used = UsedMemory(job["online"])

    def run(_: Job) -> Measurement:
        measured = timed(lambda: store.materialize(end=END))[1]
        keys = [{rows.KEY: entity} for entity in range(answer.CHECKED_ENTITIES)]
        read = store.get_online_features(rows.WIDE, keys).to_numpy()
        return measured | used.since(scale.entities) | {"answer": answer.of_matrix(read)}

    return run
