"""Parquet and CSV files in Azure Blob storage: what is not the same as in S3-compatible storage."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.fs
import pyarrow.parquet as pq
import pytest

import featurestore as fs
from featurestore.errors import NotFoundError, RequestError, SourceError, SourceUnavailableError
from featurestore.protocols.sources import WantedRows
from featurestore.sources import remote
from featurestore.sources.arrow import read_table, source_schema, stream_rows
from featurestore.sources.files import list_files
from featurestore.sources.stores import split
from featurestore.training_sets.remote_files import open_folder
from tests.servers.azure_server import AzureServer

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
INSTANT = pa.timestamp("us", "UTC")
ENTITIES = pa.table({"k": [3, 2, 1, 9], "event_timestamp": [NOON + 9 * HOUR, NOON, NOON + HOUR, NOON]})
plane = fs.Entity("plane", join_keys={"k": fs.Int64})
_NUMBERS = itertools.count()


@pytest.fixture
def folder(azure_container: str) -> str:
    return f"{azure_container}/{next(_NUMBERS)}"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[fs.FeatureStore]:
    monkeypatch.chdir(tmp_path)
    with fs.FeatureStore(registry=f"sqlite:///{tmp_path}/r.db", online="memory://") as opened:
        yield opened


def write(path: str, table: pa.Table, **options: Any) -> None:
    opened, inner = split(path)
    with opened.opened().open_output_stream(inner) as stream:
        if path.endswith("csv"):
            pyarrow.csv.write_csv(table, stream)
        else:
            pq.write_table(table, stream, **options)


def rows(*numbers: int) -> pa.Table:
    return pa.table({"k": pa.array(numbers, pa.int64()), "x": pa.array(numbers, pa.int64()),
                     "at": pa.array([NOON + n * HOUR for n in numbers], INSTANT)})  # fmt: skip


def source(path: str, **arguments: Any) -> fs.ParquetSource:
    return fs.ParquetSource("s", path=path, event_timestamp="at", **arguments)


def view(files: fs.Source) -> fs.FeatureView:
    return fs.FeatureView("v", entities=[plane], source=files, features=[fs.Feature("x", fs.Int64)])


@pytest.mark.parametrize("engine", ["duckdb", "polars", "auto"])
@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_a_training_frame(store: fs.FeatureStore, folder: str, engine: str, kind: str) -> None:
    write(f"{folder}/day=1/a.{kind}", rows(1, 2))
    write(f"{folder}/day=2/b.{kind}", rows(3))
    files: fs.Source = source(f"{folder}/**/*.parquet", hive_partitioning=True)
    if kind == "csv":
        files = fs.CSVSource("s", path=f"{folder}/**/*.csv", event_timestamp="at")
    frame = store.get_historical_features(ENTITIES, [view(files)], engine=engine).to_arrow()
    assert frame.column("x").to_pylist() == [3, None, 1, None]


def test_folder_names_are_columns(folder: str) -> None:
    for day in (1, 2):
        write(f"{folder}/day={day}/a.parquet", rows(day))
    read = read_table(source(f"{folder}/**/*.parquet", hive_partitioning=True), {"day": None, "x": None})
    assert read.to_pylist() == [{"day": "1", "x": 1}, {"day": "2", "x": 2}]


def test_files_are_listed(folder: str) -> None:
    for name in ("a.parquet", "b/c.parquet", "b/d.txt", ".hidden.parquet"):
        write(f"{folder}/{name}", rows(1))
    assert list_files(source(folder)) == [f"{folder}/a.parquet", f"{folder}/b/c.parquet"]
    assert list_files(source(f"{folder}/a.parquet")) == [f"{folder}/a.parquet"]
    assert list_files(source(f"{folder}/*/?.parquet")) == [f"{folder}/b/c.parquet"]
    with pytest.raises(SourceError, match="no file at"):
        list_files(source(f"{folder}/none/*.parquet"))
    with pytest.raises(SourceError, match=r"there is no az://.*/z\.parquet"):
        list_files(source(f"{folder}/z.parquet"))
    with pytest.raises(SourceError):
        list_files(source("az://nobody-has-this/*.parquet"))


class CountedFile:
    """A file that counts what is read of it."""

    closed = False

    def __init__(self, file: Any, counts: list[int]) -> None:
        self._file, self._counts = file, counts

    def read_buffer(self, size: int) -> pa.Buffer:  # which Arrow prefers to read
        found = self._file.read_buffer(size)
        self._counts.append(len(found))
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def test_only_the_columns_and_row_groups_that_can_matter_are_read(
    folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    count, counts = 50_000, list[int]()
    table = pa.table({
        "k": pa.array(range(count), pa.int64()),
        "at": pa.array([NOON + i * timedelta(minutes=1) for i in range(count)], INSTANT),
        **{f"x{i}": pa.array(range(count), pa.int64()) for i in range(8)},
    })  # fmt: skip
    write(f"{folder}/a.parquet", table, row_group_size=5_000, compression="none", use_dictionary=False)
    (size,) = (found.size for found in remote.versions("s", [f"{folder}/a.parquet"]).values())

    @contextmanager
    def counting(*given: Any) -> Iterator[Any]:
        with remote.unchanged(*given) as file:
            yield pa.PythonFile(CountedFile(file, counts), "r")

    monkeypatch.setattr("featurestore.sources.remote_parquet.unchanged", counting)

    def read(**wanted: Any) -> tuple[int, float]:
        counts.clear()
        found = stream_rows(source(f"{folder}/a.parquet"), {"k": None, "x3": None}, rows=WantedRows(**wanted))
        return found.read_all().num_rows, sum(counts) / size

    everything, share = read()
    assert (everything, 0.15 < share < 0.25) == (count, True)
    noon = int(NOON.timestamp()) * 1_000_000
    found, share = read(latest=noon + 60_000_000)
    assert (found, 0.01 < share < 0.07) == (5_000, True)
    assert read(keys=pa.table({"k": pa.array([7, 49_999], pa.int64())}))[0] == 10_000


def test_a_file_that_is_rewritten_while_it_is_read_is_not_mixed(folder: str) -> None:
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


def test_a_file_that_is_rewritten_while_csv_is_read(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write(f"{folder}/a.csv", rows(1))
    files, opened = fs.CSVSource("s", path=f"{folder}/a.csv", event_timestamp="at"), remote.open_stream

    def rewriting(path: str) -> Any:
        stream = opened(path)
        write(path, rows(2))
        return stream

    monkeypatch.setattr(remote, "open_stream", rewriting)
    with pytest.raises(SourceUnavailableError, match=r"a\.csv was rewritten"):
        read_table(files, {"x": pa.int64()})


def test_a_file_that_is_deleted_while_the_source_is_read(folder: str) -> None:
    write(f"{folder}/a.parquet", rows(1))
    write(f"{folder}/b.parquet", rows(2))
    reader = stream_rows(source(folder), {"x": None})
    reader.read_next_batch()
    split("az://")[0].opened().delete_file(f"{folder}/b.parquet".removeprefix("az://"))
    with pytest.raises(SourceError, match=r"there is no .*b\.parquet"):
        reader.read_all()


def test_a_wrong_key(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write(f"{folder}/a.parquet", rows(1))
    wrong = base64.b64encode(b"another key").decode()
    monkeypatch.setenv("AZURE_STORAGE_KEY", wrong)
    for path in (f"{folder}/a.parquet", f"{folder}/*.parquet"):
        with pytest.raises(SourceError, match="cannot be read") as caught:
            source_schema(source(path))
        assert "Check the credentials (AZURE_STORAGE_KEY" in str(caught.value)
        assert not caught.value.retryable
        assert wrong not in str(caught.value)


def test_a_shared_access_signature_instead_of_a_key(
    azure_server: AzureServer, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(f"{folder}/a.parquet", rows(1, 2))
    monkeypatch.delenv("AZURE_STORAGE_KEY")
    monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", azure_server.sas_token())
    assert read_table(source(f"{folder}/*.parquet"), {"x": None}).column("x").to_pylist() == [1, 2]
    token, _, signature = azure_server.sas_token().partition("sig=")
    monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", f"?{token}sig=0{signature}")
    for path in (f"{folder}/a.parquet", f"{folder}/*.parquet"):
        with pytest.raises(SourceError, match="cannot be read") as caught:
            source_schema(source(path))
        assert "Check the credentials (AZURE_STORAGE_KEY, AZURE_STORAGE_SAS_TOKEN" in str(caught.value)
        assert signature not in str(caught.value)
    with pytest.raises(RequestError, match="cannot be read or written") as refused:
        open_folder(folder).write_manifest("m", {})
    assert signature not in str(refused.value)


def test_a_store_that_is_not_there(azure_server: AzureServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", "http://127.0.0.1:1")
    with pytest.raises(SourceUnavailableError, match="cannot be reached"):
        list_files(source("az://container/a.parquet"))


def test_a_training_set_records_size_and_etag_of_each_file(store: fs.FeatureStore, folder: str) -> None:
    write(f"{folder}/a.parquet", rows(1, 2))
    store.apply([view(source(f"{folder}/*.parquet"))])
    made = store.create_training_set("one", "v", ENTITIES)
    (state,) = made.manifest["sources"]
    (file,) = state["files"]
    (version,) = remote.versions("s", [f"{folder}/a.parquet"]).values()
    assert (file["path"], file["size"], file["etag"]) == (
        f"{folder}/a.parquet",
        version.size,
        version.etag,
    )
    assert file["etag"]
    assert made.recreate().causes == ()
    write(f"{folder}/a.parquet", rows(1, 3))
    again = made.recreate()
    assert any(f"file {folder}/a.parquet was replaced" in cause for cause in again.causes)


def test_a_training_set_in_azure_is_like_one_on_a_disk(store: fs.FeatureStore, folder: str) -> None:
    memory = fs.InMemorySource("m", data=rows(1, 2), event_timestamp="at")
    store.apply([view(memory)])
    split_in_two = {"train": 0.5, "test": 0.5}
    local = store.create_training_set("one", "v", ENTITIES, split=split_in_two)
    made = store.create_training_set("two", "v", ENTITIES, split=split_in_two, folder=f"{folder}/")
    assert made.content_hash == local.content_hash
    found = store.training_set("two")
    assert found.to_arrow("train").equals(local.to_arrow("train"))
    assert found.verify().intact
    digest = made.parts["train"].hash
    part = f"{folder}/objects/{digest[:2]}/{digest}.parquet"
    split("az://")[0].opened().delete_file(part.removeprefix("az://"))
    with pytest.raises(NotFoundError, match="are gone: there is no file az://"):
        store.training_set("two").to_arrow("train")
    assert store.training_set("two").recreate().restored == (part,)
    assert store.training_set("two").verify().intact
