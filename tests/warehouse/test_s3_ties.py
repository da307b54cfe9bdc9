"""Features that are not asked for, of files in object storage: read where rows tie, and nowhere else."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.fs
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import featurestore as fs
from featurestore.definitions.instants import to_microseconds
from featurestore.errors import SourceUnavailableError
from featurestore.protocols.offline import OfflineEngine, ViewPlan
from featurestore.protocols.sources import WantedRows
from featurestore.sources import remote_parquet
from featurestore.sources.arrow import defer_columns
from featurestore.sources.stores import split
from featurestore.testing import oracle
from featurestore.testing.judge import check_historical, check_latest
from featurestore.testing.plans import entity_table, plan_view, run_historical, run_latest
from featurestore.testing.strategies import Case, as_parquet, cases
from tests.engines.available import ENGINES, make_engine
from tests.warehouse.counted import Counted

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
INSTANT = pa.timestamp("us", "UTC")
ROWS, GROUP = 20_000, 2_000
LAST = NOON + ROWS * MINUTE
ASKED = "f9"
FEATURES = [fs.Feature(f"f{i}", fs.Int64) for i in range(12)]
plane = fs.Entity("plane", join_keys={"k": fs.Int64})
_NUMBERS = itertools.count()


@pytest.fixture(params=ENGINES, scope="module")
def engine(request):
    return make_engine(request.param)


@pytest.fixture
def folder(s3_bucket: str) -> str:
    return f"{s3_bucket}/ties{next(_NUMBERS)}"


def store() -> Any:
    return split("s3://")[0].opened()


def write(path: str, table: pa.Table) -> None:
    pq.write_table(
        table, path.removeprefix("s3://"), filesystem=store(),
        row_group_size=GROUP, compression="none", use_dictionary=False,
    )  # fmt: skip


def rows(*ties: int, **roles: pa.Array) -> pa.Table:
    """One row of each entity; each of `ties` ties with the row before it, which is the greater one.

    The feature that is asked for is the number of the row. It comes after the one that decides.
    """
    number = np.arange(ROWS)
    same = np.isin(number, ties)
    columns = {feature.name: pa.array(np.zeros(ROWS, np.int64)) for feature in FEATURES}
    columns["f11"], columns[ASKED] = pa.array(np.where(same, 0, number)), pa.array(number)
    at = pa.array([NOON + int(i) * MINUTE for i in number - same], INSTANT)
    return pa.table({"k": pa.array(number - same), "at": at, **columns, **roles})


def view(folder: str, features: list[fs.Feature] = FEATURES, **arguments: Any) -> fs.FeatureView:
    source = fs.ParquetSource("s", path=f"{folder}/*.parquet", event_timestamp="at", **arguments)
    return fs.FeatureView("v", entities=[plane], source=source, features=features)


def historical(engine: OfflineEngine, plan: ViewPlan, keys: list[int]) -> list[Any]:
    asked = [{"k": k, "event_timestamp": LAST} for k in keys]
    found: list[Any] = run_historical(engine, [plan], entity_table([plan], asked)).column(ASKED).to_pylist()
    return found


def latest(engine: OfflineEngine, plan: ViewPlan, keys: list[int]) -> list[Any]:
    found = run_latest(engine, plan, at=to_microseconds(LAST, what="an instant"))
    by_key = dict(zip(found.column("k").to_pylist(), found.column(ASKED).to_pylist(), strict=True))
    return [by_key.get(k) for k in keys]


@pytest.mark.slow
@pytest.mark.timeout(600)
@settings(
    max_examples=12,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
@given(case=cases(), files=st.integers(1, 3))
def test_engines_are_the_oracle_where_some_features_are_asked_for(
    engine, s3_bucket: str, case: Case, files: int
):
    assume(any(plan.only_for_ties for plan in case.plans))
    target = f"{s3_bucket}/cases{next(_NUMBERS)}"
    with tempfile.TemporaryDirectory() as name:
        made = as_parquet(case, Path(name), files=files, row_group_size=2)
        pyarrow.fs.copy_files(name, target.removeprefix("s3://"), destination_filesystem=store())
    stored = made.with_source(made.source.model_copy(update={"path": (target,)}))
    check_historical(engine, stored)
    check_latest(engine, stored)


SHAPES: dict[str, dict[str, Any]] = {
    "as they are": {},
    "computed and filtered": {"computed": {"f11": "e11 + 0", "f8": "e8 + 0"}, "where": "e8 = 0 AND k <> 77"},
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("request_", [historical, latest])
def test_without_ties_they_are_not_read_and_with_some_only_the_row_groups_of_these(
    engine, folder: str, monkeypatch: pytest.MonkeyPatch, request_: Callable[..., list[Any]], shape: str
):
    renamed = {"f11": "e11", "f8": "e8"} if SHAPES[shape] else {}

    def put(table: pa.Table) -> None:
        write(
            f"{folder}/a.parquet",
            table.rename_columns(renamed | {n: renamed.get(n, n) for n in table.schema.names}),
        )

    def read(features: list[fs.Feature]) -> tuple[list[Any], int]:
        made = view(folder, features, **SHAPES[shape])
        counted = Counted(monkeypatch)
        found = request_(engine, plan_view(made, features=[ASKED]), [0, 77, GROUP + 9, GROUP + 10])
        monkeypatch.undo()
        return found, counted.bytes

    seen = None if renamed else 77
    put(rows())
    found, asked_alone = read([fs.Feature(ASKED, fs.Int64)])
    assert read(FEATURES) == (found, asked_alone)
    assert found == [0, seen, GROUP + 9, GROUP + 10]

    put(rows(GROUP + 10))
    found, with_tie = read(FEATURES)
    assert found == [0, seen, GROUP + 9, None]
    group = GROUP * 8 * (len(FEATURES) - 1)
    # Of the row group, what the rows are filtered by is read once more.
    assert group < with_tie - asked_alone < 1.2 * group


@pytest.mark.parametrize("asked", [[0], [0, 5, 9], [9_999, 10_000]])
def test_ties_are_settled_by_all_declared_features_wherever_they_are(engine, folder: str, asked: list[int]):
    """Also where the rows of a tie are in two row groups, and in two files."""
    table = rows(*(number + 1 for number in (0, 5, 9, GROUP - 1, 9_999)))
    write(f"{folder}/a.parquet", table.slice(0, 10_000))
    write(f"{folder}/b.parquet", table.slice(10_000))
    plan = plan_view(view(folder), features=[ASKED])
    held = table.to_pylist()
    entity_rows = [{"k": k, "event_timestamp": LAST} for k in (*asked, GROUP - 1)]
    expected = oracle.historical(view(folder), held, entity_rows, features=[ASKED])
    assert historical(engine, plan, [*asked, GROUP - 1]) == [row[ASKED] for row in expected]
    assert latest(engine, plan, [*asked, GROUP - 1]) == [row[ASKED] for row in expected]


@pytest.mark.parametrize("roles", [{"available_at": "known"}, {"available_at": "known", "event_id": "id"}])
def test_rows_that_tie_but_are_there_at_different_times(engine, folder: str, roles: dict[str, Any]):
    known = pa.array([NOON + i % 7 * MINUTE for i in range(ROWS)], INSTANT)
    ids = pa.array(np.arange(ROWS) // 2)
    table = rows(1, 3, 8, known=known, id=ids)
    write(f"{folder}/a.parquet", table)
    late = view(folder, **roles)
    asked = [{"k": k, "event_timestamp": NOON + m * MINUTE} for k in (0, 2, 7) for m in range(12)]
    plan = plan_view(late, features=[ASKED])
    found = run_historical(engine, [plan], entity_table([plan], asked)).to_pylist()
    assert found == oracle.historical(late, table.slice(0, 20).to_pylist(), asked, features=[ASKED])
    assert len({row[ASKED] for row in found}) > 3


@pytest.mark.parametrize(
    ("dtype", "stored", "values"),
    [
        (fs.Vector(2), pa.list_(pa.float32(), 2), [[1.0, 2.0], [1.0, 1.0]]),
        (fs.List(fs.List(fs.Float32)), pa.list_(pa.list_(pa.float32(), 2)), [[[0.0, 2.0], None], [[0.0, 2.0]]]),
        (fs.String, pa.string_view(), ["b" * 20, "a"]),
        (fs.List(fs.Bytes), pa.list_(pa.binary_view()), [[b"b" * 20], [b"a"]]),
        (fs.String, pa.dictionary(pa.int8(), pa.string()), ["b", "a"]),
    ],
)  # fmt: skip
def test_values_of_all_kinds_settle_ties_of_some_rows(
    engine, folder: str, dtype: Any, stored: pa.DataType, values: list[Any]
):
    at = pa.array([NOON] * 3, INSTANT)
    table = pa.table({"k": [0, 0, 1], "at": at, "a": pa.array([*values, None], stored), ASKED: [1, 2, 3]})
    write(f"{folder}/a.parquet", table)
    plan = plan_view(view(folder, [fs.Feature("a", dtype), fs.Feature(ASKED, fs.Int64)]), features=[ASKED])
    assert historical(engine, plan, [1, 0, 2]) == [3, 1, None]
    assert latest(engine, plan, [1, 0, 2]) == [3, 1, None]


def test_sql_and_views_over_views_settle_ties_by_what_they_make(engine, folder: str):
    write(f"{folder}/a.parquet", rows(10, GROUP))
    source = fs.ParquetSource("s", path=f"{folder}/*.parquet", event_timestamp="at")
    made = "SELECT k, f9, f2, f11 * 2 AS doubled, -f11 AS least FROM {source} WHERE f2 = 0"
    below = fs.FeatureView(
        "below", entities=[plane], source=source, sql=made,
        features=[fs.Feature(name, fs.Int64) for name in (ASKED, "doubled", "least")],
    )  # fmt: skip
    for features, greatest in ((["doubled", ASKED], 9), (["least", ASKED], 10)):
        above = fs.FeatureView(
            "above", entities=[plane], source=below,
            features=[fs.Feature(name, fs.Int64) for name in features],
        )  # fmt: skip
        plan = plan_view(above, features=[ASKED])
        assert plan.only_for_ties == {features[0]}
        expected = [greatest, 11, None, GROUP - 10 + greatest]
        assert historical(engine, plan, [9, 11, GROUP, GROUP - 1]) == expected
        assert latest(engine, plan, [9, 11, GROUP, GROUP - 1]) == expected


@pytest.mark.parametrize("request_", [historical, latest])
def test_a_file_that_is_rewritten_before_it_is_read_again(
    engine, folder: str, monkeypatch: pytest.MonkeyPatch, request_: Callable[..., list[Any]]
):
    write(f"{folder}/a.parquet", rows(10))
    again = remote_parquet.stream_some

    def rewritten(*given: Any) -> Any:
        write(f"{folder}/a.parquet", rows(11))
        return again(*given)

    monkeypatch.setattr(remote_parquet, "stream_some", rewritten)
    plan = plan_view(view(folder), features=[ASKED])
    with pytest.raises(SourceUnavailableError, match=r"a\.parquet was rewritten while the source was read"):
        request_(engine, plan, [9])
    monkeypatch.undo()
    assert request_(engine, plan, [10]) == [10]


def test_rows_are_found_again_by_their_places(folder: str):
    table = rows()
    for number in range(3):
        write(f"{folder}/{number}.parquet", table.slice(number * 5_000, 5_000))
    source = view(folder).origin
    wanted = WantedRows(earliest=to_microseconds(NOON + 2_500 * MINUTE, what="an instant"))
    reader, deferred = defer_columns(source, {"k": None}, {"f9": None, "f11": None}, rows=wanted)
    keys = reader.read_all().column("k").to_numpy()
    assert (reader.schema.names, keys[0], len(keys)) == (["k"], 2_000, 13_000)
    assert deferred is not None
    places = np.random.default_rng(1).choice(len(keys), 500, replace=False)
    places.sort()
    found = pa.Table.from_batches(deferred.read(places), deferred.schema)
    assert found.column("f9").to_pylist() == found.column("f11").to_pylist() == keys[places].tolist()
    assert list(deferred.read(places[:0])) == []


def test_nothing_is_left_out_that_every_row_needs(folder: str):
    write(f"{folder}/a.parquet", rows())
    reader, deferred = defer_columns(view(folder).origin, {"k": None, "f3": None}, {"f3": None})
    assert (reader.schema.names, deferred) == (["k", "f3"], None)
