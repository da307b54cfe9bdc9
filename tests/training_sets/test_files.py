"""The folder of training sets: what killed saves leave is swept; files are hashed once while they stay the same."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

import featurestore as fs
from featurestore.errors import SourceError
from featurestore.training_sets.file_hashes import FileHashes
from tests.store.conftest import Arrivals
from tests.training_sets.conftest import entity_rows

DAY = 86_400


def test_the_next_save_sweeps_what_killed_ones_have_left(
    store: fs.FeatureStore, service: fs.FeatureService
) -> None:
    folder = store.project.config.root / "training_sets"
    (folder / "objects").mkdir(parents=True)
    (folder / "manifests").mkdir()
    old = [folder / "objects" / ".a.unfinished", folder / "manifests" / ".b.json.c.unfinished"]
    young, other = folder / "objects" / ".d.unfinished", folder / "objects" / ".keep"
    for path in (*old, young, other):
        path.write_bytes(b"x")
        long_ago = time.time() - (DAY - 60 if path == young else DAY + 60)
        os.utime(path, (long_ago, long_ago))
    made = store.create_training_set("one", service, entity_rows())
    assert [path.exists() for path in (*old, young, other)] == [False, False, True, True]
    assert made.verify().intact


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "data.parquet"
    path.write_bytes(b"first")
    return path


def settle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let time pass: what was written just now is not remembered."""
    later = time.time_ns() + 10_000_000_000
    monkeypatch.setattr("featurestore.training_sets.file_hashes.time.time_ns", lambda: later)


def refuse_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("the file was read")

    monkeypatch.setattr("featurestore.training_sets.file_hashes.hashlib.file_digest", fail)


def test_a_file_that_stays_as_it_is_is_read_once(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(monkeypatch)
    hashes = FileHashes(tmp_path / "sets")
    expected = (5, hashlib.sha256(b"first").hexdigest())
    assert hashes.of(file) == expected
    hashes.keep()
    with monkeypatch.context() as patch:
        refuse_to_read(patch)
        assert FileHashes(tmp_path / "sets").of(file) == expected


def test_a_file_that_was_written_to_is_read_again(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(monkeypatch)
    hashes = FileHashes(tmp_path / "sets")
    hashes.of(file)
    before = file.stat()
    # Of the same size, and with the time of change set back: the system's own time gives it away.
    file.write_bytes(b"other")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert hashes.of(file) == (5, hashlib.sha256(b"other").hexdigest())


def test_what_was_written_just_now_is_not_remembered(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashes = FileHashes(tmp_path / "sets")
    hashes.of(file)
    hashes.keep()
    assert not (tmp_path / "sets").exists()


@pytest.mark.parametrize("damage", [b"", b"[1]", b'{"a": 1}', b'{"a": [["x"], "y"]}', b"\xff"])
def test_a_damaged_memory_is_none(
    file: Path, tmp_path: Path, damage: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(monkeypatch)
    (tmp_path / "file_hashes.json").write_bytes(damage)
    hashes = FileHashes(tmp_path)
    assert hashes.of(file)[0] == 5
    hashes.keep()
    assert FileHashes(tmp_path).of(file)[0] == 5


def test_a_file_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"gone\.parquet cannot be read"):
        FileHashes(tmp_path).of(tmp_path / "gone.parquet")


def test_a_second_set_does_not_read_the_source_for_its_checksum(
    store: fs.FeatureStore, service: fs.FeatureService, arrivals: Arrivals, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(monkeypatch)
    first = store.create_training_set("one", service, entity_rows())
    refuse_to_read(monkeypatch)
    second = store.create_training_set("two", service, entity_rows(), seed=2)
    assert first.manifest["sources"] == second.manifest["sources"]
