"""Aggregations by a second key: maps with a bounded number of keys."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import featurestore as fs
from featurestore.definitions.types import parse_type
from featurestore.errors import DefinitionError, SourceError

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SPENT = [
    (0, "shoes", 10.0),
    (1, "books", 3.0),
    (2, "books", 4.0),
    (3, "tea", None),
    (3, None, 9.0),
    (3, "games", 60.0),
]


def open_store(folder: Path, engine: str) -> fs.FeatureStore:
    registry, online = f"sqlite:///{folder}/registry.db", f"sqlite:///{folder}/online.db"
    return fs.FeatureStore(registry=registry, online=online, offline=engine, project="p")


def view_of(source: fs.Source, *features: fs.Aggregation) -> fs.FeatureView:
    return fs.FeatureView(
        "v", entities=[fs.Entity("card", join_keys={"card": fs.Int64})], source=source, features=features
    )


def spent(**options: Any) -> fs.Aggregation:
    return fs.Aggregation("amount", "sum", "1h", by="shop", **options)


def table() -> pa.Table:
    rows = [{"card": 1, "at": NOON + i * MINUTE, "shop": shop, "amount": amount} for i, shop, amount in SPENT]
    return pa.Table.from_pylist(rows)


@pytest.mark.parametrize("engine", ["duckdb", "polars"])
def test_what_a_card_spent_in_each_of_the_last_shops(tmp_path: Path, engine: str):
    view = view_of(
        fs.InMemorySource("s", data=table(), event_timestamp="at"),
        spent(keys=9),
        spent(keys=2, name="two"),
        fs.Aggregation("*", "count", fs.LIFETIME, by="shop", keys=9, where="amount > 3 OR amount IS NULL"),
        fs.Aggregation("amount", "last_n(2)", "1h", by="shop", keys=1),
    )
    end = NOON + 3 * MINUTE
    asked = [{"card": card, "event_timestamp": end} for card in (1, 2, None)]
    expected: dict[str, dict[str, Any]] = {
        "amount_sum_by_shop_1h": {"books": 7.0, "games": 60.0, "shoes": 10.0},
        "two": {"books": 7.0, "games": 60.0},
        "count_by_shop_lifetime": {"books": 1, "games": 1, "shoes": 1, "tea": 1},
        "amount_last_n_2_by_shop_1h": {"games": [60.0]},
    }
    with open_store(tmp_path, engine) as store:
        store.apply([view])
        found = store.get_historical_features(asked, "v").to_arrow()
        assert found.schema.field("two").type == pa.map_(pa.string(), pa.float64())
        store.materialize(end=end)
        for count in (1, 9):
            online = store.get_online_features("v", [{"card": 1}, {"card": 2}] * count, now=end)
            for name, wanted in expected.items():
                assert [dict(pairs) for pairs in found[name].to_pylist()] == [wanted, {}, {}], name
                assert online.to_dict()[name] == [wanted, {}] * count
                assert [dict(pairs) for pairs in online.to_arrow()[name].to_pylist()] == [wanted, {}] * count
                assert list(online.to_dict()[name][0]) == sorted(wanted)
        assert online.to_polars()["two"].len() == 18
        assert online.statuses["two"][:2] == ["PRESENT", "NOT_FOUND"]


def test_names_types_and_texts():
    one = spent(keys=20, input_type=fs.Float64, by_type=fs.String)
    assert (one.name, one.dtype, one.empty) == ("amount_sum_by_shop_1h", fs.Map(fs.String, fs.Float64), ())
    assert fs.Aggregation.from_json(one.to_json()) == one
    assert not {"by", "keys", "by_type"} & fs.Aggregation("amount", "sum", "1d").values_payload().keys()


@pytest.mark.parametrize(
    "text", ["map<string, int64>", "map<timestamp, list<float64>>", "list<map<bool, date>>"]
)
def test_maps_have_a_text(text: str):
    assert str(parse_type(text)) == text


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "by and keys belong together"),
        ({"keys": 0}, "greater than or equal to 1"),
        ({"keys": 2, "series": 3}, "a series is of single values"),
        ({"keys": 2, "by_type": fs.Float64}, "column 'shop' is float64; by takes"),
    ],
)
def test_second_keys_that_are_none(options: dict[str, Any], expected: str):
    with pytest.raises(DefinitionError, match=expected):
        spent(**options)


def test_maps_are_only_made_by_aggregations():
    with pytest.raises(DefinitionError, match="no type of a column"):
        fs.Feature("shops", fs.List(fs.Map(fs.String, fs.Int64)))
    with pytest.raises(DefinitionError, match=r"Map\(float64, int64\) does not exist"):
        fs.Map(fs.Float64, fs.Int64)


def test_a_key_is_in_the_source_and_its_type_is_known(tmp_path: Path):
    source = fs.InMemorySource("s", data=table(), event_timestamp="at")
    with open_store(tmp_path, "duckdb") as store:
        with pytest.raises(SourceError, match="'branch'"):
            store.apply([view_of(source, fs.Aggregation("amount", "sum", "1h", by="branch", keys=2))])
        with pytest.raises(DefinitionError, match="column 'amount' is float64"):
            store.apply([view_of(source, fs.Aggregation("*", "count", "1h", by="amount", keys=2))])
    with pytest.raises(DefinitionError, match="'shop' is said to be string and int64"):
        view_of(
            source,
            spent(keys=2, by_type=fs.String),
            fs.Aggregation("shop", "count", "1h", input_type=fs.Int64),
        )
