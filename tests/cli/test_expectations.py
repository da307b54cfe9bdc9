"""expectations check, history, failing-rows, suggest."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.cli.conftest import CommandLine

OLD = '    description="How a driver is doing.",'


@pytest.fixture
def expecting(cli: CommandLine, edit: Callable[[str, str], None]) -> Callable[[str], None]:
    """Let the view expect something."""

    def expect(python: str) -> None:
        edit(OLD, f"    expectations=[{python}],\n{OLD}")
        cli.run("apply")

    return expect


def test_check(cli: CommandLine, expecting: Callable[[str], None]) -> None:
    expecting('fs.ValueRange("acceptance", 0, 1), fs.ValueRange("trips", maximum=-1, on_failure="warn")')
    document = cli.json("expectations", "check", "drivers")
    assert document["passed"]
    (view,) = document["views"]
    assert (view["view"], view["version"]) == ("driver_stats", 1)
    assert [result["outcome"] for result in view["results"]] == ["passed", "failed"]
    assert "warning" in cli.text("expectations", "check", "driver_stats")
    assert cli.run("list", "runs", "--json").stdout.count('"number"') == 0


def test_what_would_be_rejected_makes_the_exit_code(
    cli: CommandLine, expecting: Callable[[str], None]
) -> None:
    expecting('fs.ValueRange("acceptance", 2)')
    result = cli.run("expectations", "check", "driver_stats", "--json", code=1)
    assert not json.loads(result.stdout)["passed"]
    error = cli.error("materialize")
    assert "was rejected; nothing was published" in error
    assert "failing-rows driver_stats@1 --run 1" in error
    (run,) = cli.json("expectations", "history", "driver_stats")["runs"]
    assert (run["status"], run["results"][0]["outcome"]) == ("failed", "failed")
    assert "acceptance from 2" in cli.text("expectations", "history", "driver_stats", "--limit", "1")


def test_failing_rows(cli: CommandLine, expecting: Callable[[str], None], project: Path) -> None:
    expecting('fs.AllowedValues("city", ["Atlantis"], on_failure="warn")')
    assert "Warning: driver_stats: allowed_values:city: expected city one of 'Atlantis'" in cli.text(
        "materialize"
    )
    document = cli.json("expectations", "failing-rows", "driver_stats", "--run", "1", "--limit", "2")
    assert len(document["rows"]) == 2
    assert document["rows"][0]["expectation"] == "allowed_values:city"
    shown = cli.text("expectations", "failing-rows", "driver_stats", "--limit", "2", "-o", "rows.parquet")
    assert f"2 of {document['count']:,} rows" in shown
    assert pq.read_table(project / "rows.parquet").num_rows == document["count"]
    assert "no run 7" in cli.error("expectations", "failing-rows", "driver_stats", "--run", "7")


def test_the_folder_can_be_set(cli: CommandLine, expecting: Callable[[str], None], project: Path) -> None:
    file = project / "feature_store.toml"
    file.write_text(f'failing_rows = "quarantine"\n{file.read_text(encoding="utf-8")}', encoding="utf-8")
    expecting('fs.AllowedValues("city", ["Atlantis"], on_failure="warn")')
    cli.run("materialize")
    assert len(list((project / "quarantine").rglob("run-00000001.parquet"))) == 1


@pytest.mark.usefixtures("filled")
def test_suggest_and_nothing_yet(cli: CommandLine) -> None:
    assert cli.text("expectations", "suggest", "driver_stats").startswith("expectations=[\n    fs.")
    found = cli.json("expectations", "suggest", "driver_stats")["suggestions"]
    assert {"python", "expected", "reason"} == set(found[0])
    assert "No run has results" in cli.text("expectations", "history", "driver_stats")
    assert "expects nothing" in cli.text("expectations", "check", "driver_stats")
    assert "'driver_stats'" in cli.error("expectations", "check", "driver_stat")
