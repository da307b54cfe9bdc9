"""drift and report: names, exit codes for CI, thresholds, the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from featurestore.cli.drift import read_thresholds
from tests.cli.conftest import CommandLine

Edit = Callable[[str, str], None]


@pytest.fixture
def moved(cli: CommandLine, filled: Path, edit: Edit) -> Path:
    """Two versions with a run each; the second one takes other values for its trips."""
    sql = 'sql="SELECT *, trips_today + 1000 AS more FROM {source}"'
    edit("source=driver_days,", f"source=driver_days, {sql},")
    edit('column="trips_today"', 'column="more"')
    cli.run("apply")
    cli.run("materialize")
    return filled


def test_no_drift_is_exit_code_0_and_drift_1(cli: CommandLine, moved: Path) -> None:
    same = cli.json("drift", "driver_stats@1", "driver_stats@1")
    assert same["verdict"] == "stable"
    result = cli.run("drift", "driver_stats@1", "driver_stats@2", code=1)
    assert result.stdout.startswith("Drift in 1 of 3 features: driver_stats@1, run 1")
    assert "drifted  trips" in result.stdout
    assert result.stderr == ""


def test_an_error_is_told_as_one(cli: CommandLine, filled: Path) -> None:
    assert "'nothing' was not found" in cli.error("drift", "driver_stats", "nothing")
    assert "is no threshold" in cli.error(
        "drift", "driver_stats", "driver_stats", "--threshold", "psi", code=2
    )
    assert "'speed' was not found" in cli.error(
        "drift", "driver_stats", "driver_stats", "--threshold", "speed:psi=1"
    )


def test_thresholds_decide_over_the_exit_code(cli: CommandLine, moved: Path) -> None:
    names = ("driver_stats@1", "driver_stats@2")
    assert cli.json("drift", *names, "--threshold", "trips=off")["verdict"] == "stable"
    lenient = [f"--threshold=trips:{measure}=off" for measure in ("jensen_shannon", "kolmogorov_smirnov")]
    assert cli.json("drift", *names, *lenient, "--threshold", "psi=99")["verdict"] == "stable"
    cli.run("drift", *names, "--threshold", "acceptance=off", code=1)


def test_thresholds_are_read() -> None:
    assert read_thresholds(["psi=0.3", "temp:psi=1", "temp:null_share=off", "felt=off", "null_share=off"]) == {
        "psi": 0.3, "temp": {"psi": 1.0, "null_share": None}, "felt": None, "null_share": None,
    }  # fmt: skip


def test_a_report_is_one_file(cli: CommandLine, moved: Path) -> None:
    assert cli.text("report", "driver_stats", "-o", "one.html") == "one.html\n"
    document = cli.json("report", "driver_stats", "--reference", "driver_stats@1", "--output", "two.html")
    assert document == {
        "name": "driver_stats@2, run 2", "file": "two.html", "features": 3, "drifted": ["trips"],
    }  # fmt: skip
    page = (moved / "two.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert "Drift in 1 of 3 features" in page
