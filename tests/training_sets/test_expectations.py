"""What views expect of training sets: recorded in the manifest; what is rejected is not saved."""

from __future__ import annotations

from pathlib import Path

import pytest

import featurestore as fs
from featurestore.errors import ExpectationError, NotFoundError
from tests.store.conftest import NOON, Arrivals
from tests.training_sets.conftest import entity_rows
from tests.versions.conftest import OpenStore

HALVES = fs.RandomSplit({"train": 0.5, "test": 0.5})


def apply(store: fs.FeatureStore, arrivals: Arrivals, *expectations: fs.Expectation) -> None:
    store.apply([arrivals.view(online=False, expectations=expectations)])


def test_results_are_in_the_manifest(
    store: fs.FeatureStore, arrivals: Arrivals, open_store: OpenStore
) -> None:
    expecting = [
        fs.ValueRange("delay", 0, 42), fs.UniqueKeys(), fs.Freshness("1s"),
        fs.NullShare("delay", at_most=0, on_failure="warn"),
    ]  # fmt: skip
    apply(store, arrivals, *expecting)
    made = store.create_training_set("s", "punctuality", entity_rows(), split=HALVES)
    frame = store.get_historical_features(entity_rows(), "punctuality").to_arrow()
    nulls = frame.column("delay").null_count
    found = open_store().training_set("s").expectations
    assert found == made.expectations
    assert [(check.view, check.version) for check in found] == [("punctuality", 1)] * 4
    results = {check.result.name: check.result for check in found}
    assert [result.outcome.value for result in results.values()] == ["passed", "passed", "skipped", "failed"]
    assert (results["value_range:delay"].rows, results["value_range:delay"].failing) == (1000 - nulls, 0)
    assert (results["null_share:delay"].rows, results["null_share:delay"].failing) == (1000, nulls)
    rows = store.failing_rows("punctuality", training_set="s")
    assert rows.num_rows == nulls
    assert rows.column_names == ["expectation", "on_failure", "tailnum", "event_timestamp", "delay"]
    assert made.recreate().same
    assert made.verify().intact


def test_a_rejected_one_is_not_saved(store: fs.FeatureStore, arrivals: Arrivals, tmp_path: Path) -> None:
    apply(store, arrivals, fs.ValueRange("delay", 0, 10))
    with pytest.raises(ExpectationError) as caught:
        store.create_training_set("s", "punctuality", entity_rows(), split=HALVES)
    assert "Training set 's' was rejected; it was not saved: view 'punctuality'" in str(caught.value)
    assert 'store.failing_rows("punctuality@1", training_set="s")' in str(caught.value)
    assert store.training_sets() == []
    with pytest.raises(NotFoundError):
        store.training_set("s")
    saved = list((tmp_path / "training_sets").rglob("*.parquet"))
    assert len(saved) == 1  # the entity rows, which are there before anything is computed
    assert not (tmp_path / "training_sets" / "manifests").exists()
    rows = store.failing_rows("punctuality", training_set="s")
    assert min(rows.column("delay").to_pylist()) > 10
    made = store.create_training_set(
        "s", "punctuality", entity_rows(), split=HALVES, check_expectations=False
    )
    (check,) = made.expectations
    assert (check.result.outcome.value, check.result.found) == ("skipped", "not checked: as was asked for")


def test_only_rows_and_features_of_the_set_are_looked_at(store: fs.FeatureStore, arrivals: Arrivals) -> None:
    view = arrivals.view(
        online=False,
        features=[fs.Feature("delay", fs.Float64), fs.Feature("again", fs.Float64, column="delay")],
        expectations=[fs.ValueRange("delay", 0, 10), fs.ValueRange("again", 0, 10)],
    )
    store.apply([view])
    rows = entity_rows()
    early = [{"tailnum": "P0", "event_timestamp": NOON}, {"tailnum": "P39", "event_timestamp": NOON}]
    with pytest.raises(ExpectationError, match="1 of 2 values outside"):
        store.create_training_set("s", "punctuality:delay", early)
    made = store.create_training_set("s", "punctuality:delay", early[:1])
    assert [check.result.outcome.value for check in made.expectations] == ["passed", "skipped"]
    # Rows that are in no part are in no set.
    split = fs.TimeSplit({"train": NOON.replace(hour=8, minute=1), "test": None})
    assert rows.num_rows
    with pytest.raises(ExpectationError):
        store.create_training_set("t", "punctuality:delay", rows, split=split)


def test_a_view_under_two_names(store: fs.FeatureStore, arrivals: Arrivals) -> None:
    apply(store, arrivals, fs.NullShare("delay", at_most=0, on_failure="warn"))
    view = store.project.catalog().view("punctuality", None)
    both = [view, view.alias("other").with_join_keys({"tailnum": "second"})]
    rows = [{"tailnum": "P0", "second": "nobody", "event_timestamp": NOON}]
    made = store.create_training_set("s", both, rows, full_feature_names=True)
    assert [(check.view, check.result.outcome.value) for check in made.expectations] == [
        ("punctuality", "passed"),
        ("other", "failed"),
    ]
    assert store.failing_rows("punctuality", training_set="s-other").column("tailnum").to_pylist() == [
        "nobody"
    ]


def test_unique_keys_of_the_source(store: fs.FeatureStore, arrivals: Arrivals) -> None:
    apply(store, arrivals, fs.UniqueKeys())
    arrivals.add("P0", NOON, 1.0)
    arrivals.add("P0", NOON, 1.0)
    with pytest.raises(ExpectationError, match="2 of 82 rows share them"):
        store.create_training_set("s", "punctuality", entity_rows())
