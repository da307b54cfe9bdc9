"""A run that is killed while it is checked publishes nothing, and can be run again."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import featurestore as fs
from featurestore.protocols.records import RunStatus
from tests.expectations.killed_check import POINTS
from tests.store.conftest import HOUR, NOON, Arrivals, online_values

EXPECTING = [fs.UniqueKeys(), fs.ValueRange("delay", 0), fs.NullShare("delay", at_most=0, on_failure="warn")]


@pytest.mark.parametrize("kind", ["full", "incremental"])
@pytest.mark.parametrize("point", POINTS)
def test_killed_at(
    point: str,
    kind: str,
    *,
    engine: str,
    open_store: Callable[..., fs.FeatureStore],
    online_url: str,
    arrivals: Arrivals,
    tmp_path: Path,
) -> None:
    arrivals.add("A", NOON, 1.0)
    arrivals.add("B", NOON, 2.0)
    store = open_store(engine)
    store.apply([arrivals.view(expectations=EXPECTING)])
    store.materialize(end=NOON)
    arrivals.add("A", NOON + HOUR, 10.0)
    arrivals.add("B", NOON + HOUR, None)

    words = [f"sqlite:///{tmp_path}/registry.db", online_url, engine, kind, point]
    ended = subprocess.run(
        [sys.executable, "-m", "tests.expectations.killed_check", *words],
        capture_output=True, text=True, timeout=60, check=False, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert ended.returncode == -9, ended.stderr

    serving = open_store(engine)
    before, after = [1.0, 2.0], [10.0, "NULL"]
    # An incremental run that is found good writes first, and records then.
    written = kind == "incremental" and point in ("rows_kept", "results_recorded")
    assert online_values(serving, ["A", "B"], NOON + HOUR) == (after if written else before)
    run = serving.project.registry.runs(project="flights", view="punctuality")[0]
    assert (run.number, run.status) == (2, RunStatus.INTERRUPTED)
    for file in (tmp_path / "failing_rows").rglob("*"):
        assert file.is_dir() or pq.read_table(file).num_rows == 1  # whole, or not there

    work = store.materialize if kind == "full" else store.materialize_incremental
    (report,) = work(end=NOON + HOUR)
    assert [warning.name for warning in report.warnings] == ["null_share:delay"]
    assert online_values(store, ["A", "B"], NOON + HOUR) == after
    assert store.failing_rows("punctuality").column("tailnum").to_pylist() == ["B"]
