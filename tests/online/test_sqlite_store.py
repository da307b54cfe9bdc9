from __future__ import annotations

import functools
import os
import sqlite3
import time
from datetime import timedelta
from pathlib import Path
from unittest import mock

import pytest

from featurestore.errors import ConfigurationError, OnlineStoreError, OnlineStoreUnavailableError
from featurestore.online import sqlite_connections
from featurestore.online.sqlite import SQLiteOnlineStore
from featurestore.protocols.online import PushedWrite
from featurestore.testing.online_cases import materialized, pushed
from featurestore.testing.online_conformance import SPACE, OnlineStoreConformance, Opener, read, write
from featurestore.testing.online_sharing import SharedStoreConformance


class TestSQLiteOnlineStore(SharedStoreConformance, OnlineStoreConformance):
    @pytest.fixture
    def open_store(self, tmp_path: Path) -> Opener:
        return functools.partial(SQLiteOnlineStore.from_url, f"sqlite:///{tmp_path}/online.db")


def _count(path: Path) -> tuple[int, int]:
    connection = sqlite3.connect(path)
    (spaces,), (rows,) = (
        connection.execute(f"SELECT count(*) FROM {t}").fetchone() for t in ("spaces", "rows")
    )
    connection.close()
    return spaces, rows


def test_what_has_expired_is_reclaimed_by_later_writes(tmp_path: Path) -> None:
    path = tmp_path / "online.db"
    store = SQLiteOnlineStore(path)
    keys = [b"%d" % number for number in range(250)]
    write(store, {key: materialized(1) for key in keys}, spaces=[b"retired"])
    write(store, {key: pushed(1) for key in keys}, PushedWrite(), keep_for=timedelta(milliseconds=1))
    store.retire(space=b"retired", keep_for=timedelta(0))
    assert _count(path) == (2, 500)
    time.sleep(0.01)
    for number in range(10):
        write(store, {b"new %d" % number: materialized(1)})
    assert _count(path) == (1, 10)
    assert list(store.pushed_keys(space=SPACE)) == []
    write(store, {b"a": materialized(1)}, spaces=[b"retired"])
    assert read(store, [b"a", keys[0]], b"retired") == [materialized(1), None]
    store.close()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_leaves_the_connections_of_its_parent_alone(tmp_path: Path) -> None:
    store = SQLiteOnlineStore(tmp_path / "online.db")
    write(store, {b"a": materialized(1)})
    assert read(store, [b"a"]) == [materialized(1)]
    child = os.fork()
    if child == 0:
        with mock.patch.object(sqlite3, "connect", wraps=sqlite3.connect) as connect:
            write(store, {b"b": materialized(2)})
            right = read(store, [b"a", b"b"]) == [materialized(1), materialized(2)]
        os._exit(0 if right and connect.call_count == 1 else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert read(store, [b"a", b"b"]) == [materialized(1), materialized(2)]
    store.close()


def test_a_file_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(OnlineStoreUnavailableError, match=r"nowhere/online.db.*unable to open") as caught:
        SQLiteOnlineStore(tmp_path / "nowhere" / "online.db")
    assert isinstance(caught.value.__cause__, sqlite3.Error)


def test_a_file_that_is_something_else(tmp_path: Path) -> None:
    path = tmp_path / "online.db"
    path.write_bytes(b"no database " * 1_000)
    with pytest.raises(OnlineStoreError, match="not a database") as caught:
        SQLiteOnlineStore(path)
    assert not caught.value.retryable
    assert path.read_bytes() == b"no database " * 1_000


def test_a_file_of_a_newer_release(tmp_path: Path) -> None:
    path = tmp_path / "online.db"
    SQLiteOnlineStore(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 3")
    connection.close()
    with pytest.raises(OnlineStoreError, match="has format 3, this release knows up to 2"):
        SQLiteOnlineStore(path)


def test_a_file_of_version_1_finds_pushed_rows_again(tmp_path: Path) -> None:
    path = tmp_path / "online.db"
    store = SQLiteOnlineStore(path)
    write(store, {b"a": pushed(1), b"b": materialized(1)}, PushedWrite())
    store.close()
    connection = sqlite3.connect(path)
    connection.executescript(
        "DROP INDEX pushed_rows; CREATE INDEX pushed_rows ON rows (space, key) WHERE substr(row, 2, 1) = x'01';"
        "PRAGMA user_version = 1;"
    )
    connection.close()
    again = SQLiteOnlineStore(path)
    assert list(again.pushed_keys(space=SPACE)) == [[b"a"]]
    again.close()


def test_a_lock_that_is_held_for_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_connections, "_BUSY_SECONDS", 0.1)
    path = tmp_path / "online.db"
    store = SQLiteOnlineStore(path)
    write(store, {b"a": materialized(1)})
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(OnlineStoreUnavailableError, match="locked") as caught:
        write(store, {b"a": materialized(2)})
    assert caught.value.retryable
    assert read(store, [b"a"]) == [materialized(1)]
    other.execute("ROLLBACK")
    other.close()
    write(store, {b"a": materialized(2)})
    assert read(store, [b"a"]) == [materialized(2)]
    store.close()


def test_a_write_that_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    store = SQLiteOnlineStore(tmp_path / "online.db")
    with pytest.raises(OnlineStoreError):
        write(store, {b"a": materialized(1), b"b": object()})  # type: ignore[dict-item]
    assert read(store, [b"a"]) == [None]
    write(store, {b"a": materialized(1)})
    assert read(store, [b"a"]) == [materialized(1)]
    store.close()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite:///:memory:", "postgresql:///online.db"])
def test_a_url_that_names_no_file(url: str) -> None:
    with pytest.raises(ConfigurationError, match="names no file"):
        SQLiteOnlineStore.from_url(url)


def test_relative_and_absolute_urls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for url, name in (("sqlite:///a.db", "a.db"), (f"sqlite:///{tmp_path}/b.db", "b.db")):
        SQLiteOnlineStore.from_url(url).close()
        assert (tmp_path / name).is_file()
