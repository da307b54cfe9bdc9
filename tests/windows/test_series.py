"""Series: the values of the last windows as lists."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import featurestore as fs
from featurestore.errors import DefinitionError

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def spent(**options: Any) -> fs.Aggregation:
    return fs.Aggregation("amount", "sum", "1m", series=3, input_type=fs.Float64, **options)


@pytest.mark.parametrize("engine", ["duckdb", "polars"])
def test_three_minutes_the_oldest_first(tmp_path: Path, engine: str):
    rows = [{"k": 1, "at": NOON + i * MINUTE, "amount": float(10**i)} for i in range(4)]
    view = fs.FeatureView(
        "v",
        entities=[fs.Entity("e", join_keys={"k": fs.Int64})],
        source=fs.InMemorySource("s", data=pa.Table.from_pylist(rows), event_timestamp="at"),
        features=[spent(), spent(offset="1m"), fs.Aggregation("amount", "mean", "1m", series=2)],
    )
    asked = [
        {"k": k, "event_timestamp": at}
        for k, at in ((1, NOON + 3 * MINUTE), (1, NOON), (2, NOON), (None, NOON))
    ]
    online_store, registry = f"sqlite:///{tmp_path}/online.db", f"sqlite:///{tmp_path}/registry.db"
    with fs.FeatureStore(registry=registry, online=online_store, offline=engine, project="p") as store:
        store.apply([view])
        found = store.get_historical_features(asked, "v").to_arrow()
        assert found.schema.field("amount_sum_1m_series_3").type == pa.list_(pa.float64())
        nothing = [0.0, 0.0, 0.0]
        assert found["amount_sum_1m_series_3"].to_pylist() == [
            [10.0, 100.0, 1000.0],
            [0.0, 0.0, 1.0],
            nothing,
            nothing,
        ]
        shifted = [[1.0, 10.0, 100.0], nothing, nothing, nothing]
        assert found["amount_sum_1m_series_3_offset_1m"].to_pylist() == shifted
        means = [[100.0, 1000.0], [None, 1.0], [None, None], [None, None]]
        assert found["amount_mean_1m_series_2"].to_pylist() == means
        store.materialize(end=NOON + 3 * MINUTE)
        online = store.get_online_features("v", [{"k": 1}, {"k": 2}], now=NOON + 3 * MINUTE)
        assert online.to_dict()["amount_sum_1m_series_3"] == [[10.0, 100.0, 1000.0], nothing]
        assert online.to_arrow()["amount_mean_1m_series_2"].to_pylist() == [[100.0, 1000.0], [None, None]]


def test_names_types_and_texts():
    one = spent()
    assert (one.name, one.dtype, one.empty) == (
        "amount_sum_1m_series_3",
        fs.List(fs.Float64),
        (0.0, 0.0, 0.0),
    )
    assert fs.Aggregation.from_json(one.to_json()) == one
    names = [each.name for each in fs.Aggregation("*", "count", ["1h", "7d"], series=2).single()]
    assert names == ["count_1h_series_2", "count_7d_series_2"]


def test_what_is_not_used_is_not_in_the_hash_of_an_aggregation():
    assert "series" not in fs.Aggregation("amount", "sum", "1d").values_payload()
    assert spent().values_payload()["series"] == 3


@pytest.mark.parametrize(
    ("function", "window", "series", "expected"),
    [
        ("sum", fs.LIFETIME, 3, "a series needs windows of some length, found a lifetime"),
        ("last_n(2)", "1d", 3, r"one value for each window, found last_n\(2\)"),
        ("sum", "1d", 0, "greater than or equal to 1"),
        ("sum", "1d", 1001, "less than or equal to 1000"),
    ],
)
def test_series_that_are_none(function: str, window: str, series: int, expected: str):
    with pytest.raises(DefinitionError, match=expected):
        fs.Aggregation("amount", function, window, series=series)
