"""The leak detector: it finds every planted leak, names the row that made it, and does not cry wolf."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import featurestore as fs
from featurestore.errors import RequestError, SourceError
from tests.transforms import leaking

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ENTITY = fs.Entity("entity", join_keys={"k": fs.String})
FEATURES = [fs.Feature("x", fs.Float64)]


def rows(count: int = 120, seed: int = 0) -> pa.Table:
    """Rows of seven entities, no two at one time."""
    chance = np.random.default_rng(seed)
    return pa.table(
        {
            "k": [f"k{i}" for i in chance.integers(0, 7, count)],
            "at": [NOON + int(m) * MINUTE for m in np.sort(chance.choice(500, count, replace=False))],
            "n": np.arange(count),
            "x": chance.normal(size=count),
        }
    )


@pytest.fixture(params=["duckdb", "polars"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    with fs.FeatureStore(
        registry=f"sqlite:///{tmp_path}/r.db", online="memory://", offline=request.param
    ) as opened:
        yield opened


def parquet(tmp_path: Path, table: pa.Table, **arguments: Any) -> fs.ParquetSource:
    path = tmp_path / "rows.parquet"
    pq.write_table(table, path)
    return fs.ParquetSource("rows", path=str(path), event_timestamp="at", **arguments)


def view(source: fs.Source, **arguments: Any) -> fs.FeatureView:
    return fs.FeatureView("view", entities=[ENTITY], source=source, features=FEATURES, **arguments)


@pytest.mark.parametrize("transform", leaking.LEAKING, ids=lambda t: t.path)
def test_transforms_that_leak_are_found(
    store: fs.FeatureStore, tmp_path: Path, transform: fs.Transform
) -> None:
    table = rows()
    report = store.check_leakage(view(parquet(tmp_path, table), transform=transform), samples=3)
    assert not report.clean
    for leak in report.leaks:
        assert leak.value != leak.knowable
        assert leak.rows.num_rows == 1
        (cause,) = leak.rows.to_pylist()
        assert cause in table.to_pylist()
        assert cause["at"] > leak.at


@pytest.mark.parametrize("name", leaking.LEAKING_SQL)
def test_trusted_sql_that_leaks_is_found(store: fs.FeatureStore, tmp_path: Path, name: str) -> None:
    source = parquet(tmp_path, rows())
    report = store.check_leakage(view(source, sql=leaking.LEAKING_SQL[name], trusted=True), samples=3)
    assert not report.clean
    assert all(leak.rows.column("at")[0].as_py() > leak.at for leak in report.leaks)


def test_every_changed_value_is_reported_with_both_values(store: fs.FeatureStore, tmp_path: Path) -> None:
    """A shift in the wrong direction, counted by hand: every entity's last known row has its next value."""
    table = rows()
    report = store.check_leakage(view(parquet(tmp_path, table), transform=leaking.next_value), samples=5)
    assert report.instants == 5
    listed = table.to_pylist()
    expected = set()
    for at in {leak.at for leak in report.leaks}:
        for key in {row["k"] for row in listed}:
            known = [row for row in listed if row["k"] == key and row["at"] <= at]
            later = [row for row in listed if row["k"] == key and row["at"] > at]
            if known and later:
                expected.add((key, at, later[0]["x"], None))
    assert {(leak.key["k"], leak.at, leak.value, leak.knowable) for leak in report.leaks} == expected


@pytest.mark.parametrize("transform", leaking.CLEAN, ids=lambda t: t.path)
@pytest.mark.parametrize("seed", range(3))
def test_transforms_that_look_back_are_clean(
    store: fs.FeatureStore, tmp_path: Path, transform: fs.Transform, seed: int
) -> None:
    report = store.check_leakage(view(parquet(tmp_path, rows(seed=seed)), transform=transform))
    assert report.leaks == ()
    assert report.values > 30
    assert str(report).startswith("No leak in ")


def test_sql_is_clean_where_it_is(store: fs.FeatureStore, tmp_path: Path) -> None:
    source = parquet(tmp_path, rows(), computed={"y": "x + 1"}, where="n % 2 = 0")
    assert store.check_leakage(view(source)).clean
    assert store.check_leakage(view(source, sql="select *exclude (x), y * 2 as x from {source}")).clean
    assert store.check_leakage(view(source, sql=leaking.CLEAN_SQL, trusted=True)).clean


def test_chained_views_are_followed_to_the_source(store: fs.FeatureStore, tmp_path: Path) -> None:
    below = view(parquet(tmp_path, rows()), transform=leaking.global_mean)
    above = fs.FeatureView(
        "above", entities=[ENTITY], source=below, features=FEATURES, sql="select k, x * 2 as x from {source}"
    )
    report = store.check_leakage([above])
    assert not report.clean
    assert {leak.view for leak in report.leaks} == {"above"}


def test_delay_and_schedule_say_what_was_known(store: fs.FeatureStore, tmp_path: Path) -> None:
    source = parquet(tmp_path, rows(), delay=timedelta(minutes=30))
    scheduled = view(source, schedule=fs.Schedule(timedelta(hours=1)), transform=leaking.running_mean)
    assert store.check_leakage(scheduled).clean
    assert not store.check_leakage(view(source, transform=leaking.global_mean)).clean


def test_a_column_that_is_overwritten_is_found_by_its_available_time(
    store: fs.FeatureStore, tmp_path: Path
) -> None:
    table = rows()
    written = [at + timedelta(hours=2) for at in table.column("at").to_pylist()]
    source = parquet(tmp_path, table.append_column("known_at", pa.array(written)))
    assert store.check_leakage(view(source)).clean  # nothing says otherwise
    report = store.check_leakage(view(source), available_at="known_at")
    assert not report.clean
    assert all(leak.rows.column("known_at")[0].as_py() > leak.at for leak in report.leaks)
    with pytest.raises(SourceError, match="no column 'nowhere'; it has: k, at, n, x, known_at"):
        store.check_leakage(view(source), available_at="nowhere")


def test_a_declared_available_at_hides_it_from_the_view_too(store: fs.FeatureStore, tmp_path: Path) -> None:
    table = rows()
    written = [at + timedelta(hours=2) for at in table.column("at").to_pylist()]
    source = parquet(tmp_path, table.append_column("known_at", pa.array(written)), available_at="known_at")
    assert store.check_leakage(view(source)).clean


def test_a_column_that_is_overwritten_is_found_by_snapshots(store: fs.FeatureStore, tmp_path: Path) -> None:
    table = rows()
    then = NOON + 250 * MINUTE
    was = fs.InMemorySource("rows", data=table, event_timestamp="at")
    last_of_k1 = max(row["n"] for row in table.to_pylist() if row["k"] == "k1" and row["at"] <= then)
    values = [x + 1 if n == last_of_k1 else x for n, x in enumerate(table.column("x").to_pylist())]
    now = parquet(tmp_path, table.set_column(3, "x", pa.array(values)))
    report = store.check_leakage(view(now), snapshots={then: was})
    assert len(report.leaks) == 1
    assert report.leaks[0].value == pytest.approx(report.leaks[0].knowable + 1)
    assert report.leaks[0].at == then
    assert report.leaks[0].rows.column("n").to_pylist() == [last_of_k1]


def test_global_features_and_services(store: fs.FeatureStore, tmp_path: Path) -> None:
    source = parquet(tmp_path, rows())
    of_all = fs.FeatureView(
        "all", entities=[], source=source, features=FEATURES, transform=leaking.global_mean
    )
    clean = view(source)
    store.apply([of_all, clean, fs.FeatureService("service", features=[clean, of_all])])
    assert {leak.view for leak in store.check_leakage("service").leaks} == {"all"}
    assert store.check_leakage("view").clean
    found = store.check_leakage("all").leaks[0]
    assert found.key == {}
    assert found.to_dict()["rows"][0]["at"] > found.at


def test_an_empty_source_and_one_row(store: fs.FeatureStore, tmp_path: Path) -> None:
    for count in (0, 1):
        report = store.check_leakage(view(parquet(tmp_path, rows(count)), transform=leaking.running_mean))
        assert report.clean


# ------------------------------------------------------------------------------------- frames made elsewhere


@pytest.mark.parametrize("engine", ["duckdb", "polars"])
def test_frames_made_elsewhere_are_compared_cell_by_cell(tmp_path: Path, engine: str) -> None:
    table = rows()
    source = parquet(tmp_path, table)
    asked = [{"k": f"k{i % 7}", "event_timestamp": NOON + 20 * i * MINUTE} for i in range(25)]
    listed = table.to_pylist()

    def right(row: dict[str, Any]) -> Any:
        known = [r for r in listed if r["k"] == row["k"] and r["at"] <= row["event_timestamp"]]
        return max(known, key=lambda r: (r["at"], r["x"]))["x"] if known else None

    def naive(row: dict[str, Any]) -> Any:
        return max((r for r in listed if r["k"] == row["k"]), key=lambda r: (r["at"], r["x"]))["x"]

    made = [{**row, "x": right(row)} for row in asked]
    assert fs.check_frame(made, [view(source)], engine=engine).clean
    wrong = [{**row, "view__x": naive(row)} for row in asked]
    report = fs.check_frame(wrong, [view(source)], engine=engine)
    expected = [row for row in asked if naive(row) != right(row)]
    assert [(leak.key["k"], leak.at) for leak in report.leaks] == [
        (r["k"], r["event_timestamp"]) for r in expected
    ]
    assert len(expected) > 10
    for leak in report.leaks:
        assert leak.rows.column("x")[0].as_py() == leak.value
        assert leak.rows.column("at")[0].as_py() > leak.at


def test_a_frame_without_features_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="holds no feature of view; it has: k, event_timestamp"):
        fs.check_frame([{"k": "k1", "event_timestamp": NOON}], [view(parquet(tmp_path, rows()))])


def test_what_a_frame_is_compared_with_are_views(tmp_path: Path) -> None:
    whole = view(parquet(tmp_path, rows()))
    frame = [{"k": "k1", "event_timestamp": NOON, "x": 1.0}]
    for wrong in (whole, "view", [whole["x"]], [fs.FeatureService("s", features=[whole])]):
        with pytest.raises(RequestError, match="takes a list of feature views, found"):
            fs.check_frame(frame, wrong)  # type: ignore[arg-type]
