"""history, diff, promote, rollback, audit; and apply with --evolve."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import CommandLine

Edit = Callable[[str, str], None]


@pytest.fixture
def changed(cli: CommandLine, filled: Path, edit: Edit) -> Path:
    """Two versions, both filled."""
    edit("ttl=timedelta(days=7)", "ttl=timedelta(days=3)")
    cli.run("apply", "--message", "fresher")
    cli.run("materialize")
    return filled


def test_history(cli: CommandLine, changed: Path) -> None:
    document = cli.json("history", "driver_stats")
    assert (document["kind"], document["name"]) == ("feature_view", "driver_stats")
    assert [(v["version"], v["action"], v["active"]) for v in document["versions"]] == [
        (1, "create", False), (2, "new version", True),
    ]  # fmt: skip
    assert document["versions"][1]["message"] == "fresher"
    assert document["versions"][1]["definition"]["name"] == "driver_stats"
    assert "fresher" in cli.text("history", "driver_stats")
    assert "Did you mean 'driver_stats'" in cli.error("history", "driver_stat")


def test_diff(cli: CommandLine, changed: Path) -> None:
    document = cli.json("diff", "driver_stats")
    assert (document["old"], document["new"], document["values_change"], document["backfill"]) == (
        1,
        2,
        True,
        False,
    )
    assert [item["text"] for item in document["changes"]] == ["ttl: 7d → 3d"]
    assert (document["breaks"], document["services"]) == ([], ["drivers"])
    shown = cli.text("diff", "driver_stats", "2", "1")
    assert "ttl: 3d → 7d" in shown
    assert "used by drivers" in shown


def test_rollback_and_promote(cli: CommandLine, changed: Path) -> None:
    shown = cli.text("rollback", "driver_stats", "-m", "too fresh")
    assert "driver_stats@1: becomes the active version; used by drivers" in shown
    (view,) = cli.json("status")["views"]
    assert (view["active_version"], view["newest_version"], view["newest_filled"]) == (1, 2, True)
    assert "not filled" not in cli.text("status")
    (change,) = cli.json("promote", "driver_stats@2")["changes"]
    assert (change["action"], change["version"]) == ("promote", 2)
    assert "Nothing to do." in cli.text("promote", "driver_stats@2")
    assert "no version 7" in cli.error("promote", "driver_stats@7")


def test_retire_one_version(cli: CommandLine, changed: Path) -> None:
    assert "- feature_view driver_stats@1" in cli.text("retire", "driver_stats@1")
    assert [v["retired_at"] is None for v in cli.json("history", "driver_stats")["versions"]] == [False, True]
    assert (
        "version 2 cannot be retired: it is the active" in cli.run("retire", "driver_stats@2", code=1).stderr
    )


def test_audit(cli: CommandLine, changed: Path) -> None:
    cli.run("rollback", "driver_stats", "-m", "too fresh")
    entries = cli.json("audit", "driver_stats")["entries"]
    assert [e["action"] for e in entries] == ["rollback", "publish", "new version", "publish", "create"]
    assert entries[0]["effect"] == {"active": {"from": 2, "to": 1}}
    assert entries[0]["message"] == "too fresh"
    shown = cli.text("audit", "--limit", "1")
    assert "rollback feature view driver_stats@1" in shown
    assert "active 2 → 1" in shown
    assert "new version" not in shown


def test_a_breaking_change_is_refused_until_the_service_evolves(
    cli: CommandLine, filled: Path, edit: Edit
) -> None:
    features = (filled / "features.py").read_text()
    assert "fs.Float64" in features
    edit("fs.Float64", "fs.Float32")
    plan = cli.json("plan")
    assert {item["service"] for change in plan["changes"] for item in change["breaks"]} == {"drivers"}
    assert "breaks service drivers" in cli.text("plan")
    assert "becomes float32 (was float64)" in cli.run("apply", code=1).stderr
    assert cli.json("apply", "--evolve", "drivers")["revision"] == 2


def test_lineage(cli: CommandLine, changed: Path) -> None:
    document = cli.json("lineage", "driver_stats:trips")
    assert document["root"] == {"kind": "feature", "name": "driver_stats@2:trips"}
    assert {"kind": "column", "name": "driver_days.trips_today"} in document["nodes"]
    assert {"kind": "feature_service", "name": "drivers"} in document["nodes"]
    assert document["mermaid"].startswith("flowchart LR")
    assert "column driver_days.trips_today" in cli.text("lineage", "driver_stats:trips")
    assert cli.text("lineage", "drivers", "--mermaid").startswith("flowchart LR")
    assert "'driverz' was not found" in cli.error("lineage", "driverz")
