"""check-leakage."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import CommandLine

LEAK = """
import polars as pl


@fs.transform
def above_the_mean(rows):
    return rows.with_columns(acceptance=pl.col("acceptance") - pl.col("acceptance").mean())


driver_stats = fs.FeatureView(
    "driver_stats",
    transform=above_the_mean,"""


@pytest.mark.usefixtures("filled")
def test_a_clean_view(cli: CommandLine) -> None:
    assert cli.text("check-leakage", "drivers").startswith("No leak in ")
    document = cli.json("check-leakage", "drivers", "--samples", "3")
    assert document["clean"] is True
    assert document["leaks"] == []
    assert document["instants"] == 3


def test_a_leak_is_shown_and_makes_the_exit_code(
    cli: CommandLine, project: Path, edit: Callable[[str, str], None], forget_modules: Callable[[], None]
) -> None:
    edit('driver_stats = fs.FeatureView(\n    "driver_stats",', LEAK.lstrip("\n"))
    cli.run("apply")
    forget_modules()
    sys.path[:] = [folder for folder in sys.path if folder != str(project)]  # as in a process of its own
    result = cli.run("check-leakage", "driver_stats", "--samples", "2", code=1)
    assert "would be different without the future" in result.stdout
    assert "driver_stats:acceptance" in result.stdout
    assert "driver_id=" in result.stdout
    shown = cli.run("check-leakage", "driver_stats", "--samples", "2", "--json", code=1)
    assert '"clean": false' in shown.stdout
    cli.run("materialize")  # the transform's code is found in the project's folder
    assert project.exists()


@pytest.mark.usefixtures("filled")
def test_wrong_calls(cli: CommandLine) -> None:
    assert "Did you mean 'drivers'" in cli.error("check-leakage", "driverz")
    cli.error("check-leakage", code=2)
    assert "no column 'nowhere'" in cli.error("check-leakage", "drivers", "--available-at", "nowhere")
