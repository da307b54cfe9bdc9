"""upgrade: the registry of an older release is refused until it is brought up to date."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import CommandLine

RELEASED = Path(__file__).parents[1] / "registry" / "released" / "schema_0001_sqlite.sql"


@pytest.fixture
def older(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose registry the first release has made; the working directory."""
    with closing(sqlite3.connect(tmp_path / "registry.db")) as connection:
        connection.executescript(RELEASED.read_text(encoding="utf-8"))
    (tmp_path / "feature_store.toml").write_text('project = "flights"\n', encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_an_older_registry_is_refused_with_is_what_helps(cli: CommandLine, older: Path) -> None:
    error = cli.error("list", "views")
    assert "schema 0001, that of an older release" in error
    assert "featurestore upgrade" in error
    assert "The registry is up to date." in cli.text("upgrade")
    assert [view["name"] for view in cli.json("list", "views")["views"]] == ["load", "punctuality"]


def test_upgrading_again_changes_nothing(cli: CommandLine, older: Path) -> None:
    for _ in range(2):
        assert cli.json("upgrade", "--config", str(older / "feature_store.toml")) == {"up_to_date": True}
    assert len(cli.json("list", "views")["views"]) == 2


def test_what_cannot_be_upgraded_is_told(cli: CommandLine, older: Path) -> None:
    (older / "feature_store.toml").write_text(
        'project = "flights"\nregistry = "nosuch://x"\n', encoding="utf-8"
    )
    assert "'nosuch' is not a known registry URL" in cli.error("upgrade")
