"""Aggregations as the command line shows them."""

from __future__ import annotations

import io
import json
from datetime import UTC, date, datetime

from rich.console import Console

import featurestore as fs
from featurestore.cli.describe import description
from featurestore.cli.output import plain


def test_a_series_and_a_second_key_are_described() -> None:
    view = fs.FeatureView(
        "v",
        entities=[fs.Entity("card", join_keys={"card": fs.Int64})],
        source=fs.ParquetSource("s", path="s.parquet", event_timestamp="at"),
        features=[
            fs.Aggregation("amount", "sum", "1d", series=7),
            fs.Aggregation("amount", "sum", "30d", by="shop", keys=20),
        ],
    )
    document = {"kind": "feature_view", "name": "v", "version": 1, "retired": False, "active": None}
    document |= {"definition": json.loads(view.to_json()), "used_by": {}, "versions": []}
    document |= {"data_hash": "", "metadata_hash": ""}
    shown = Console(file=io.StringIO(), width=200, record=True)
    for part in description(document):
        shown.print(part)
    lines = [line.split() for line in shown.export_text().splitlines() if "amount_sum" in line]
    assert lines == [
        ["amount_sum_1d_series_7", "sum", "amount", "7", "×", "1", "d"],
        ["amount_sum_by_shop_30d", "sum", "amount", "by", "shop", "(20)", "30", "d"],
    ]


def test_keys_of_maps_become_texts() -> None:
    noon = datetime(2024, 5, 1, 12, tzinfo=UTC)
    keys: list[tuple[object, str]] = [(7, "7"), (True, "true"), (b"\x0a", "0a"), ("a", "a")]
    keys += [(date(2024, 5, 1), "2024-05-01"), (noon, "2024-05-01T12:00:00+00:00")]
    for key, text in keys:
        assert plain({key: 1}) == {text: 1}
