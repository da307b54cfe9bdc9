"""The process of one contender that runs in the project's own environment."""

from __future__ import annotations

import importlib

from benchmarks.protocol import Job, Run, serve


def prepare(job: Job) -> Run:
    """Hand the job to its benchmark, which imports what it needs."""
    prepared: Run = importlib.import_module(f"benchmarks.contenders.{job['benchmark']}").prepare(job)
    return prepared


if __name__ == "__main__":
    packages = (
        "featurestore",
        "duckdb",
        "polars",
        "pyarrow",
        "numpy",
        "redis",
        "hiredis",
        "adbc-driver-postgresql",
    )
    serve(prepare, packages)
