"""The warehouse example, on a smaller warehouse: it checks itself that the engines agree."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import featurestore as fs
from examples.warehouse import data, features


@pytest.mark.timeout(300)
def test_the_engines_agree_on_the_couriers(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAREHOUSE_URL", postgres_url)
    data.fill_warehouse(postgres_url, deliveries=5_000, offers=500)
    data.write_rain(tmp_path / "data")
    config = tmp_path / "feature_store.toml"
    config.write_text(
        'project = "couriers"\nregistry = "sqlite:///registry.db"\nonline = "sqlite:///online.db"\n'
    )
    asked = "SELECT courier_id::bigint AS courier_id, event_timestamp FROM ops.offers ORDER BY 1, 2"
    with fs.FeatureStore(config=config) as store:
        rows = (
            store.get_historical_features(asked, features.contract["hours"], engine="postgres")
            .to_arrow()
            .drop_columns(["hours"])
        )
        frames = [
            store.get_historical_features(rows, features.in_the_warehouse, engine=engine).to_arrow()
            for engine in ("postgres", "duckdb", "polars")
        ]
        assert frames[0].equals(frames[1])
        assert frames[0].equals(frames[2])
        assert 0 < frames[0].column("minutes").null_count < frames[0].num_rows
        store.apply([features.arrival])
        store.materialize(end=data.END)
        keys = [{"courier_id": 1, "district": "Mitte"}]
        served = store.get_online_features("arrival", keys, now=data.END).to_dicts()[0]
        assert served["deliveries_7d"] > 0
        assert served["millimetres"] is not None
    assert os.environ["WAREHOUSE_URL"] not in config.read_text()
