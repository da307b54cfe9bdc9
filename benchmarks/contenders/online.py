"""(b) An online read of some entities, all features: the library, and a bare MGET."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import answer
from benchmarks.data import END, FEATURES, SCALES, Scale
from benchmarks.floors import latest
from benchmarks.floors.online import BareRows, Matrix, sizes_in_use
from benchmarks.protocol import Job, Measurement, Run, timed_calls

Entities = list[int]
Reads = dict[str, Callable[[Any], Any]]
Contender = tuple[Callable[[Entities], Any], Reads, Measurement]


def prepare(job: Job) -> Run:
    """Fill the contender's online store; each run makes many timed reads into one form."""
    scale = SCALES[job["scale"]]
    request, reads, facts = _ours(job, scale) if job["kind"] == "ours" else _bare(job, scale)

    def run(message: Job) -> Measurement:
        rng = random.Random(message["seed"])
        count, population = message["entities"], range(scale.entities)
        entities = [rng.choices(population, k=count) for _ in range(message["calls"])]
        read = reads[message["form"]]
        measured = timed_calls(read, [request(some) for some in entities])
        checked = read(request(list(range(count))))
        return measured | facts | {"answer": answer.of_matrix(_matrix(checked))}

    return run


def _ours(job: Job, scale: Scale) -> Contender:
    from benchmarks import ours

    source = scale.source("sorted")
    store = ours.open_store(Path(job["directory"]), source, online=job["online"], engine="duckdb")
    store.materialize(end=END)
    reads: Reads = {
        "dicts": lambda rows: store.get_online_features(ours.SERVICE, rows).to_dicts(),
        "numpy": lambda rows: store.get_online_features(ours.SERVICE, rows).to_numpy(),
    }
    return lambda entities: [{"entity_id": entity} for entity in entities], reads, {}


def _bare(job: Job, scale: Scale) -> Contender:
    key_bytes, row_bytes = sizes_in_use(job["model"])
    bare = BareRows(job["online"], key_bytes=key_bytes, row_bytes=row_bytes)
    rows = latest.in_polars(scale.source("sorted"), END).sort_by("entity_id")
    bare.load(np.column_stack([rows[name].to_numpy() for name in FEATURES]))
    reads: Reads = {
        "dicts": lambda request: bare.to_dicts(*request),
        "numpy": lambda request: bare.to_numpy(request[1]),
    }
    facts = {"key_bytes": key_bytes, "row_bytes": row_bytes}
    return lambda entities: (entities, [bare.key(entity) for entity in entities]), reads, facts


def _matrix(read: Any) -> Matrix:
    """The features of one read, whatever form they are in."""
    if isinstance(read, np.ndarray):
        return read
    if isinstance(read, Sequence):
        return np.array([[row[name] for name in FEATURES] for row in read])
    return np.column_stack([read[name] for name in FEATURES])
