"""The warehouse example, on a smaller warehouse: it checks itself that the engines agree."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import featurestore as fs
from examples.warehouse import data, features
from featurestore.sources.arrow import read_table, source_schema
from tests.servers.snowflake_server import SnowflakeServer
from tests.warehouse import snowflake_loading


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


def in_snowflake() -> dict[str, Any]:
    """The definitions with the one line changed that the file speaks of."""
    text = Path(features.__file__).read_text(encoding="utf-8")
    changed = text.replace("\nWarehouse = fs.PostgresSource\n", "\nWarehouse = fs.SnowflakeSource\n")
    assert changed != text
    names: dict[str, Any] = {}
    exec(compile(changed, "features_in_snowflake.py", "exec"), names)
    return names


def copy_to_snowflake(source: fs.Source, table: str) -> None:
    rows = read_table(source, dict.fromkeys(source_schema(source).names))
    lists = [field.name for field in rows.schema if pa.types.is_list(field.type)]
    for name in lists:
        texts = pa.array([json.dumps(value) for value in rows.column(name).to_pylist()])
        rows = rows.set_column(rows.schema.get_field_index(name), name, texts)
    loaded = snowflake_loading.load_table(rows.rename_columns([name.upper() for name in rows.schema.names]))
    parsed = ", ".join(f"PARSE_JSON({n}) AS {n}" if n in lists else n for n in rows.schema.names)
    # Of its own: a new schema is the current one from then on.
    snowflake_loading.run(f"CREATE SCHEMA {table.partition('.')[0]}")
    snowflake_loading.run(f"CREATE TABLE {table} AS SELECT {parsed} FROM {loaded}")


@pytest.mark.timeout(300)
def test_the_same_on_snowflake_by_one_line(
    postgres_url: str, snowflake_to_break: SnowflakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data.fill_warehouse(postgres_url, deliveries=3_000, offers=300)
    monkeypatch.setenv("WAREHOUSE_URL", postgres_url)
    for source in (features.deliveries, features.contracts):
        copy_to_snowflake(source, source.table)
    offers = fs.PostgresSource(
        "offers", url=features.WAREHOUSE, table="ops.offers", event_timestamp="event_timestamp"
    )
    rows = read_table(offers, {"courier_id": None, "event_timestamp": None})
    services = [(features.in_the_warehouse, "postgres"), (features.last_route, "duckdb")]
    frames = []
    with fs.FeatureStore(registry=f"sqlite:///{tmp_path}/r.db", online="memory://") as store:
        for service, engine in services:
            frames.append(store.get_historical_features(rows, service, engine=engine).to_arrow())
        monkeypatch.setenv("WAREHOUSE_URL", snowflake_to_break.url)
        there = in_snowflake()
        for before, name, engines in (
            (frames[0], "in_the_warehouse", ("snowflake", "duckdb", "polars")),
            (frames[1], "last_route", ("duckdb", "polars")),
        ):
            for engine in engines:
                assert (
                    store.get_historical_features(rows, there[name], engine=engine).to_arrow().equals(before)
                )
    assert 0 < frames[0].column("minutes").null_count < frames[0].num_rows
