"""A process that dies between any two statements of an act leaves the registry as it was before it, or after."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa

from featurestore.definitions.entity import Entity
from featurestore.definitions.types import String
from featurestore.testing.registry_suite.base import change, commit
from featurestore.testing.servers import postgres
from featurestore_registry import SQLRegistry
from featurestore_registry.address import parse_address
from tests.registry.acts import ACTS, contents
from tests.registry.die_at_statement import NEVER

pytestmark = pytest.mark.thorough

Do = Callable[[str, str, int], int]
Copy = Callable[[], str]


@pytest.fixture(scope="module")
def do() -> Iterator[Do]:
    """Do an act in a process of its own that dies after so many statements; its exit code."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.registry.die_at_statement"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        ask, answers = process.stdin, process.stdout

        def one(url: str, act: str, number: int) -> int:
            print(url, act, number, file=ask, flush=True)
            return int(answers.readline())

        yield one
        ask.close()


@pytest.fixture
def copy(registry_url: str, do: Do, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Copy]:
    """Make another registry that is arranged; its URL."""
    assert do(registry_url, "arrange", NEVER) == 0
    if registry_url.startswith("sqlite"):
        yield lambda: _copied(registry_url, tmp_path)
        return
    server: str = request.getfixturevalue("postgres_server_url")
    made: list[str] = []

    def one() -> str:
        made.append(f"{urlsplit(registry_url).path.removeprefix('/')}_{len(made)}")
        template = urlsplit(registry_url).path.removeprefix("/")
        postgres._execute(server, f"CREATE DATABASE {made[-1]} TEMPLATE {template}")
        return urlsplit(server)._replace(path=f"/{made[-1]}").geturl()

    yield one
    for name in made:
        postgres.drop_database(server, urlsplit(server)._replace(path=f"/{name}").geturl())


def _copied(url: str, folder: Path) -> str:
    # The last connection has put everything into the one file.
    shutil.copy(url.removeprefix("sqlite:///"), folder / "copy.db")
    for suffix in ("-wal", "-shm"):
        (folder / f"copy.db{suffix}").unlink(missing_ok=True)
    return f"sqlite:///{folder}/copy.db"


def held(url: str) -> dict[str, list[str]]:
    engine = sa.create_engine(parse_address(url).url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        return contents(connection)


@pytest.mark.parametrize("act", ACTS)
def test_killed_after_each_statement(act: str, copy: Copy, do: Do) -> None:
    url = copy()
    before = held(url)
    assert do(url, act, NEVER) == 0
    after = held(url)
    assert after != before
    url, points = copy(), 0
    while True:
        points += 1
        code = do(url, act, points)
        state = held(url)
        # Dead before the commit was answered: nothing has happened, and the same registry is used on.
        if state == before:
            assert code == -9
            continue
        assert state == after
        break
    # A transaction begins, looks, writes at least one row, and is committed.
    assert points > 5
    registry = SQLRegistry.from_url(url)
    commit(registry, change(Entity("next", join_keys={"k": String})))
    registry.close()
