"""Processes that read while another one materializes see one run after the other, each of them whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import featurestore as fs
from tests.store.conftest import HOUR, NOON, Arrivals

ROOT = Path(__file__).parents[2]
READERS, COUNT, LAST = 3, 50, 6


def test_each_answer_is_of_one_run(arrivals: Arrivals, online_url: str, tmp_path: Path) -> None:
    config = tmp_path / "feature_store.toml"
    config.write_text(
        f'project = "flights"\nregistry = "sqlite:///registry.db"\nonline = "{online_url}"\n'
        'offline = "duckdb"\nrefresh_seconds = 0.02\n'
    )
    with fs.FeatureStore(config=config) as store:
        _write_all(arrivals, 0)
        store.apply([arrivals.view()])
        store.materialize(end=NOON)
        readers = [_start(config) for _ in range(READERS)]
        for reader in readers:
            assert reader.stdout is not None
            assert reader.stdout.readline() == "ready\n"
        for run in range(1, LAST + 1):
            _write_all(arrivals, run)
            store.materialize(end=NOON + run * HOUR)
    for reader in readers:
        _, errors = reader.communicate(timeout=90)
        assert reader.returncode == 0, errors


def _write_all(arrivals: Arrivals, run: int) -> None:
    for number in range(COUNT):
        arrivals.add(f"N{number}", NOON + run * HOUR, float(run))


def _start(config: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.store.read_on", str(config), str(COUNT), str(LAST)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
