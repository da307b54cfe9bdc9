"""PostgreSQL as a warehouse: sources name it by an environment variable, as users do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from featurestore.testing.servers import postgres as servers


@pytest.fixture(scope="module")
def shared_warehouse(postgres_server_url: str) -> Iterator[str]:
    """URL of a database for the tests of one module, which sources call ``${WAREHOUSE_URL}``."""
    database = servers.create_database(postgres_server_url)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WAREHOUSE_URL", database)
        yield database
    servers.drop_database(postgres_server_url, database)


@pytest.fixture(scope="module")
def sqlalchemy_url(shared_warehouse: str) -> Iterator[str]:
    """The same database as SQLAlchemy writes it, which sources call ``${SQLALCHEMY_URL}``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SQLALCHEMY_URL", shared_warehouse.replace("postgresql://", "postgresql+psycopg://"))
        yield "${SQLALCHEMY_URL}"


@pytest.fixture
def warehouse(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """URL of an empty database of the test's own, which sources call ``${WAREHOUSE_URL}``."""
    monkeypatch.setenv("WAREHOUSE_URL", postgres_url)
    return postgres_url
