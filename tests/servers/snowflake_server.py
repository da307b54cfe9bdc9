"""A server that speaks Snowflake's protocol: fakesnow as a child process, in an environment of its own, or an account.

fakesnow needs versions of DuckDB, sqlglot and the driver that the project does not: it is installed once into
``.snowflake-venv``, beside pyproject.toml, when the first test asks for it.

The same tests run on a real account, in a schema of their own that is dropped again::

    export SNOWFLAKE_PASSWORD=…
    export FEATURESTORE_TEST_SNOWFLAKE='snowflake://user:${SNOWFLAKE_PASSWORD}@account/database?warehouse=tests'
    make test ARGS="-m snowflake"
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Self

from featurestore.definitions.connection import Connection
from featurestore.testing.servers.process import HOST, ChildServer
from tests.servers.environments import ROOT, new_environment, pip_install, python_of, without_python

VARIABLE = "FEATURESTORE_TEST_SNOWFLAKE"
ENVIRONMENT = ".snowflake-venv"
PROGRAM = Path(__file__).with_name("snowflake_app.py")
# What `snowflake_app` adds is written for this release.
REQUIREMENTS = ("fakesnow[server]==0.12.1", "snowflake-connector-python>=4,<5")
USER, PASSWORD, DATABASE, SCHEMA = "local", "local", "LOCAL", "PUBLIC"


class SnowflakeServer(ChildServer):
    """A server for the driver, empty at each start."""

    def __init__(self, python: Path) -> None:
        super().__init__()
        self._python = python

    @classmethod
    def start_new(cls) -> Self:
        """Start one on a free loopback port.

        Raises:
            ServerError: if it cannot be installed or does not start.
        """
        server = cls(environment())
        server._start_on_a_free_port()
        return server

    @property
    def url(self) -> str:
        """``snowflake://…``, with the password."""
        return f"snowflake://{USER}:{PASSWORD}@local/{DATABASE}/{SCHEMA}?host={HOST}&port={self.port}&protocol=http"

    def _command(self) -> list[str]:
        return [str(self._python), "-P", "-W", "ignore", str(PROGRAM), str(self.port)]

    def _environment(self) -> dict[str, str]:
        return without_python()

    def _answers(self) -> bool:
        connection = HTTPConnection(HOST, self.port, timeout=5)
        try:
            connection.request("POST", "/telemetry/send")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()


@contextmanager
def own_schema(url: str) -> Iterator[str]:
    """URL of a new schema in the database of a URL, which is dropped afterwards."""
    from featurestore_connectors.snowflake.connections import Session

    place, _, parameters = Connection.of(url, what="The tests' account").url.partition("?")
    name = f"FEATURESTORE_{secrets.token_hex(6).upper()}"
    own = f"{'/'.join(place.split('/')[:4])}/{name}?{parameters}"
    with Session(source="tests", url=url) as session:
        session.run(f"CREATE SCHEMA {name}")
        yield own
        session.run(f"DROP SCHEMA {name} CASCADE")


def environment() -> Path:
    """The Python of the server's environment, which is made if it is not there.

    Raises:
        ServerError: if it cannot be made.
    """
    with new_environment(ENVIRONMENT, REQUIREMENTS) as new:
        if new is not None:
            pip_install(new, REQUIREMENTS)
    return python_of(ROOT / ENVIRONMENT)
