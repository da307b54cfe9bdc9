"""Expectations as definitions: checked when they are made, metadata of the view, Python from their repr."""

from __future__ import annotations

import datetime as dt
from datetime import UTC, date, timedelta
from decimal import Decimal

import pytest

import featurestore as fs
from featurestore.definitions.fingerprint import data_hash, metadata_hash
from featurestore.errors import DefinitionError

plane = fs.Entity("plane", join_keys={"tailnum": fs.String})
source = fs.ParquetSource("arrivals", path="arrivals.parquet", event_timestamp="at")
TYPES = {
    "i": fs.Int64, "f": fs.Float64, "d": fs.Decimal(10, 2), "s": fs.String, "b": fs.Bool, "raw": fs.Bytes,
    "day": fs.Date, "t": fs.ZonedTimestamp("Europe/Paris"), "l": fs.List(fs.Int64), "v": fs.Vector(3),
}  # fmt: skip
ALL = [
    fs.RowsArrived(),
    fs.RowsArrived(10, on_failure="warn"),
    fs.Freshness("6h"),
    fs.NullShare("l", at_most=0.25),
    fs.ValueRange("i", 0, 2**70),
    fs.ValueRange("f", maximum=1e-300, at_most=0.5),
    fs.ValueRange("d", Decimal("0.10"), 5),
    fs.ValueRange("day", date(2020, 1, 1), date(2030, 1, 1)),
    fs.ValueRange("t", dt.datetime(2020, 1, 1), dt.datetime(2030, 1, 1, tzinfo=UTC)),
    fs.AllowedValues("s", ["ü", "'", '"'], on_failure="warn"),
    fs.AllowedValues("raw", [b"\x00\xff"]),
    fs.AllowedValues("b", [True]),
    fs.AllowedValues("i", {1, 2}),
    fs.UniqueKeys(),
    fs.RowCount(0.9, 1.1, runs=3),
]


def view(*expectations: fs.Expectation, **changes: object) -> fs.FeatureView:
    features = [fs.Feature(name, dtype) for name, dtype in TYPES.items()]
    fields = {"entities": [plane], "source": source, "features": features, **changes}
    return fs.FeatureView("v", expectations=expectations, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("expectation", ALL, ids=repr)
def test_json_and_repr_give_the_same_back(expectation: fs.Expectation) -> None:
    made = view(expectation)
    again = fs.FeatureView.from_json(made.to_json())
    assert again == made
    assert again.expectations == (expectation,)
    assert metadata_hash(again) == metadata_hash(made)
    names = {"fs": fs, "datetime": dt, "Decimal": Decimal}
    assert eval(repr(expectation), names) == expectation
    assert expectation.text


def test_they_are_metadata() -> None:
    assert data_hash(view(*ALL[2:4])) == data_hash(view())
    assert metadata_hash(view(fs.UniqueKeys())) != metadata_hash(view())
    assert metadata_hash(view(fs.UniqueKeys())) != metadata_hash(view(fs.UniqueKeys(on_failure="warn")))
    assert "expectations" not in view().to_json()  # so that older registrations keep their hashes


def test_a_view_over_a_view_keeps_its_values() -> None:
    def above(below: fs.FeatureView) -> fs.FeatureView:
        return fs.FeatureView("w", entities=[plane], source=below, features=[fs.Feature("i", fs.Int64)])

    assert data_hash(above(view(fs.UniqueKeys()))) == data_hash(above(view()))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: view(fs.NullShare("nope", at_most=0)), "no feature 'nope'; there are: i, f"),
        (lambda: view(fs.UniqueKeys(), fs.UniqueKeys(on_failure="warn")), "unique_keys is there twice"),
        (lambda: view(fs.ValueRange("s", 0, 1)), "'s' is string; a range is of numbers"),
        (lambda: view(fs.ValueRange("t", 0)), "is timestamp<Europe/Paris>, and 0 is a int"),
        (lambda: view(fs.ValueRange("day", dt.datetime(2024, 1, 1))), "'day' is date"),
        (lambda: view(fs.AllowedValues("i", ["1"])), "'i' is int64, and '1' is a str"),
        (lambda: view(fs.AllowedValues("i", [True])), "True is a bool"),
        (lambda: view(fs.AllowedValues("v", [1.0])), "a set is of single values"),
        (lambda: fs.ValueRange("f"), "a minimum, a maximum or both"),
        (lambda: fs.ValueRange("f", 2, 1), "minimum 2 is greater than maximum 1"),
        (lambda: fs.ValueRange("f", float("nan")), "can be no bound"),
        (lambda: fs.ValueRange("f", "a", 1), "of two types"),
        (lambda: fs.AllowedValues("s", "abc"), "expected a list of values"),
        (lambda: fs.AllowedValues("s", []), "at least one value"),
        (lambda: fs.AllowedValues("s", [None]), "found None"),  # type: ignore[list-item]
        (lambda: fs.NullShare("f", at_most=1.5), "less than or equal to 1"),
        (lambda: fs.Freshness(timedelta(0)), "longer than zero"),
        (lambda: fs.Freshness("soon"), "not a duration"),
        (lambda: fs.RowCount(1.5), "lowest"),
        (lambda: fs.RowsArrived(0), "at_least"),
        (lambda: fs.UniqueKeys(on_failure="explode"), "on_failure"),  # type: ignore[arg-type]
    ],
)
def test_ill_formed_ones_cannot_exist(build: object, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        build()  # type: ignore[operator]


def test_aggregations_whose_type_is_open_can_be_expected_of() -> None:
    made = fs.FeatureView(
        "v", entities=[plane], source=source, features=[fs.Aggregation("f", "max", "1d")],
        expectations=[fs.ValueRange("f_max_1d", 0)],
    )  # fmt: skip
    assert made.expectations[0].name == "value_range:f_max_1d"
