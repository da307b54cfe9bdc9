"""A training frame from file to file under a limit of memory: the library, and DuckDB by hand."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks import answer
from benchmarks.cases import find
from benchmarks.contenders import frames
from benchmarks.data import SCALES
from benchmarks.protocol import Job, Measurement, Run, timed


def prepare(job: Job) -> Run:
    """Import what the contender needs; the run reads the source and the entity rows."""
    case = find(SCALES[job["scale"]], job["case"])
    file = Path(job["directory"]) / "frame.parquet"
    if job["kind"] == "ours":
        call = frames.ours(job, case, case.entity_rows, file)
    else:
        from benchmarks.floors import large_duckdb

        call = partial(large_duckdb.lawful, case, file, job["memory_limit"])

    def run(_: Job) -> Measurement:
        _, measured = timed(call)
        table = pq.read_table(file, columns=case.outputs())
        found = [table[name].combine_chunks() for name in case.outputs()]
        return measured | {"rows": table.num_rows, "answer": answer.of_columns(found)}

    return run
