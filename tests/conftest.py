"""Fixtures for all tests: real servers, one of each per test process, started when the first test asks.

A test that uses one of them gets the mark of the same name (``-m redis``, ``-m postgres``) by itself.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import hypothesis
import pytest

from featurestore.testing.servers import (
    GoogleStorageServer,
    PostgresServer,
    RedisServer,
    S3Server,
    ServerError,
)
from featurestore.testing.servers import postgres as postgres_servers
from featurestore.testing.servers import redis as redis_servers
from tests.servers import azure_server as azure_servers
from tests.servers import snowflake_server
from tests.servers.azure_server import AzureServer
from tests.servers.snowflake_server import SnowflakeServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# Generated cases share two cores with other test processes: the time of a single one says nothing.
hypothesis.settings.register_profile("featurestore", deadline=None, print_blob=True)
hypothesis.settings.load_profile("featurestore")

_MARKS = {
    "redis": {"redis_server", "redis_url", "redis_to_break"},
    "postgres": {"postgres_server_url", "postgres_url", "postgres_to_break"},
    "s3": {"s3_server", "s3_bucket"},
    "gcs": {"gcs_bucket"},
    "azure": {"azure_server", "azure_container"},
    "snowflake": {"snowflake_server_url", "snowflake_url", "snowflake_to_break"},
    "browser": {"browser"},
}
# The first test that asks for one of these installs it; others wait for that.
_INSTALLED, _SECONDS_TO_INSTALL = ("azure", "snowflake"), 600


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for mark, fixtures in _MARKS.items():
            if fixtures & set(getattr(item, "fixturenames", ())):
                item.add_marker(mark)
                if mark in _INSTALLED:
                    item.add_marker(pytest.mark.timeout(_SECONDS_TO_INSTALL))


def pytest_report_header() -> list[str]:
    given = os.environ.get(postgres_servers.VARIABLE)
    postgres = (
        f"the server of {postgres_servers.VARIABLE}" if given else postgres_servers.find_postgres_binaries()
    )
    return [f"redis: {redis_servers.find_redis_binary()}", f"postgres: {postgres}"]


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """The Redis-protocol server of this test process. Leave it running; see `redis_to_break`."""
    with RedisServer.start_new() as server:
        yield server


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """URL of an empty Redis database."""
    import redis

    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
    return redis_server.url


@pytest.fixture
def redis_to_break() -> Iterator[RedisServer]:
    """A Redis-protocol server of the test's own, to be stopped, killed and started at will."""
    with RedisServer.start_new() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_server_url() -> Iterator[str]:
    """URL of the PostgreSQL server of this test process, or of the one that the environment names."""
    if given := os.environ.get(postgres_servers.VARIABLE):
        yield given
        return
    with PostgresServer.start_new() as server:
        yield server.url


@pytest.fixture
def postgres_url(postgres_server_url: str) -> Iterator[str]:
    """URL of an empty PostgreSQL database of the test's own."""
    database = postgres_servers.create_database(postgres_server_url)
    yield database
    postgres_servers.drop_database(postgres_server_url, database)


@pytest.fixture
def postgres_to_break() -> Iterator[PostgresServer]:
    """A PostgreSQL server of the test's own, to be stopped, killed and started at will."""
    with PostgresServer.start_new() as server:
        yield server


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """The object store of this test process, which the environment names while the tests run."""
    with S3Server.start_new() as server, pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment().items():
            patch.setenv(name, value)
        yield server


@pytest.fixture(scope="session")
def s3_bucket(s3_server: S3Server) -> str:
    """``s3://bucket`` of the object store."""
    import pyarrow.fs

    store = pyarrow.fs.S3FileSystem(endpoint_override=s3_server.url, allow_bucket_creation=True)
    store.create_dir("featurestore")
    return "s3://featurestore"


@pytest.fixture(scope="session")
def gcs_bucket() -> Iterator[str]:
    """``gs://bucket`` of an object store of this test process, which the environment names while the tests run."""
    import pyarrow.fs

    with GoogleStorageServer.start_new() as server, pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment().items():
            patch.setenv(name, value)
        host = server.url.removeprefix("http://")
        store = pyarrow.fs.GcsFileSystem(
            anonymous=True, scheme="http", endpoint_override=host, project_id="tests"
        )
        store.create_dir("featurestore")
        yield "gs://featurestore"


@pytest.fixture(scope="session")
def azure_server() -> Iterator[AzureServer]:
    """The Azure Blob store of this test process, which the environment names while the tests run."""
    try:
        folder = azure_servers.environment()
    except ServerError as error:
        pytest.skip(f"Azurite cannot be installed here: {error}")
    with AzureServer.start_new(folder) as server, pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment().items():
            patch.setenv(name, value)
        yield server


@pytest.fixture(scope="session")
def azure_container(azure_server: AzureServer) -> str:
    """``az://container`` of the object store."""
    from featurestore.sources.stores import split

    split("az://")[0].opened().create_dir("featurestore")
    return "az://featurestore"


@pytest.fixture(scope="session")
def snowflake_server_url() -> Iterator[str]:
    """URL of the local Snowflake server of this test process, or of the account that the environment names."""
    if given := os.environ.get(snowflake_server.VARIABLE):
        yield given
        return
    with SnowflakeServer.start_new() as server:
        yield server.url


@pytest.fixture(scope="module")
def snowflake_url(snowflake_server_url: str) -> Iterator[str]:
    """URL of an empty schema for the tests of one module, which sources call ``${SNOWFLAKE_URL}``."""
    with snowflake_server.own_schema(snowflake_server_url) as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SNOWFLAKE_URL", url)
        yield url


@pytest.fixture
def snowflake_to_break(monkeypatch: pytest.MonkeyPatch) -> Iterator[SnowflakeServer]:
    """A local Snowflake server of the test's own, to be killed at will; sources call it ``${SNOWFLAKE_URL}``."""
    with SnowflakeServer.start_new() as server:
        monkeypatch.setenv("SNOWFLAKE_URL", server.url)
        yield server


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium. Not for longer than a module: while it is there, no test can run an event loop."""
    from tests.report.browser import VARIABLE, opened_browser

    with opened_browser() as found:
        if found is None:
            pytest.skip(f"there is no Chromium on this machine: run `make browser`, or set {VARIABLE}")
        yield found
