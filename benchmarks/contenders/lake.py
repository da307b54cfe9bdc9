"""A training frame of a week of the lake, and what the server sends for it."""

from __future__ import annotations

import os
from functools import partial

import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks import answer, columns
from benchmarks.cases import find
from benchmarks.contenders import frames
from benchmarks.data import SCALES
from benchmarks.protocol import Job, Measurement, Run, timed
from benchmarks.warehouses.lake import Counter


def prepare(job: Job) -> Run:
    """Read the entity rows, and stand between the client and the server; the run reads the lake."""
    case = find(SCALES[job["scale"]], job["case"])
    rows = pq.read_table(case.entity_rows)
    needed = columns.needed(case, pc.min(rows["event_timestamp"]).as_py())
    counter = Counter(job["port"])
    os.environ.update(job["environment"] | {"AWS_ENDPOINT_URL": counter.url})
    if job["kind"] == "ours":
        call = frames.ours(job, case, rows, None)
    else:
        from benchmarks.floors import lake

        call = partial(lake.lawful, case, rows)

    def run(_: Job) -> Measurement:
        before = counter.counts()
        found, measured = timed(call)
        sent, requests = (now - then for now, then in zip(counter.counts(), before, strict=True))
        table = found if job["kind"] == "ours" else found.to_arrow()
        features = [table[name].combine_chunks() for name in case.outputs()]
        return measured | {
            "rows": table.num_rows,
            "answer": answer.of_columns(features),
            "sent_mb": sent / 1e6,
            "needed_mb": needed / 1e6,
            "times_needed": sent / needed,
            "requests": requests,
        }

    return run
