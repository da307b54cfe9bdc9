"""The benchmarks of warehouses measure what they say: the same rows, all bytes, every connector."""

from __future__ import annotations

import tomllib
import urllib.request
from pathlib import Path

import pytest

from benchmarks import connectors
from benchmarks.contenders import in_place
from benchmarks.contenders import postgres as reading
from benchmarks.data import SCALES
from benchmarks.environments import Environment
from benchmarks.warehouses import postgres
from benchmarks.warehouses.lake import Counter

ROWS = 10_000


@pytest.fixture
def table(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A filled table, and the variable that the library finds it by."""
    monkeypatch.setenv("WAREHOUSE_URL", postgres_url)
    monkeypatch.setattr(postgres, "SIZES", (ROWS,))
    assert int(postgres.fill(postgres_url, SCALES["smoke"]).partition(".")[0]) >= 12
    return {"url": postgres_url, "table": postgres.table(ROWS)}


@pytest.mark.parametrize("form", ["table", "stream"])
def test_driver_and_library_read_the_same_rows(table: dict[str, str], form: str):
    runs = [reading.prepare(table | {"kind": kind, "form": form})({}) for kind in ("bare", "ours")]
    assert [run["rows"] for run in runs] == [ROWS, ROWS]
    assert runs[0]["answer"] == runs[1]["answer"]


def test_engines_answer_the_same_wherever_they_run(table: dict[str, str], tmp_path: Path):
    answers = set()
    for engine in ("postgres", "duckdb", "auto"):
        directory = tmp_path / engine
        directory.mkdir()
        job = table | {"engine": engine, "directory": str(directory), "rows": ROWS, "asked": 1_000}
        answers.add(in_place.prepare(job)({})["answer"])
    assert len(answers) == 1
    assert answers.pop().startswith("1000:")


def test_counter_counts_the_bytes_and_requests_of_a_server(s3_server):
    counter = Counter(s3_server.port)
    try:
        bodies = []
        for _ in range(2):
            with urllib.request.urlopen(f"{counter.url}/moto-api/data.json") as response:
                bodies.append(len(response.read()))
        sent, requests = counter.counts()
    finally:
        counter.close()
    assert requests == 2
    assert 0 < sent - sum(bodies) < 2_000  # two heads


def test_environment_counts_the_files_that_pip_lists(tmp_path: Path):
    site = tmp_path / "lib" / "python3.11" / "site-packages"
    for name in ("demo", "pip"):
        folder = site / f"{name}-1.0.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(f"Name: {name}\nVersion: 1.0\n")
        (folder / "RECORD").write_text(f"{name}.bin,,\nis_gone.py,,\n{name}-1.0.dist-info/METADATA,,\n")
        (site / f"{name}.bin").write_bytes(b"x" * 1_000_000)
    (site / "not_listed.bin").write_bytes(b"x" * 1_000_000)
    found = Environment.of(tmp_path / "bin" / "python")
    assert found.packages == 1
    assert found.megabytes == pytest.approx(1.0, abs=0.02)


def test_every_connector_is_measured_with_an_extra_that_there_is():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    measured = {module for _, module in connectors.CONNECTORS.values()}
    groups = ("featurestore.source_readers", "featurestore.online_stores")
    found = {name.partition(":")[0] for group in groups for name in project["entry-points"][group].values()}
    assert {module for module in found if module.startswith("featurestore_connectors")} <= measured
    assert {extra for extra, _ in connectors.CONNECTORS.values() if extra} <= set(
        project["optional-dependencies"]
    )
