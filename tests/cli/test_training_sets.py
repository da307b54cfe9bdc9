"""training-set create, list, show, verify, recreate, compare, export, annotate, record-model."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.cli.conftest import CommandLine

SQL = "SELECT driver_id, measured_at AS event_timestamp FROM driver_days"


@pytest.fixture
def made(cli: CommandLine, project: Path) -> CommandLine:
    cli.run("apply")
    cli.run(
        "training-set", "create", "rides-1", "-f", "drivers", "--sql", SQL, "--split", "train=0.8,test=0.2",
        "--by", "entity", "--seed", "3", "--tag", "model=m1", "--note", "first try",
    )  # fmt: skip
    return cli


def test_create_and_show(made: CommandLine, project: Path) -> None:
    document = made.json("training-set", "show", "rides-1")
    assert document["service"] == "drivers"
    assert document["views"] == ["driver_stats@1"]
    assert set(document["parts"]) == {"train", "test"}
    assert document["tags"] == {"model": "m1"}
    assert [note["text"] for note in document["notes"]] == ["first try"]
    assert document["manifest"]["recipe"]["split"]["kind"] == "entity"
    shown = made.text("training-set", "show", document["id"][:12])
    assert "entity, seed 3" in shown
    assert "first try" in shown
    (item,) = made.json("training-set", "list")["training_sets"]
    assert item["name"] == "rides-1"
    assert "rides-1" in made.text("training-set", "list", "--view", "driver_stats")
    assert (project / "training_sets" / "manifests" / f"{document['id']}.json").is_file()


def test_an_empty_list(cli: CommandLine, project: Path) -> None:
    assert "no training sets yet" in cli.text("training-set", "list")
    assert cli.json("training-set", "list") == {"training_sets": []}


def test_verify_and_recreate_say_by_the_exit_code_whether_it_is_the_same(
    made: CommandLine, project: Path
) -> None:
    assert made.json("training-set", "verify", "rides-1")["intact"]
    assert made.json("training-set", "recreate", "rides-1")["same"]
    file = next((project / "data").rglob("*.parquet"))
    rows = pq.read_table(file)
    pq.write_table(rows.slice(1), file)
    result = made.run("training-set", "recreate", "rides-1", "--json", code=1)
    document = json.loads(result.stdout)
    assert not document["same"]
    assert any("was replaced" in cause for cause in document["causes"])
    assert "What has changed since:" in made.run("training-set", "recreate", "rides-1", code=1).stdout
    next((project / "training_sets" / "objects").rglob("*.parquet")).unlink()
    assert "there is no file" in made.run("training-set", "verify", "rides-1", code=1).stdout


def test_compare(made: CommandLine) -> None:
    made.run("training-set", "create", "rides-2", "-f", "drivers", "--sql", SQL)
    document = made.json("training-set", "compare", "rides-1", "rides-2")
    assert not document["same_values"]
    assert "seed: 3 → 0" in document["differences"]
    assert "part all: new" in made.text("training-set", "compare", "rides-1", "rides-2")


def test_export_and_annotate(made: CommandLine, project: Path) -> None:
    files = made.json("training-set", "export", "rides-1", "out", "--format", "csv", "--parts", "test")[
        "files"
    ]
    assert [Path(file).name for file in files] == ["rides-1.test.csv", "rides-1.manifest.json"]
    document = made.json(
        "training-set", "annotate", "rides-1", "--tag", "model=", "--tag", "stage=live", "--note", "why not x"
    )
    assert document["tags"] == {"stage": "live"}
    assert document["notes"][-1]["text"] == "why not x"
    made.error("training-set", "annotate", "rides-1", code=2)


def test_parts_in_time(made: CommandLine) -> None:
    document = made.json(
        "training-set", "create", "by-time", "-f", "drivers", "--sql", SQL,
        "--split", "train=2024-05-15,test=", "--purge", "1d", "--embargo", "6h",
    )  # fmt: skip
    split = document["manifest"]["recipe"]["split"]
    assert (split["kind"], split["purge"], split["embargo"]) == ("time", 86_400_000_000, 21_600_000_000)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--split", "train"), "'train' is not understood"),
        (("--split", "train=a,test=b"), "could not convert"),
        (("--split", "train=2024-05-15,test=", "--purge", "soon"), "'soon' is not a duration"),
        (("--tag", "x"), "'x' is not understood"),
    ],
)
def test_wrong_calls(made: CommandLine, words: tuple[str, ...], message: str) -> None:
    call = ("training-set", "create", "other", "-f", "drivers", "--sql", SQL, *words)
    assert message in made.error(*call, code=2)


def test_every_command_has_json_and_config(cli: CommandLine) -> None:
    for command in ("create", "list", "show", "verify", "recreate", "compare", "export", "annotate"):
        shown = cli.text("training-set", command, "--help")
        assert "--json" in shown
        assert "--config" in shown


def test_a_model_that_was_trained_on_it_is_shown_and_reached(made: CommandLine) -> None:
    document = made.json("training-set", "record-model", "rides-1", "rides@7")
    assert [(item["name"], item["version"]) for item in document["models"]] == [("rides", "7")]
    assert "rides@7" in made.text("training-set", "show", "rides-1")
    assert "rides@7" in made.text("lineage", "driver_stats")
    assert "record" in made.text("audit", "rides@7")
    refused = made.run("training-set", "record-model", "rides-1", "rides", code=1)
    assert "neither a model nor its version" in refused.stderr
