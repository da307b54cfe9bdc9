"""Parquet and CSV files in S3-compatible storage: the law, what is read, and files that change meanwhile."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pyarrow as pa
import pyarrow.csv
import pyarrow.fs
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import featurestore as fs
from featurestore.errors import SourceError, SourceUnavailableError
from featurestore.protocols.offline import ViewPlan
from featurestore.protocols.sources import WantedRows
from featurestore.sources import remote, remote_parquet
from featurestore.sources.arrow import first_rows, read_table, source_schema, stream_rows
from featurestore.sources.files import list_files
from featurestore.sources.stores import split
from featurestore.testing.judge import check_historical, check_latest
from featurestore.testing.plans import entity_table, plan_view, run_historical
from featurestore.testing.servers import S3Server
from featurestore.testing.strategies import Case, as_csv, as_parquet, cases, csv_can_hold, window_cases
from tests.engines.available import ENGINES, make_engine
from tests.warehouse.counted import Counted

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
INSTANT = pa.timestamp("us", "UTC")
plane = fs.Entity("plane", join_keys={"k": fs.Int64})
_NUMBERS = itertools.count()


@pytest.fixture(params=ENGINES, scope="module")
def engine(request):
    return make_engine(request.param)


def store() -> Any:
    return split("s3://")[0].opened()


def upload(folder: Path, bucket: str) -> str:
    target = f"{bucket}/{next(_NUMBERS)}"
    pyarrow.fs.copy_files(str(folder), target.removeprefix("s3://"), destination_filesystem=store())
    return target


def write(path: str, table: pa.Table, **options: Any) -> None:
    pq.write_table(table, path.removeprefix("s3://"), filesystem=store(), **options)


@pytest.fixture
def folder(s3_bucket: str) -> str:
    return f"{s3_bucket}/{next(_NUMBERS)}"


def rows(*numbers: int) -> pa.Table:
    return pa.table({"k": pa.array(numbers, pa.int64()), "x": pa.array(numbers, pa.int64()),
                     "at": pa.array([NOON + n * HOUR for n in numbers], INSTANT)})  # fmt: skip


def parquet(path: str | list[str], **arguments: Any) -> fs.ParquetSource:
    return fs.ParquetSource("s", path=path, event_timestamp="at", **arguments)


@pytest.mark.slow
@pytest.mark.timeout(600)
@settings(
    max_examples=12,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
@given(case=st.one_of(cases(), window_cases()), files=st.integers(1, 3), csv=st.booleans())
def test_engines_over_object_storage_are_the_oracle(
    engine, s3_bucket: str, case: Case, files: int, csv: bool
):
    # Conditions of aggregations see the fields of CSV files as text.
    assume(not csv or (csv_can_hold(case) and not any(plan.windows for plan in case.plans)))
    with tempfile.TemporaryDirectory() as name:
        local = Path(name)
        made = (
            as_csv(case, local, files=files)
            if csv
            else as_parquet(case, local, files=files, row_group_size=2)
        )
        target = upload(local, s3_bucket)
    stored = made.with_source(made.source.model_copy(update={"path": (target,)}))
    check_historical(engine, stored)
    check_latest(engine, stored)


@pytest.mark.parametrize("kind", ["parquet", "csv"])
@pytest.mark.parametrize("engine_name", ENGINES)
def test_the_stores_verbs(folder: str, tmp_path: Path, kind: str, engine_name: str):
    if kind == "parquet":
        write(f"{folder}/a.parquet", rows(0, 1))
        source: Any = parquet(f"{folder}/*.parquet", where="x >= 0")
    else:
        with store().open_output_stream(f"{folder.removeprefix('s3://')}/a.csv") as stream:
            pyarrow.csv.write_csv(rows(0, 1), stream)
        source = fs.CSVSource("s", path=f"{folder}/*.csv", event_timestamp="at")
    view = fs.FeatureView("v", entities=[plane], source=source, features=[fs.Feature("x", fs.Int64)])
    with fs.FeatureStore(
        registry=f"sqlite:///{tmp_path}/r.db", online="memory://", offline=engine_name
    ) as opened:
        opened.apply([view])
        opened.materialize(end=NOON)
        assert opened.get_online_features("v", [{"k": 0}, {"k": 1}]).to_dict()["x"] == [0, None]
        frame = opened.get_historical_features(
            pa.table({"k": [1], "event_timestamp": [NOON + HOUR]}), ["v:x"]
        )
        assert frame.to_arrow().column("x").to_pylist() == [1]
        assert opened.check_leakage(view, samples=2).clean


def test_paths_patterns_and_folders(folder: str):
    files = [
        "a.parquet",
        "b.parquet",
        "c.csv",
        "sub/d.parquet",
        "sub/deep/e.parquet",
        ".hidden.parquet",
        ".h/f.parquet",
    ]
    for file in files:
        write(f"{folder}/{file}", rows(1))

    def found(pattern: str) -> list[str]:
        return [path.removeprefix(f"{folder}/") for path in list_files(parquet(f"{folder}{pattern}"))]

    assert found("/a.parquet") == ["a.parquet"]
    assert found("/*.parquet") == ["a.parquet", "b.parquet"]
    assert found("/?.parquet") == ["a.parquet", "b.parquet"]
    assert found("/[b-c].*") == ["b.parquet", "c.csv"]
    assert (
        found("/**/*.parquet")
        == found("")
        == ["a.parquet", "b.parquet", "sub/d.parquet", "sub/deep/e.parquet"]
    )
    assert found("/*/d.parquet") == ["sub/d.parquet"]
    with pytest.raises(SourceError, match=r"no file at .*/\*\.nothing"):
        found("/*.nothing")
    with pytest.raises(SourceError, match=r"there is no .*/z\.parquet"):
        found("/z.parquet")
    with pytest.raises(SourceError, match="NO_SUCH_BUCKET"):
        list_files(parquet("s3://nobody-has-this/*.parquet"))
    assert (
        parquet("s3://b/a*.parquet").path
        == fs.ParquetSource.from_json(parquet("s3://b/a*.parquet").to_json()).path
    )


def test_folder_names_are_columns_and_files_differ_in_columns(folder: str):
    write(f"{folder}/day=1/a.parquet", rows(1))
    write(f"{folder}/day=2/a.parquet", rows(2).drop_columns(["x"]).append_column("y", pa.array([0.5])))
    source = parquet(f"{folder}/**/*.parquet", hive_partitioning=True)
    assert source_schema(source).names == ["k", "x", "at", "day", "y"]
    read = read_table(source, {"day": None, "x": None, "y": None})
    assert read.to_pylist() == [{"day": "1", "x": 1, "y": None}, {"day": "2", "x": None, "y": 0.5}]
    assert first_rows(source, 1).num_rows == 1


def test_only_the_columns_and_row_groups_that_can_matter_are_read(
    folder: str, monkeypatch: pytest.MonkeyPatch
):
    count = 100_000
    table = pa.table({
        "k": pa.array(range(count), pa.int64()),
        "at": pa.array([NOON + i * timedelta(minutes=1) for i in range(count)], INSTANT),
        **{f"x{i}": pa.array(range(count), pa.int64()) for i in range(8)},
    })  # fmt: skip
    write(f"{folder}/a.parquet", table, row_group_size=5_000, compression="none", use_dictionary=False)
    size = store().get_file_info(f"{folder.removeprefix('s3://')}/a.parquet").size
    source = parquet(f"{folder}/a.parquet")

    def read(**wanted: Any) -> tuple[int, float]:
        counted = Counted(monkeypatch)
        found = stream_rows(source, {"k": None, "x3": None}, rows=WantedRows(**wanted)).read_all()
        monkeypatch.undo()
        return found.num_rows, counted.bytes / size

    everything, share = read()
    assert (everything, 0.15 < share < 0.25) == (count, True)
    noon = int(NOON.timestamp()) * 1_000_000
    found, share = read(latest=noon + 60_000_000)
    assert (found, 0.005 < share < 0.05) == (5_000, True)
    assert read(earliest=noon + (count - 5_000) * 60_000_000)[0] == 5_000
    assert read(keys=pa.table({"k": pa.array([7, 99_999], pa.int64())}))[0] == 10_000
    assert read(keys=pa.table({"k": pa.array([-1], pa.int64())})) == (0, 0.0)
    assert read(first=1)[0] == 5_000


def test_files_that_cannot_matter_are_not_opened_and_footers_are_read_once(
    folder: str, monkeypatch: pytest.MonkeyPatch
):
    for day in range(20):
        write(f"{folder}/{day:02}.parquet", rows(day * 24, day * 24 + 1))
    source = parquet(f"{folder}/*.parquet")
    footers = Mock(wraps=pq.read_metadata)
    monkeypatch.setattr(pq, "read_metadata", footers)
    counted = Counted(monkeypatch)
    late = int((NOON + 18 * 24 * HOUR).timestamp()) * 1_000_000
    for _ in range(2):
        assert read_table(source, {"k": None}, rows=WantedRows(earliest=late)).num_rows == 4
    assert (counted.files, footers.call_count) == (4, 20)
    write(f"{folder}/19.parquet", rows(500))
    assert read_table(source, {"k": None}, rows=WantedRows(earliest=late)).num_rows == 3
    assert footers.call_count == 21


def plan_over(folder: str, **arguments: Any) -> ViewPlan:
    source = parquet(f"{folder}/**/*.parquet", **arguments)
    return plan_view(
        fs.FeatureView("v", entities=[plane], source=source, features=[fs.Feature("x", fs.Int64)])
    )


@pytest.mark.parametrize("arguments", [{}, {"hive_partitioning": True}, {"where": "x > 0"}])
def test_an_engine_looks_at_each_file_once_and_at_those_that_it_reads_again(
    engine, folder: str, monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any]
):
    for day in range(1, 9):
        write(f"{folder}/day={day}/a.parquet", rows(day))
    plan = plan_over(folder, **arguments)
    source_schema(plan.source)  # the footers are known by now
    opened = Mock(wraps=remote.open_file)
    monkeypatch.setattr(remote_parquet, "open_file", opened)
    monkeypatch.setattr(remote, "open_file", opened)
    listed = Mock(wraps=remote.list_remote)
    monkeypatch.setattr("featurestore.sources.files.list_remote", listed)
    found = run_historical(
        engine, [plan], entity_table([plan], [{"k": 2, "event_timestamp": NOON + 2 * HOUR}])
    )
    assert found.column("x").to_pylist() == [2]
    # Once more before and after a file is read.
    assert (opened.call_count, listed.call_count) == (8 + 2, 1)


def test_a_file_that_is_rewritten_between_being_looked_at_and_read(
    engine, folder: str, monkeypatch: pytest.MonkeyPatch
):
    write(f"{folder}/a.parquet", rows(1))
    plan, parts = plan_over(folder), remote_parquet.parts

    def rewritten(*given: Any) -> Any:
        write(f"{folder}/a.parquet", rows(1, 2))
        return parts(*given)

    monkeypatch.setattr(remote_parquet, "parts", rewritten)
    with pytest.raises(SourceUnavailableError, match=r"a\.parquet was rewritten while the source was read"):
        run_historical(engine, [plan], entity_table([plan], [{"k": 1, "event_timestamp": NOON + 2 * HOUR}]))


@pytest.fixture
def between_files(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What to do when the first file has been read, and the second is open."""
    to_do: list[Any] = []
    seen = []

    @contextmanager
    def opened(*given: Any) -> Iterator[Any]:
        with remote.unchanged(*given) as file:
            seen.append(given)
            if len(seen) == 2 and to_do:
                to_do.pop()()
            yield file

    monkeypatch.setattr("featurestore.sources.remote_parquet.unchanged", opened)
    return to_do


@pytest.mark.parametrize("other", [rows(7, 8), rows(7), rows(5).append_column("z", pa.array([1]))])
def test_a_file_that_is_rewritten_while_the_source_is_read_is_never_mixed(folder, between_files, other):
    write(f"{folder}/a.parquet", rows(1, 2))
    write(f"{folder}/b.parquet", rows(3, 4))
    between_files.append(lambda: write(f"{folder}/b.parquet", other))
    with pytest.raises(
        SourceUnavailableError, match=r"b\.parquet was rewritten while the source was read: it had"
    ):
        read_table(parquet(f"{folder}/*.parquet"), {"x": None})


def test_a_file_that_is_deleted_while_the_source_is_read(folder: str, between_files: list[Any]):
    write(f"{folder}/a.parquet", rows(1))
    write(f"{folder}/b.parquet", rows(2))
    between_files.append(lambda: store().delete_file(f"{folder}/b.parquet".removeprefix("s3://")))
    with pytest.raises(SourceError, match=r"b\.parquet"):
        read_table(parquet(f"{folder}/*.parquet"), {"x": None})


def test_a_file_that_is_rewritten_while_csv_is_read(folder: str, monkeypatch: pytest.MonkeyPatch):
    def put(text: bytes) -> None:
        with store().open_output_stream(f"{folder.removeprefix('s3://')}/a.csv") as stream:
            stream.write(text)

    put(b"k,x,at\n1,1,2024-05-01T12:00:00Z\n")
    source = fs.CSVSource("s", path=f"{folder}/a.csv", event_timestamp="at")
    opened = remote.open_stream

    def rewriting(path: str) -> Any:
        stream = opened(path)
        put(b"k,x,at\n2,2,2024-05-01T12:00:00Z\n")
        return stream

    monkeypatch.setattr(remote, "open_stream", rewriting)
    with pytest.raises(SourceUnavailableError, match=r"a\.csv was rewritten"):
        read_table(source, {"x": pa.int64()})


@pytest.mark.parametrize("wrong", ["no parquet at all", ""])
def test_a_file_that_is_not_whole(folder: str, wrong: str):
    with store().open_output_stream(f"{folder.removeprefix('s3://')}/a.parquet") as stream:
        stream.write(wrong.encode())
    with pytest.raises(SourceError, match=r"a\.parquet cannot be read") as caught:
        source_schema(parquet(f"{folder}/a.parquet"))
    assert not caught.value.retryable


def test_a_store_that_is_not_there(folder: str, monkeypatch: pytest.MonkeyPatch):
    with S3Server.start_new() as other:
        url = other.url
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    with pytest.raises(SourceUnavailableError, match="cannot be reached") as caught:
        source_schema(parquet(f"{folder}/a.parquet"))
    assert "AWS_ENDPOINT_URL" in str(caught.value)
