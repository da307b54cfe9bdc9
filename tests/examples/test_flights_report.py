"""The flights by season: saved, made again, compared, and on a page that is looked at in a browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

import featurestore as fs
from examples.flights import data, features
from examples.flights.__main__ import SEASONS
from tests.report.looks import Opener, check_reads_well, opened

__all__ = ["opened"]
EVERY = 20


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[fs.FeatureStore]:
    """A store with the training set of every twentieth flight."""
    folder: Path = tmp_path_factory.mktemp("flights")
    data.write_data(folder / "data")
    (folder / "feature_store.toml").write_text(
        'project = "flights"\nregistry = "sqlite:///registry.db"\nonline = "memory://"\n', encoding="utf-8"
    )
    flights = pl.read_parquet(folder / "data" / "flights.parquet").gather_every(EVERY)
    with fs.FeatureStore(config=folder / "feature_store.toml") as store:
        store.apply(features.DEFINITIONS)
        store.create_training_set(
            "flights-2013",
            features.departure_delay,
            flights.select("scheduled_departure", "tailnum", "origin", "dest", "carrier"),
            split=fs.TimeSplit(SEASONS),
            event_timestamp="scheduled_departure",
            timezone=data.NEW_YORK,
        )
        yield store


def test_the_training_set_can_be_had_again(store: fs.FeatureStore) -> None:
    assert store.training_set("flights-2013").recreate().same


def test_from_winter_to_summer_the_weather_drifts_and_the_planes_do_not(store: fs.FeatureStore) -> None:
    drift = store.detect_drift("flights-2013:winter", "flights-2013:summer")
    found = {each.feature for each in drift.drifted}
    assert {"temp", "felt", "wind_gust"} <= found
    assert not found & {"seats", "engines", "year_built", "manufacturer", "last_origin", "plane_flights"}
    measure = drift["temp"].measure("kolmogorov_smirnov")
    assert measure is not None
    winter, summer = (
        store.training_set("flights-2013").to_polars(part)["temp"].drop_nulls()
        for part in ("winter", "summer")
    )
    at = pl.concat([winter, summer])
    shares = [values.sort().search_sorted(at, side="right") / len(values) for values in (winter, summer)]
    assert measure.value == pytest.approx((shares[0] - shares[1]).abs().max(), abs=measure.error)


def test_the_same_days_do_not_drift(store: fs.FeatureStore) -> None:
    flights = store.training_set("flights-2013").to_polars("winter")
    columns = ["scheduled_departure", "tailnum", "origin", "dest", "carrier"]
    sides = [
        store.get_historical_features(
            flights.gather_every(2, offset).select(columns), features.departure_delay,
            event_timestamp="scheduled_departure", timezone=data.NEW_YORK,
        ).profile()
        for offset in (0, 1)
    ]  # fmt: skip
    drift = store.detect_drift(*sides)
    assert [str(each) for each in drift.drifted] == []


def test_the_page_in_a_browser(store: fs.FeatureStore, opened: Opener) -> None:
    page = opened(store.report("flights-2013:summer", reference="flights-2013:winter").to_html())
    check_reads_well(page)
    # All features but the list have a picture of their values.
    assert page.locator(".card").count() == 26
    assert page.locator(".card svg").count() == 25
    assert page.locator("h3").first.inner_text().startswith("temp")
    assert page.locator(".graph svg .node.marked .node-name").text_content() == "flights-2013"
