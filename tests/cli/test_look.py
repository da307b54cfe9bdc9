"""list and describe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import CommandLine


def test_list(cli: CommandLine, filled: Path) -> None:
    document = cli.json("list")
    assert list(document) == ["entities", "sources", "views", "services"]
    assert document["entities"] == [
        {
            "name": "driver",
            "version": 1,
            "join_keys": {"driver_id": "int64"},
            "owner": "",
            "description": "Who drives.",
        }
    ]
    (view,) = document["views"]
    assert (view["active_version"], view["entities"], view["source"]) == (1, ["driver"], "driver_days")
    assert view["features"] == ["trips", "acceptance", "city"]
    assert document["services"][0]["views"] == ["driver_stats"]
    assert document["sources"][0]["path"] == ["data/driver_days.parquet"]
    for what in document:
        assert cli.json("list", what) == {what: document[what]}
        assert document[what][0]["name"] in cli.text("list", what)
    shown = cli.text("list")
    assert all(title in shown for title in ("Entities", "Sources", "Views", "Services"))


def test_list_of_nothing(cli: CommandLine, project: Path) -> None:
    assert cli.json("list") == {"entities": [], "sources": [], "views": [], "services": []}
    assert "There are no runs yet." in cli.text("list", "runs")


@pytest.mark.parametrize(
    ("name", "kind", "used_by"),
    [
        ("driver", "entity", {"views": ["driver_stats"]}),
        ("driver_days", "source", {"views": ["driver_stats"]}),
        ("driver_stats", "feature_view", {"services": ["drivers"]}),
        ("drivers", "feature_service", {}),
    ],
)
def test_describe(
    name: str, kind: str, used_by: dict[str, list[str]], cli: CommandLine, filled: Path
) -> None:
    (found,) = cli.json("describe", name)["definitions"]
    assert (found["kind"], found["name"], found["version"], found["used_by"]) == (kind, name, 1, used_by)
    assert found["definition"]["name"] == name
    assert len(found["data_hash"]) == len(found["metadata_hash"]) == 64
    assert [version["version"] for version in found["versions"]] == [1]
    shown = cli.text("describe", name)
    assert found["data_hash"] in shown
    assert all(user in shown for users in used_by.values() for user in users)


def test_describe_versions(cli: CommandLine, filled: Path, edit: Callable[[str, str], None]) -> None:
    edit("ttl=timedelta(days=7)", "ttl=timedelta(days=3)")
    cli.run("apply")
    (active,) = cli.json("describe", "driver_stats")["definitions"]
    (newest,) = cli.json("describe", "driver_stats@2")["definitions"]
    assert (active["version"], active["active"], active["definition"]["ttl"]) == (1, True, 7 * 86_400 * 10**6)
    assert (newest["version"], newest["active"], newest["definition"]["ttl"]) == (
        2,
        False,
        3 * 86_400 * 10**6,
    )
    assert [version["active"] for version in active["versions"]] == [True, False]
    assert "not active" in cli.text("describe", "driver_stats")
    assert "there are: driver_stats@1, driver_stats@2" in cli.error("describe", "driver_stats@3")
    assert "'x' is not a version" in cli.error("describe", "driver_stats@x", code=2)


def test_describe_what_is_retired_and_what_is_not_there(cli: CommandLine, filled: Path) -> None:
    cli.run("retire", "drivers")
    assert "there are: drivers@1." in cli.error("describe", "drivers")
    (found,) = cli.json("describe", "drivers@1")["definitions"]
    assert found["retired"]
    assert "retired" in cli.text("describe", "drivers@1")
    assert "Did you mean 'driver_stats'" in cli.error("describe", "driver_stat")


def test_one_name_for_an_entity_and_a_source(
    cli: CommandLine, project: Path, edit: Callable[[str, str], None]
) -> None:
    edit('    "driver_days",', '    "driver",')
    cli.run("apply")
    found = cli.json("describe", "driver")["definitions"]
    assert [item["kind"] for item in found] == ["entity", "source"]
    shown = cli.text("describe", "driver")
    assert shown.startswith("entity driver")
    assert "\n\nsource driver" in shown
