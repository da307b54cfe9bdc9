"""Twenty processes apply different definitions to one registry at the same moment: none is lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import featurestore as fs

pytestmark = pytest.mark.thorough

COUNT = 20


@pytest.fixture(params=["sqlite", "postgresql"])
def registry_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path}/registry.db"


def test_none_is_lost(registry_url: str, tmp_path: Path) -> None:
    names = [f"view_{number}" for number in range(COUNT)]
    go = tmp_path / "go"
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.store.apply_one", registry_url, name, str(go)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        for name in names
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    go.touch()
    for process in processes:
        _, errors = process.communicate(timeout=100)
        assert process.returncode == 0, errors
    with fs.FeatureStore(registry=registry_url, online="memory://", project="crowd") as store:
        catalog = store.project.catalog()
        assert sorted(catalog.newest("feature_view")) == sorted(names)
        assert list(catalog.newest("entity")) == ["thing"]
        assert {stored.version for stored in catalog.stored} == {1}
        assert catalog.revision == COUNT
