"""Databases that are not there, go away, are locked or are something else; and forked processes."""

from __future__ import annotations

import os
import secrets
import socket
import sqlite3
import threading
import traceback
from pathlib import Path

import psycopg
import pytest

from featurestore.errors import RegistryError, RegistryUnavailableError
from featurestore.testing.registry_suite.base import ARRIVALS, PLANE, PROJECT, change, commit
from featurestore.testing.servers import PostgresServer
from featurestore_registry import SQLRegistry, database

SECRET = "s3cr3t"


def test_a_server_that_is_not_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(RegistryUnavailableError, match=rf"postgresql://127\.0\.0\.1:{port}/d") as found:
            SQLRegistry.from_url(f"postgresql://u:{SECRET}@127.0.0.1:{port}/d")
    assert found.value.retryable
    assert found.value.hint
    assert found.value.__cause__ is not None
    assert SECRET not in "".join(traceback.format_exception(found.value))


def test_a_database_that_is_not_there(postgres_server_url: str) -> None:
    with pytest.raises(RegistryUnavailableError, match='database "nowhere" does not exist'):
        SQLRegistry.from_url(postgres_server_url.rpartition("/")[0] + "/nowhere")


def test_a_server_that_goes_away_and_comes_back(postgres_to_break: PostgresServer) -> None:
    registry = SQLRegistry.from_url(postgres_to_break.create_database())
    commit(registry, change(PLANE))
    postgres_to_break.kill()
    with pytest.raises(RegistryUnavailableError):
        registry.revision(project=PROJECT)
    with pytest.raises(RegistryUnavailableError):
        registry.commit(project=PROJECT, expected_revision=1, changes=[change(ARRIVALS)])
    postgres_to_break.start()
    assert registry.revision(project=PROJECT) == 1
    assert commit(registry, change(ARRIVALS)) == 2
    registry.close()


def test_a_server_that_was_started_anew_between_two_calls(postgres_to_break: PostgresServer) -> None:
    registry = SQLRegistry.from_url(postgres_to_break.create_database())
    commit(registry, change(PLANE))
    postgres_to_break.stop()
    postgres_to_break.start()
    assert commit(registry, change(ARRIVALS)) == 2
    registry.close()


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RegistryUnavailableError, match=r"missing/registry\.db.*\n.*folder"):
        SQLRegistry.from_url(f"sqlite:///{tmp_path}/missing/registry.db")


def test_a_file_that_is_something_else(tmp_path: Path) -> None:
    file = tmp_path / "registry.db"
    file.write_text("project = 'flights'\n" * 100)
    with pytest.raises(RegistryError, match=r"registry\.db refused: file is not a database") as found:
        SQLRegistry.from_url(f"sqlite:///{file}")
    assert not found.value.retryable
    assert file.read_text() == "project = 'flights'\n" * 100


def test_a_user_who_may_not_make_tables(postgres_url: str) -> None:
    role = f"featurestore_{secrets.token_hex(6)}"
    host = postgres_url.rpartition("@")[2]
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
        connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{SECRET}'")
        connection.execute(f"GRANT USAGE ON SCHEMA public TO {role}")
        try:
            with pytest.raises(RegistryError, match="permission denied") as found:
                SQLRegistry.from_url(f"postgresql://{role}:{SECRET}@{host}")
        finally:
            connection.execute(f"REVOKE ALL ON SCHEMA public FROM {role}")
            connection.execute(f"DROP ROLE {role}")
    assert not found.value.retryable
    assert SECRET not in "".join(traceback.format_exception(found.value))


def test_a_registry_that_others_keep_locked(registry_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "SECONDS_TO_WAIT", 1)
    registry = SQLRegistry.from_url(registry_url)
    commit(registry, change(PLANE))
    locked, done = threading.Event(), threading.Event()

    def hold() -> None:
        other = database.Database.from_url(registry_url)
        with other.writing() as connection:
            connection.exec_driver_sql("UPDATE fs_projects SET revision = 9")
            locked.set()
            done.wait()
            connection.rollback()
        other.close()

    holder = threading.Thread(target=hold)
    holder.start()
    assert locked.wait(10)
    try:
        assert registry.revision(project=PROJECT) == 1
        with pytest.raises(RegistryUnavailableError, match="lock"):
            commit(registry, change(ARRIVALS))
    finally:
        done.set()
        holder.join()
    assert commit(registry, change(ARRIVALS)) == 2
    registry.close()


def test_a_new_file_that_another_program_is_writing_to(tmp_path: Path) -> None:
    file = tmp_path / "registry.db"
    other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    end = threading.Timer(0.3, other.rollback)
    end.start()
    SQLRegistry.from_url(f"sqlite:///{file}").close()
    end.join()
    assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    other.close()


def test_a_forked_process_has_connections_of_its_own(registry: SQLRegistry) -> None:
    commit(registry, change(PLANE))
    child = os.fork()
    if child == 0:
        status = 1
        try:
            commit(registry, change(ARRIVALS))
            registry.close()
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    assert registry.revision(project=PROJECT) == 2
    assert len(registry.definitions(project=PROJECT)[1]) == 2


def test_a_forked_process_neither_uses_nor_closes_the_connection_of_its_parent(postgres_url: str) -> None:
    def session() -> int:
        with registry._database.reading() as connection:
            return int(connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())

    registry = SQLRegistry.from_url(postgres_url)
    ours = session()
    receiver, sender = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(sender, str(session()).encode())
            registry.close()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(sender)
    with os.fdopen(receiver) as answer:
        assert int(answer.read()) != ours
    assert session() == ours
    registry.close()


def test_a_closed_registry_leaves_no_files_beside_its_own(tmp_path: Path) -> None:
    registry = SQLRegistry.from_url(f"sqlite:///{tmp_path}/registry.db")
    commit(registry, change(PLANE))
    registry.close()
    assert [path.name for path in tmp_path.iterdir()] == ["registry.db"]
    with sqlite3.connect(tmp_path / "registry.db") as connection:
        assert connection.execute("SELECT count(*) FROM fs_versions").fetchone() == (1,)
    connection.close()
