"""Suggested expectations: Python that can be pasted, each with its reason, all holding for what they come from."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import featurestore as fs
from featurestore.protocols.expectations import Outcome
from tests.store.conftest import HOUR, NOON

ROWS = 2_000
person = fs.Entity("person", join_keys={"id": fs.Int64})


def table(rows: int = ROWS) -> pa.Table:
    chance = np.random.default_rng(5)
    return pa.table(
        {
            "id": np.arange(rows),
            "at": pa.array([NOON] * rows, pa.timestamp("us", "UTC")),
            "amount": chance.normal(100, 30, rows),
            "share": chance.random(rows),
            "count": pa.array(chance.integers(0, 50, rows), mask=chance.random(rows) < 0.02),
            "price": pa.array([Decimal(i % 700) / 100 - 2 for i in range(rows)], pa.decimal128(10, 2)),
            "carrier": pa.array([("UA", "AA", "DL", "it's")[i % 4] for i in range(rows)]),
            "name": [f"n{i}" for i in range(rows)],
            "secret": chance.normal(0, 1, rows),
            "mostly": pa.array([None] * (rows - 1) + [1.0]),
            "broken": [float("nan")] * rows,
        }
    )


def view(**changes: Any) -> fs.FeatureView:
    types: dict[str, fs.FeatureType] = {
        "amount": fs.Float64, "share": fs.Float64, "count": fs.Int64, "price": fs.Decimal(10, 2), "carrier": fs.String,
        "name": fs.String, "mostly": fs.Float64, "broken": fs.Float64,
    }  # fmt: skip
    features = [fs.Feature(name, dtype) for name, dtype in types.items()]
    fields: dict[str, Any] = {
        "entities": [person], "source": fs.InMemorySource("rows", data=table(), event_timestamp="at"),
        "features": [*features, fs.Feature("secret", fs.Float64, tags={"pii": "true"})],
    }  # fmt: skip
    return fs.FeatureView("v", **{**fields, **changes})


def test_from_rows_of_a_view_that_is_not_registered(store: fs.FeatureStore) -> None:
    found = store.suggest_expectations(view())
    names = {each.expectation.name: each.expectation for each in found}
    assert "unique_keys" in names
    assert names["value_range:share"] == fs.ValueRange("share", 0, 1, on_failure="warn")
    assert names["allowed_values:carrier"] == fs.AllowedValues(
        "carrier", ["AA", "DL", "UA", "it's"], on_failure="warn"
    )
    price = names["value_range:price"]
    assert isinstance(price, fs.ValueRange)
    assert isinstance(price.minimum, Decimal)
    assert price.minimum < -2
    assert price.maximum > Decimal("4.99")
    count = names["value_range:count"]
    assert isinstance(count, fs.ValueRange)
    assert (count.minimum, type(count.maximum)) == (0, int)
    null = names["null_share:count"]
    assert isinstance(null, fs.NullShare)
    assert 0.02 < null.at_most < 0.1
    assert "null_share:secret" in names
    for absent in ("value_range:secret", "allowed_values:name", "value_range:broken", "null_share:mostly"):
        assert absent not in names
    assert all(each.reason and each.expectation.on_failure == "warn" for each in found)


def test_what_is_printed_can_be_pasted_and_holds(store: fs.FeatureStore) -> None:
    found = store.suggest_expectations(view())
    text = str(found)
    assert text.startswith("# from decimal import Decimal\n")
    pasted = eval(f"dict({text})", {"fs": fs, "Decimal": Decimal, "dict": dict})["expectations"]
    assert pasted == [each.expectation for each in found]
    report = store.check_expectations(view(expectations=pasted), at=NOON)
    assert {result.outcome for result in report.views[0].results} == {Outcome.PASSED}


def test_from_the_profiles_of_runs(store: fs.FeatureStore) -> None:
    store.apply([view()])
    for hours in range(3):
        store.materialize(end=NOON + hours * HOUR)
    found = {each.expectation.name: each for each in store.suggest_expectations("v")}
    assert found["freshness"].expectation == fs.Freshness("6h", on_failure="warn")
    assert "2h old, over the last 3 runs" in found["freshness"].reason
    assert found["row_count"].expectation == fs.RowCount(on_failure="warn")
    assert "rows_arrived" not in found  # no run saw newer events than the one before
    given = store.suggest_expectations("v", profile=store.get_statistics("v"))
    assert "allowed_values:carrier" in {each.expectation.name for each in given}


@pytest.mark.parametrize("rows", [0, 3])
def test_from_next_to_nothing_next_to_nothing_follows(store: fs.FeatureStore, rows: int) -> None:
    few = (
        view(source=fs.InMemorySource("few", data=table(rows), event_timestamp="at"))
        if rows
        else view(source=fs.InMemorySource("few", data=table(3).slice(0, 0), event_timestamp="at"))
    )
    assert {each.expectation.name for each in store.suggest_expectations(few)} <= {"unique_keys", "freshness"}
