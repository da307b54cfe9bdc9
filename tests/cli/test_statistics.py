"""statistics: of a view over its runs, of a training set and its parts."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import CommandLine
from tests.cli.test_training_sets import made

__all__ = ["made"]


def test_a_view(cli: CommandLine, filled: Path) -> None:
    document = cli.json("statistics", "driver_stats")
    assert document["name"] == "driver_stats"
    assert document["rows"] == document["features"][0]["rows"] > 0
    assert {"nulls", "distinct", "mean", "quantiles", "histogram"} <= set(document["features"][0])
    assert "sketches" not in document["features"][0]
    text = cli.text("statistics", "driver_stats@1")
    for feature in document["features"]:
        assert feature["name"] in text
    assert f"{document['rows']:,} rows, events from" in text


def test_some_features_and_some_time(cli: CommandLine, filled: Path) -> None:
    first = cli.json("statistics", "driver_stats")["features"][0]["name"]
    document = cli.json("statistics", f"driver_stats:{first}", "--run", "1", "--since", "2000-01-01")
    assert [feature["name"] for feature in document["features"]] == [first]
    assert "No run in that time" in cli.error("statistics", "driver_stats", "--until", "2000-01-01")
    assert "No run 7" in cli.error("statistics", "driver_stats", "--run", "7")


def test_a_training_set(made: CommandLine) -> None:
    whole = made.json("statistics", "rides-1")
    parts = [made.json("statistics", "rides-1", "--part", part)["rows"] for part in ("train", "test")]
    assert whole["rows"] == sum(parts)
    sliced = made.json("statistics", "rides-1", "--slice", "driver_id", "--minimum-group", "2")
    assert sum(each["profile"]["rows"] for each in sliced["slices"]) == whole["rows"]
    assert "driver_id = " in made.text(
        "statistics", "rides-1", "--slice", "driver_id", "--minimum-group", "2"
    )


def test_what_does_not_go_together(made: CommandLine) -> None:
    assert "--part and --slice are for training sets" in made.error(
        "statistics", "driver_stats", "--part", "a", code=2
    )
    assert "--since, --until and --run are for views" in made.error(
        "statistics", "rides-1", "--run", "1", code=2
    )
    assert "'rides-2' was not found" in made.error("statistics", "rides-2")
