"""materialize, status, get-online."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import featurestore as fs
from featurestore.protocols.records import RunKind
from tests.cli.conftest import CommandLine

NEXT_CENTURY = 4_102_444_800_000_000
DIE = """
import os
from datetime import timedelta
import featurestore as fs
from featurestore.protocols.records import RunKind
store = fs.FeatureStore()
store.project.registry.begin_run(
    project="rides", view="driver_stats", version=1, kind=RunKind.FULL,
    end_us=4_000_000_000_000_000, lease=timedelta(minutes=1),
)
os._exit(1)
"""


def test_values_statuses_and_event_timestamps(cli: CommandLine, filled: Path) -> None:
    source = pq.read_table(filled / "data" / "driver_days.parquet").to_pylist()
    now = datetime.fromisoformat(cli.json("status")["views"][0]["published_until"])
    known = [r for r in source if r["driver_id"] == 1004 and r["measured_at"] + timedelta(minutes=10) <= now]
    newest = max(known, key=lambda row: row["measured_at"])
    old = max(row["measured_at"] for row in source if row["driver_id"] == 1005)
    words = [word for driver in (1004, 1005, 7) for word in ("-e", f"driver_id={driver}")]
    rows = cli.json("get-online", "--features", "drivers", *words)["rows"]
    event = newest["measured_at"].isoformat()
    assert rows[0] == {
        "entity": {"driver_id": 1004},
        "features": {
            "trips": {"value": newest["trips_today"], "status": "PRESENT", "event_timestamp": event},
            "acceptance": {"value": newest["acceptance"], "status": "PRESENT", "event_timestamp": event},
            "city": {"value": None, "status": "NULL", "event_timestamp": event},
        },
    }
    assert rows[1]["features"]["city"] == {
        "value": None, "status": "EXPIRED", "event_timestamp": old.isoformat(),
    }  # fmt: skip
    assert rows[2]["features"]["city"] == {"value": None, "status": "NOT_FOUND", "event_timestamp": None}
    shown = cli.text("get-online", "-f", "driver_stats:city,driver_stats:trips", "-e", "driver_id=1004")
    assert [line.split()[-4:-2] for line in shown.splitlines()[2:4]] == [
        ["–", "NULL"], [str(newest["trips_today"]), "PRESENT"],
    ]  # fmt: skip


def test_now_and_full_names(cli: CommandLine, filled: Path) -> None:
    later = (datetime.now(UTC) + timedelta(days=8)).isoformat()
    words = ["-f", "driver_stats:city", "-e", "driver_id=1001", "--now", later, "--full-feature-names"]
    (row,) = cli.json("get-online", *words)["rows"]
    assert row["features"]["driver_stats__city"]["status"] == "EXPIRED"


def test_entities_of_a_file(cli: CommandLine, filled: Path) -> None:
    (filled / "some.csv").write_text("driver_id,note\n1001,a\n,b\n")
    rows = cli.json("get-online", "-f", "driver_stats:city", "--entities", "some.csv")["rows"]
    assert [row["entity"] for row in rows] == [
        {"driver_id": 1001, "note": "a"},
        {"driver_id": None, "note": "b"},
    ]
    assert [row["features"]["city"]["status"] for row in rows] == ["PRESENT", "NOT_FOUND"]


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (["-f", "drivers"], 2, "need -e driver_id=…"),
        (["-f", "drivers", "-e", "1001"], 2, "'1001' is not KEY=VALUE"),
        (["-f", "drivers", "-e", "driver_id=abc"], 1, "expected int64, found 'abc'"),
        (["-f", "drivers", "-e", "driver=1001"], 1, "Did you mean 'driver_id'?"),
        (["-f", "drivrs", "-e", "driver_id=1001"], 1, "Did you mean 'drivers'"),
        (["-f", "driver_stats:town", "-e", "driver_id=1001"], 1, "'town' was not found"),
        (["-f", "drivers", "-e", "driver_id=1001", "--now", "noon"], 2, "'noon' is not a time"),
        (["-f", "drivers", "--entities", "nowhere.csv"], 2, "does not exist"),
        (["-f", "drivers", "--entities", "features.py"], 2, "does not end in .parquet or .csv"),
        (["-f", "drivers", "-e", "driver_id=1", "--entities", "rows.parquet"], 2, "Give one of the two"),
    ],
)
def test_bad_questions(words: list[str], code: int, expected: str, cli: CommandLine, filled: Path) -> None:
    assert expected in cli.error("get-online", *words, code=code)


def test_before_anything_is_materialized(cli: CommandLine, project: Path) -> None:
    assert "There are no feature views yet" in cli.text("status")
    cli.run("apply")
    assert "has not been materialized yet" in cli.error("get-online", "-f", "drivers", "-e", "driver_id=1001")
    (view,) = cli.json("status")["views"]
    assert view == {
        "view": "driver_stats", "online": True, "active_version": None, "newest_version": 1,
        "newest_filled": False, "generation": None, "published_until": None, "lag_seconds": None, "last_run": None,
    }  # fmt: skip
    assert "version 1 is not filled yet" in cli.text("status")


def test_materialize_says_what_it_did(cli: CommandLine, project: Path) -> None:
    cli.run("apply")
    end = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)
    (run,) = cli.json("materialize", "--views", "driver_stats", "--end", end.isoformat())["runs"]
    assert (run["view"], run["version"], run["kind"], run["rows"]) == ("driver_stats", 1, "full", 5)
    assert run["end"] == end.isoformat()
    (again,) = cli.json("materialize", "--incremental")["runs"]
    assert again["kind"] == "incremental"
    assert datetime.fromisoformat(again["end"]) > end
    earlier = (end - timedelta(days=1)).isoformat()
    assert "before the watermark" in cli.error("materialize", "--end", earlier)
    assert "later than the clock" in cli.error("materialize", "--end", "2999-01-01")
    assert "'soon' is not a time" in cli.error("materialize", "--end", "soon", code=2)
    assert "'nope' was not found" in cli.error("materialize", "--views", "driver_stats,nope")


def test_materialize_at_a_rate(cli: CommandLine, project: Path) -> None:
    cli.run("apply")
    (run,) = cli.json("materialize", "--max-rows-per-second", "1000")["runs"]
    assert run["rows"] == 5
    (again,) = cli.json("materialize", "--incremental", "--max-rows-per-second", "1000")["runs"]
    assert again["kind"] == "incremental"
    assert "expected a number above 0, found 0.0" in cli.error("materialize", "--max-rows-per-second", "0")


def test_status_and_runs(cli: CommandLine, filled: Path) -> None:
    (view,) = cli.json("status")["views"]
    run = view["last_run"]
    assert (view["active_version"], view["generation"]) == (1, run["number"])
    assert (run["status"], run["kind"], run["rows"], run["error"]) == ("succeeded", "full", 5, None)
    assert view["published_until"] == run["end"]
    assert 0 < view["lag_seconds"] < 120
    assert 0 <= run["seconds"] < 120
    cli.run("materialize")
    runs = cli.json("list", "runs")["runs"]
    assert [item["number"] for item in runs] == [2, 1]
    assert [item["number"] for item in cli.json("list", "runs", "--limit", "1")["runs"]] == [2]
    assert cli.text("list", "runs").count("succeeded") == 2


def test_a_run_that_died_is_interrupted_and_what_was_served_still_is(cli: CommandLine, filled: Path) -> None:
    assert subprocess.run([sys.executable, "-c", DIE], cwd=filled, timeout=60, check=False).returncode == 1
    (view,) = cli.json("status")["views"]
    assert view["last_run"]["status"] == "interrupted"
    assert view["generation"] == 1
    assert "run 2 did not finish" in cli.text("status")
    (row,) = cli.json("get-online", "-f", "driver_stats:city", "-e", "driver_id=1001")["rows"]
    assert row["features"]["city"]["value"] == "Oslo"
    cli.run("materialize")
    assert cli.json("status")["views"][0]["last_run"]["status"] == "succeeded"


def test_a_run_that_failed_says_why(cli: CommandLine, filled: Path) -> None:
    with fs.FeatureStore() as store:
        registry = store.project.registry
        run = registry.begin_run(
            project="rides", view="driver_stats", version=1, kind=RunKind.FULL, end_us=NEXT_CENTURY,
            lease=timedelta(minutes=1),
        )  # fmt: skip
        registry.fail_run(run=run, error="SourceError: the disk [sda] is gone")
    assert cli.json("status")["views"][0]["last_run"]["status"] == "failed"
    assert "driver_stats: SourceError: the disk [sda] is gone" in cli.text("status")
    assert "the disk [sda] is gone" in cli.text("list", "runs")


def test_a_source_that_cannot_be_read_changes_nothing_online(cli: CommandLine, filled: Path) -> None:
    words = ["get-online", "-f", "driver_stats:city", "-e", "driver_id=1001"]
    before = cli.json(*words)
    (filled / "data" / "driver_days.parquet").write_text("not Parquet")
    assert "driver_days" in cli.error("materialize")
    assert cli.json(*words) == before


def test_a_view_that_is_not_served(cli: CommandLine, project: Path, edit: Callable[[str, str], None]) -> None:
    edit("entities=[driver],", "entities=[driver],\n    online=False,")
    cli.run("apply")
    assert cli.json("materialize") == {"runs": []}
    assert "No view is served online" in cli.text("materialize")
    (view,) = cli.json("status")["views"]
    assert (view["online"], view["active_version"]) == (False, 1)
    assert "offline only" in cli.text("status")
