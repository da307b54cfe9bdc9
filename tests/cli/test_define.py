"""init, plan, apply, retire."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import CommandLine

Edit = Callable[[str, str], None]


def names(document: dict[str, list[dict[str, str]]], action: str) -> list[str]:
    return [change["name"] for change in document["changes"] if change["action"] == action]


def test_init_overwrites_nothing(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "features.py").write_text("mine")
    error = cli.error("init", str(tmp_path))
    assert "features.py is already there" in error
    assert [file.name for file in tmp_path.iterdir()] == ["features.py"]
    assert (tmp_path / "features.py").read_text() == "mine"


@pytest.mark.parametrize(
    ("folder", "name"),
    [("rides", "rides"), ("my-rides 2", "my_rides_2"), ("1st", "project_1st"), ("é", "project")],
)
def test_init_names_the_project_after_the_folder(
    folder: str, name: str, cli: CommandLine, tmp_path: Path
) -> None:
    document = cli.json("init", str(tmp_path / folder))
    assert document["project"] == name
    assert f'project = "{name}"' in (tmp_path / folder / "feature_store.toml").read_text()
    assert all((tmp_path / folder / file["path"]).is_file() for file in document["files"])


def test_plan_changes_nothing(cli: CommandLine, project: Path) -> None:
    everything = ["driver", "driver_days", "driver_stats", "drivers"]
    for _ in range(2):
        document = cli.json("plan")
        assert (document["project"], document["revision"], document["unchanged"]) == ("rides", 0, 0)
        assert names(document, "create") == everything
    assert "+ feature_view driver_stats" in cli.text("plan")


def test_apply_twice(cli: CommandLine, project: Path) -> None:
    shown = cli.text("apply")
    assert "4 to create, 0 to change, 0 unchanged." in shown
    assert "at revision 1" in shown
    assert "featurestore materialize --views driver_stats" in shown
    assert "Nothing to do." in cli.text("apply")
    document = cli.json("apply")
    assert (document["revision"], document["changes"], document["unchanged"]) == (1, [], 4)


def test_a_message_is_recorded(cli: CommandLine, project: Path) -> None:
    cli.run("apply", "--message", "first features")
    connection = sqlite3.connect(project / "registry.db")
    assert connection.execute("SELECT message FROM fs_commits").fetchall() == [("first features",)]
    connection.close()


def test_a_change_of_values_is_a_new_version(cli: CommandLine, filled: Path, edit: Edit) -> None:
    edit("ttl=timedelta(days=7)", "ttl=timedelta(days=3)")
    (change,) = cli.json("plan")["changes"]
    assert (change["action"], change["name"], change["version"]) == ("new version", "driver_stats", 2)
    assert change["services"] == ["drivers"]
    assert any(detail.startswith("ttl") for detail in change["details"])
    cli.run("apply")
    view = cli.json("status")["views"][0]
    assert (view["active_version"], view["newest_version"]) == (1, 2)
    assert "featurestore materialize --views driver_stats" in cli.text("status")
    cli.run("materialize", "--views", "driver_stats")
    view = cli.json("status")["views"][0]
    assert (view["active_version"], view["newest_version"]) == (2, 2)


def test_definitions_in_a_list_count_too(cli: CommandLine, project: Path, edit: Edit) -> None:
    edit("drivers = fs.FeatureService(", "services = [fs.FeatureService(")
    edit('description="What the model reads.")', 'description="What the model reads.")]')
    assert "drivers" in names(cli.json("plan"), "create")


def test_retire(cli: CommandLine, filled: Path) -> None:
    assert "service 'drivers' uses it" in cli.error("retire", "driver_stats")
    assert names(cli.json("retire", "drivers", "driver_stats"), "retire") == ["drivers", "driver_stats"]
    assert cli.json("list", "views") == {"views": []}
    assert "'drivers' was not found" in cli.error("get-online", "-f", "drivers", "-e", "driver_id=1001")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("boom = 1 / 0", "ZeroDivisionError: division by zero"),
        ("boom = = 1", "SyntaxError"),
        ("import a_module_that_is_nowhere", "No module named 'a_module_that_is_nowhere'"),
        ("fs.Entity('a b', join_keys={'a': fs.Int64})", "'a b' is not a name"),
    ],
)
def test_an_error_in_a_module_says_where(
    line: str, expected: str, cli: CommandLine, project: Path, edit: Edit
) -> None:
    edit("import featurestore as fs\n", f"import featurestore as fs\n{line}\n")
    number = (project / "features.py").read_text().splitlines().index(line) + 1
    error = cli.error("plan")
    assert expected in error
    assert f"Defined at {project / 'features.py'}:{number}" in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("definitions", "expected"),
    [
        ("[]", "names no modules"),
        ('["featurez"]', "names the module 'featurez', which was not found"),
        ('["sample_data"]', "There are no definitions in"),
        ('"features"', "definitions must be a list of module names"),
    ],
)
def test_an_error_in_the_list_of_modules(
    definitions: str, expected: str, cli: CommandLine, project: Path
) -> None:
    file = project / "feature_store.toml"
    file.write_text(file.read_text().replace('["features"]', definitions))
    assert expected in cli.error("apply")


def test_the_file_may_be_elsewhere(
    cli: CommandLine, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "There is no feature_store.toml" in cli.error("plan")
    assert cli.json("apply", "--config", "rides/feature_store.toml")["revision"] == 1
    cli.run("materialize", "--config", "rides/feature_store.toml")
    assert (project / "registry.db").is_file()


def test_debug_shows_the_traceback(cli: CommandLine, project: Path) -> None:
    result = cli.run("plan", "--config", "nowhere.toml", "--debug", code=1)
    assert type(result.exception).__name__ == "ConfigurationError"
