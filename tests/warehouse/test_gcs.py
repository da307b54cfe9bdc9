"""Parquet and CSV files in Google Cloud Storage: what is not the same as in S3-compatible storage."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

import featurestore as fs
from featurestore.errors import SourceError, SourceUnavailableError
from featurestore.sources import remote
from featurestore.sources.arrow import stream_rows
from featurestore.sources.files import list_files
from featurestore.sources.stores import split

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
plane = fs.Entity("plane", join_keys={"k": fs.Int64})
_NUMBERS = itertools.count()


@pytest.fixture
def folder(gcs_bucket: str) -> str:
    return f"{gcs_bucket}/{next(_NUMBERS)}"


def write(path: str, table: pa.Table) -> None:
    store, inner = split(path)
    with store.opened().open_output_stream(inner) as stream:
        (pq.write_table if path.endswith("parquet") else pyarrow.csv.write_csv)(table, stream)


def rows(*numbers: int) -> pa.Table:
    return pa.table({"k": pa.array(numbers, pa.int64()), "x": pa.array(numbers, pa.int64()),
                     "at": pa.array([NOON + n * HOUR for n in numbers], pa.timestamp("us", "UTC"))})  # fmt: skip


def source(path: str, **arguments: Any) -> fs.ParquetSource:
    return fs.ParquetSource("s", path=path, event_timestamp="at", **arguments)


@pytest.mark.parametrize("engine", ["duckdb", "polars", "auto"])
@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_a_training_frame(folder: str, tmp_path: Path, engine: str, kind: str):
    write(f"{folder}/day=1/a.{kind}", rows(1, 2))
    write(f"{folder}/day=2/b.{kind}", rows(3))
    files: fs.Source = source(f"{folder}/**/*.parquet", hive_partitioning=True)
    if kind == "csv":
        files = fs.CSVSource("s", path=f"{folder}/**/*.csv", event_timestamp="at")
    view = fs.FeatureView("v", entities=[plane], source=files, features=[fs.Feature("x", fs.Int64)])
    asked = pa.table({"k": [3, 2, 1, 9], "event_timestamp": [NOON + 9 * HOUR, NOON, NOON + HOUR, NOON]})
    with fs.FeatureStore(registry=f"sqlite:///{tmp_path}/r.db", online="memory://") as store:
        frame = store.get_historical_features(asked, [view], engine=engine).to_arrow()
    assert frame.column("x").to_pylist() == [3, None, 1, None]


def test_files_are_listed(folder: str):
    for name in ("a.parquet", "b/c.parquet", "b/d.txt"):
        write(f"{folder}/{name}", rows(1))
    assert list_files(source(folder)) == [f"{folder}/a.parquet", f"{folder}/b/c.parquet"]
    assert list_files(source(f"{folder}/a.parquet")) == [f"{folder}/a.parquet"]
    with pytest.raises(SourceError, match="no file at"):
        list_files(source(f"{folder}/none/*.parquet"))


def test_a_file_that_is_rewritten_while_it_is_read_is_not_mixed(folder: str):
    write(f"{folder}/a.parquet", rows(1))
    write(f"{folder}/b.parquet", rows(2))
    before = remote.versions("s", [f"{folder}/b.parquet"])
    reader = stream_rows(source(folder), {"x": None})
    reader.read_next_batch()
    write(f"{folder}/b.parquet", rows(3))  # of the same size
    after = remote.versions("s", [f"{folder}/b.parquet"])
    assert [version.size for version in before.values()] == [version.size for version in after.values()]
    assert before != after
    with pytest.raises(SourceUnavailableError, match="was rewritten while the source was read"):
        reader.read_all()


def test_a_store_that_is_not_there(monkeypatch: pytest.MonkeyPatch):
    from featurestore.sources import stores

    monkeypatch.setattr(stores, "_RETRY", timedelta(seconds=1))
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:1")
    with pytest.raises(SourceUnavailableError, match="cannot be reached"):
        list_files(source("gs://bucket/a.parquet"))
