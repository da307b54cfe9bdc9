"""The flights of January with transforms that leak, as people write them: each is caught."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

import featurestore as fs
from examples.flights import data, features

SELECT = (
    "SELECT tailnum, scheduled_departure, landed_at, {x} AS x FROM {{source}} WHERE arr_delay IS NOT NULL"
)
FEATURE = [fs.Feature("x", fs.Float64)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("flights")
    data.write_data(folder / "data")
    return folder


@pytest.fixture(params=["duckdb", "polars"])
def store(request: pytest.FixtureRequest, folder: Path) -> Any:
    config = folder / f"{request.param}.toml"
    config.write_text(
        f'project = "flights"\nregistry = "sqlite:///{folder}/r.db"\noffline = "{request.param}"\n'
    )
    with fs.FeatureStore(config=config, online="memory://") as opened:
        yield opened


def january(**times: Any) -> fs.ParquetSource:
    return fs.ParquetSource(
        "flights", path="data/flights.parquet", event_timestamp="scheduled_departure",
        timezone=data.NEW_YORK, where="month(scheduled_departure) = 1", **times,
    )  # fmt: skip


def view(source: fs.Source, **arguments: Any) -> fs.FeatureView:
    return fs.FeatureView("delays", entities=[features.plane], source=source, features=FEATURE, **arguments)


@fs.transform
def wrong_direction(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Sorted with the latest flight first, so that the shift brings the next one."""
    ordered = rows.sort("scheduled_departure", "dest", descending=True)
    return ordered.with_columns(x=pl.col("arr_delay").shift(1).over("tailnum"))


@fs.transform
def label_joined_back(rows: pl.LazyFrame) -> pl.LazyFrame:
    """The mean delay of each plane, which the flights to be predicted are part of."""
    means = rows.group_by("tailnum").agg(x=pl.col("arr_delay").mean())
    return rows.join(means, on="tailnum")


KNOWN = january(available_at="landed_at")
LEAKS = {
    "global mean": view(KNOWN, sql=SELECT.format(x="arr_delay - avg(arr_delay) OVER ()"), trusted=True),
    "wrong direction": view(KNOWN, transform=wrong_direction),
    "label joined back": view(KNOWN, transform=label_joined_back),
    "count of all": view(KNOWN, sql=SELECT.format(x="(count(*) OVER ())::double"), trusted=True),
}


@pytest.mark.parametrize("name", LEAKS)
def test_each_is_caught(store: fs.FeatureStore, name: str) -> None:
    report = store.check_leakage(LEAKS[name], samples=2)
    assert len(report.leaks) > 100
    explained = [leak for leak in report.leaks if leak.rows.num_rows]
    assert len(explained) > len(report.leaks) // 2
    local = explained[0].rows.column("landed_at")[0].as_py()
    assert local.tzinfo is not None or local.year == 2013


def test_delays_that_are_written_after_landing_are_caught(store: fs.FeatureStore) -> None:
    """The source does not say that delays are only known once the flight has landed: the check is told."""
    unaware = view(january(), sql="SELECT tailnum, arr_delay AS x FROM {source}")
    assert store.check_leakage(unaware, samples=2).clean
    report = store.check_leakage(unaware, available_at="landed_at", samples=2)
    assert len(report.leaks) > 10
    aware = view(KNOWN, sql="SELECT tailnum, arr_delay AS x FROM {source}")
    assert store.check_leakage(aware, samples=2).clean


def test_the_features_of_the_example_are_clean(store: fs.FeatureStore) -> None:
    assert store.check_leakage([features.route_state, features.origin_weather], samples=2).clean


def test_a_naive_frame_is_caught(store: fs.FeatureStore, folder: Path) -> None:
    flights = pl.read_parquet(folder / "data" / "flights.parquet").filter(
        pl.col("scheduled_departure").dt.month() == 1, pl.col("tailnum").is_not_null()
    )
    asked = flights.select("tailnum", event_timestamp="scheduled_departure").head(300)
    naive = asked.sort("event_timestamp").join_asof(
        flights.select("tailnum", "scheduled_departure", x="arr_delay").sort("scheduled_departure"),
        left_on="event_timestamp", right_on="scheduled_departure", by="tailnum", check_sortedness=False,
    )  # fmt: skip
    aware = view(KNOWN, sql="SELECT tailnum, arr_delay AS x FROM {source}")
    report = fs.check_frame(naive.drop("scheduled_departure"), [aware], timezone=data.NEW_YORK, root=folder)
    assert len(report.leaks) > 200
    assert sum(leak.rows.num_rows for leak in report.leaks) > 200
