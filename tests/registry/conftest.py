"""A new registry in each database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from featurestore_registry import SQLRegistry
from featurestore_registry.address import parse_address


@pytest.fixture(params=["sqlite", "postgresql"])
def registry_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path}/registry.db"


@pytest.fixture
def registry(registry_url: str) -> Iterator[SQLRegistry]:
    opened = SQLRegistry.from_url(registry_url)
    yield opened
    opened.close()


@pytest.fixture
def engine(registry_url: str) -> Iterator[sa.Engine]:
    """The database, by hand."""
    made = sa.create_engine(parse_address(registry_url).url, poolclass=sa.NullPool)
    yield made
    made.dispose()
