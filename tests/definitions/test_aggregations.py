"""Aggregations as definitions: names, windows, functions, what is refused, JSON and hashes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

import featurestore as fs
from featurestore.definitions.fingerprint import data_hash, metadata_hash
from featurestore.definitions.functions import FUNCTIONS
from featurestore.errors import DefinitionError

CARD = fs.Entity("card", join_keys={"card": fs.Int64})
PAYMENTS = fs.ParquetSource("payments", path="payments.parquet", event_timestamp="at")
DAY = timedelta(days=1)


def view(*features: Any, **options: Any) -> fs.FeatureView:
    return fs.FeatureView("spending", entities=[CARD], source=PAYMENTS, features=features, **options)


def names(*aggregations: fs.Aggregation) -> list[str]:
    return [feature.name for feature in view(*aggregations).features]


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (("amount", "sum", "7d"), "amount_sum_7d"),
        (("amount", "sum", timedelta(days=7)), "amount_sum_7d"),
        (("amount", "sum", "1w"), "amount_sum_7d"),
        (("amount", "sum", "168h"), "amount_sum_7d"),
        (("amount", "mean", "90m"), "amount_mean_90m"),
        (("amount", "max", timedelta(microseconds=1)), "amount_max_1us"),
        (("amount", "max", "1500ms"), "amount_max_1500ms"),
        (("*", "count", fs.LIFETIME), "count_lifetime"),
        (("amount", "percentile(0.95)", "1d"), "amount_percentile_0_95_1d"),
        (("shop", "last_n(3)", "6h"), "shop_last_n_3_6h"),
    ],
)
def test_generated_names_say_column_function_and_window(arguments: Any, name: str):
    assert names(fs.Aggregation(*arguments)) == [name]


def test_an_offset_is_part_of_the_name():
    assert names(fs.Aggregation("amount", "sum", "7d", offset="1d")) == ["amount_sum_7d_offset_1d"]


def test_several_windows_are_one_feature_each():
    many = fs.Aggregation("amount", "sum", ["1h", DAY, fs.LIFETIME])
    assert names(many) == ["amount_sum_1h", "amount_sum_1d", "amount_sum_lifetime"]
    named = fs.Aggregation("amount", "sum", ["1h", "7d"], name="spent")
    assert names(named) == ["spent_1h", "spent_7d"]


def test_names_that_clash_are_refused():
    same = fs.Aggregation("amount", "sum", "1d"), fs.Aggregation("amount", "sum", "24h")
    with pytest.raises(DefinitionError, match="'amount_sum_1d' is used twice"):
        view(*same)
    with pytest.raises(DefinitionError, match="'card' is used twice"):
        view(fs.Aggregation("amount", "sum", "1d", name="card"))
    with pytest.raises(DefinitionError, match="'amount_sum_1d' is used twice"):
        view(fs.Aggregation("amount", "sum", "1d"), fs.Aggregation("amount", "sum", "1d", where="amount > 0"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"function": "summ"}, "'summ' is not a function; there are: count, sum"),
        ({"function": "last_n"}, r"expected last_n\(10\), found 'last_n'"),
        ({"function": "last_n(0)"}, "whole number from 1 to 1000"),
        ({"function": "sum(3)"}, r"expected sum, found 'sum\(3\)'"),
        ({"function": "percentile(95)"}, "a number from 0 to 1"),
        ({"window": "1 day"}, "'1 day' is not a duration"),
        ({"window": 7}, "window: 7 is not a duration: write a timedelta"),
        ({"offset": 7}, "offset: 7 is not a duration: write a timedelta"),
        ({"window": timedelta(0)}, "longer than zero"),
        ({"window": []}, "one window or several different ones"),
        ({"window": ["1d", "24h"]}, "one window or several different ones"),
        ({"offset": timedelta(days=-1)}, "values would come from the future"),
        ({"column": "*"}, r"sum needs the name of a column, found '\*'"),
        ({"where": "amount >"}, "is not SQL"),
        ({"where": ""}, "where"),
        ({"where": "amount > avg(amount)"}, "it looks at other rows"),
        ({"where": "at < now()"}, "reads the clock"),
        ({"where": "amount > 0 ORDER BY 1"}, "where"),
        ({"input_type": fs.String}, "sum takes an integer or a float, column 'amount' is string"),
        ({"name": "not a name"}, "'not a name' is not a name"),
    ],
)
def test_what_is_refused(change: dict[str, Any], message: str):
    with pytest.raises(DefinitionError, match=message):
        fs.Aggregation(**{"column": "amount", "function": "sum", "window": "1d", **change})


def test_a_view_has_features_or_aggregations():
    amount = fs.Aggregation("amount", "sum", "1d")
    with pytest.raises(DefinitionError, match="not both: make two views"):
        view(amount, fs.Feature("shop", fs.String))
    with pytest.raises(DefinitionError, match="max_staleness"):
        view(amount, ttl=DAY)
    with pytest.raises(DefinitionError, match="features have a ttl"):
        view(fs.Feature("shop", fs.String), max_staleness=DAY)
    with pytest.raises(DefinitionError, match="which are not rows"):
        fs.FeatureView("more", entities=[CARD], source=view(amount), features=[fs.Feature("n", fs.Int64)])


@pytest.mark.parametrize(
    ("function", "given", "result"),
    [
        ("count", fs.String, fs.Int64),
        ("sum", fs.Int8, fs.Int64),
        ("sum", fs.UInt64, fs.Int64),
        ("sum", fs.Float32, fs.Float64),
        ("mean", fs.Int64, fs.Float64),
        ("min", fs.Float32, fs.Float32),
        ("max", fs.Date, fs.Date),
        ("first", fs.Decimal(9, 2), fs.Decimal(9, 2)),
        ("count_distinct", fs.String, fs.Int64),
        ("median", fs.Int32, fs.Float64),
        ("any", fs.Bool, fs.Bool),
        ("last_n(2)", fs.String, fs.List(fs.String)),
        ("mode", fs.String, fs.String),
    ],
)
def test_types_of_results(function: str, given: Any, result: Any):
    assert fs.Aggregation("c", function, "1d", input_type=given).dtype == result


def test_the_type_is_needed_but_for_counts():
    assert fs.Aggregation("*", "count", "1d").dtype == fs.Int64
    with pytest.raises(DefinitionError, match="the type of column 'amount' is not known yet"):
        _ = fs.Aggregation("amount", "sum", "1d").dtype


def test_every_function_is_told_in_the_docstring():
    told = fs.Aggregation.__doc__ or ""
    assert [name for name in FUNCTIONS if name not in told] == []


def test_json_and_back():
    whole = view(
        fs.Aggregation("amount", "sum", ["1h", fs.LIFETIME], where="status = 'ok'", offset="1d"),
        fs.Aggregation("shop", "last_n(3)", "7d", input_type=fs.String, description="d", tags={"a": "b"}),
        fs.Aggregation("*", "count", "7d"),
        schedule=fs.Schedule(every=timedelta(hours=1)),
        max_staleness=timedelta(hours=3),
    )
    again = fs.FeatureView.from_json(whole.to_json())
    assert again == whole
    assert hash(again) == hash(whole)
    assert (data_hash(again), metadata_hash(again)) == (data_hash(whole), metadata_hash(whole))


@pytest.mark.parametrize(
    "change",
    [
        {"column": "fee"}, {"function": "mean"}, {"window": "2d"}, {"where": "amount > 0"},
        {"offset": "1h"}, {"input_type": fs.Float64},
    ],
)  # fmt: skip
def test_what_changes_values_changes_the_data_hash(change: dict[str, Any]):
    plain: dict[str, Any] = {"column": "amount", "function": "sum", "window": "1d", "name": "spent"}
    assert data_hash(view(fs.Aggregation(**plain))) != data_hash(view(fs.Aggregation(**{**plain, **change})))


def test_descriptions_do_not():
    plain: dict[str, Any] = {"column": "amount", "function": "sum", "window": "1d"}
    described = view(fs.Aggregation(**plain, description="what was spent", tags={"team": "risk"}))
    assert data_hash(described) == data_hash(view(fs.Aggregation(**plain)))
    assert metadata_hash(described) != metadata_hash(view(fs.Aggregation(**plain)))


def test_staleness_by_default():
    short, long = fs.Aggregation("amount", "sum", "1h"), fs.Aggregation("amount", "sum", "7d")
    assert view(long, short).serves_for == timedelta(hours=1)
    assert view(long, schedule=fs.Schedule(every=DAY)).serves_for == 2 * DAY
    assert view(long, schedule=fs.Schedule(every=DAY, lag=3 * DAY)).serves_for == 5 * DAY
    assert view(fs.Aggregation("amount", "sum", fs.LIFETIME)).serves_for is None
    assert view(short, max_staleness=3 * DAY).serves_for == 3 * DAY
