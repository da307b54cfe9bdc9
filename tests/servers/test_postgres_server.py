"""The PostgreSQL servers that tests run on."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from featurestore.testing.servers import PostgresServer, ServerError


def test_each_database_is_empty_and_of_the_test_alone(postgres_server_url: str, postgres_url: str) -> None:
    assert postgres_url != postgres_server_url
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE t (a int)")
    with psycopg.connect(postgres_server_url) as connection:
        assert connection.execute("SELECT to_regclass('t')").fetchone() == (None,)


def test_a_killed_server_is_gone_and_comes_back_with_what_was_committed(
    postgres_to_break: PostgresServer,
) -> None:
    database = postgres_to_break.create_database()
    with psycopg.connect(database) as connection:
        connection.execute("CREATE TABLE t AS SELECT 7 AS a")
    with psycopg.connect(database, autocommit=True) as connection:
        postgres_to_break.kill()
        assert not postgres_to_break.running
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    postgres_to_break.start()
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT a FROM t").fetchone() == (7,)


def test_a_server_asks_for_its_password(postgres_to_break: PostgresServer) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(postgres_to_break.url, password="wrong")


def test_a_folder_without_the_programs_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match="no initdb and no postgres in"):
        PostgresServer.start_new(tmp_path)


def test_nothing_is_left_behind_when_the_server_cannot_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    binaries, temporary = tmp_path / "bin", tmp_path / "temporary"
    binaries.mkdir()
    temporary.mkdir()
    for program in ("initdb", "postgres"):
        (binaries / program).write_text("#!/bin/sh\necho out of luck >&2\nexit 1\n")
        (binaries / program).chmod(0o755)
    # These programs do not mind root, whose test folder no other account may enter.
    monkeypatch.setattr(PostgresServer, "_account", lambda self: None)
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    with pytest.raises(ServerError, match="initdb failed with code 1:\nout of luck"):
        PostgresServer.start_new(binaries)
    assert list(temporary.iterdir()) == []
