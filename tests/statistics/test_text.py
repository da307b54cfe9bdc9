"""What is printed of a profile."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa

from featurestore.definitions.types import Float64, List, String, ZonedTimestamp
from featurestore.statistics.collect import Collector, ProfiledColumn

TABLE = pa.table(
    {
        "amount": pa.array([1.5, None, float("nan"), 4.0]),
        "country": pa.array(["at", "at", "at", "x" * 30]),
        "card": pa.array(["a", "b", "c", "d"]),
        "tags": pa.array([["a"], [], ["b", "c"], None], pa.list_(pa.string())),
        "at": pa.array([datetime(2024, 5, 1, 12, tzinfo=UTC)] * 4, pa.timestamp("us", "UTC")),
    }
)
COLUMNS = [
    ProfiledColumn("amount", Float64),
    ProfiledColumn("country", String),
    ProfiledColumn("card", String, pii=True),
    ProfiledColumn("tags", List(String)),
    ProfiledColumn("at", ZonedTimestamp("UTC")),
]


def test_a_line_for_each_feature_without_personal_values() -> None:
    collector = Collector(COLUMNS)
    collector.add(TABLE.to_batches()[0])
    profile = collector.result()
    head, amount, country, card, tags, at = (line.split() for line in str(profile).splitlines()[1:])
    assert head == [
        "feature",
        "type",
        "nulls",
        "distinct",
        "mean",
        "minimum",
        "median",
        "maximum",
        "most",
        "frequent",
    ]
    assert amount == ["amount", "float64", "50.0%", "3", "2.75", "1.5", "1.5", "4"]
    assert country == ["country", "string", "0.0%", "2", "at", "x" * 23 + "…", "at", "75%"]
    assert card == ["card", "string", "0.0%", "4", "(personal)"]
    assert tags == ["tags", "list<string>", "25.0%", "3", "lengths", "from", "0", "to", "2"]
    assert at == ["at", "timestamp", "0.0%", "1"] + ["2024-05-01", "12:00"] * 4 + ["100%"]
    assert len({line.find("%") for line in str(profile).splitlines()[2:]}) == 1  # columns are aligned
    assert repr(profile) == "Profile(4 rows, features: amount, country, card, tags, at)"
    assert "sketches" not in repr(profile["amount"])


def test_slices_come_after_the_whole() -> None:
    column = ProfiledColumn("country", String)
    collector = Collector([column], slices=[column], minimum_group=1)
    collector.add(TABLE.select(["country"]).to_batches()[0])
    assert [line for line in str(collector.result()).splitlines() if line.startswith("country")] == [
        "country = at: 3 rows",
        f"country = {'x' * 23}…: 1 row",
    ]
