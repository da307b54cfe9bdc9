"""A new user's first minutes: every command that init suggests works as it is printed, in a shell."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest


def shell(line: str, folder: Path) -> str:
    """Type a line into a shell, with the installed command on the PATH."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["/bin/sh", "-c", line],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, (line, done.stdout, done.stderr)
    assert done.stderr == ""
    return done.stdout


@pytest.mark.slow
def test_init_and_all_that_it_suggests(tmp_path: Path) -> None:
    made = shell("featurestore init 'my rides'", tmp_path)
    lines = made[made.index("Next:\n") :].splitlines()[1:]
    steps = [line.strip() for line in lines if line.strip()]
    assert shlex.split(steps[0]) == ["cd", "my rides"]
    shown = {step.split()[1]: shell(f"{steps[0]} && {step}", tmp_path) for step in steps[1:]}
    assert list(shown) == ["apply", "get-historical", "materialize", "get-online", "status"]
    assert "4 to create" in shown["apply"]
    assert "6 rows" in shown["get-historical"]
    assert "driver_stats" in shown["materialize"]
    assert "PRESENT" in shown["get-online"]
    assert "EXPIRED" in shown["get-online"]
    assert "succeeded" in shown["status"]


@pytest.mark.slow
def test_online_and_offline_agree(tmp_path: Path) -> None:
    shell("featurestore init .", tmp_path)
    shell("featurestore apply", tmp_path)
    run = json.loads(shell("featurestore materialize --json", tmp_path))["runs"][0]
    latest = json.loads(
        shell(f"featurestore get-latest -f drivers --at {run['end']} --limit 100 --json", tmp_path)
    )
    drivers = [row["driver_id"] for row in latest["rows"]]
    assert sorted(drivers) == [1001, 1002, 1003, 1004, 1005]
    entities = " ".join(f"-e driver_id={driver}" for driver in drivers)
    online = json.loads(
        shell(f"featurestore get-online -f drivers {entities} --now {run['end']} --json", tmp_path)
    )
    served = [
        {**row["entity"], **{name: item["value"] for name, item in row["features"].items()}}
        for row in online["rows"]
    ]
    expected = [{k: v for k, v in row.items() if k != "event_timestamp"} for row in latest["rows"]]
    assert served == expected


def test_as_a_module(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "featurestore.cli", "status"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "feature_store.toml" in done.stderr
    assert done.stdout == ""
