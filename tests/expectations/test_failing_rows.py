"""Which failing rows are kept, and what of them."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

import featurestore as fs
from featurestore.errors import NotFoundError
from featurestore.expectations import files, kept
from tests.expectations.conftest import fill
from tests.store.conftest import NOON, Arrivals, online_values


def test_what_is_kept_is_bounded(
    store: fs.FeatureStore, arrivals: Arrivals, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(kept, "MOST_KEPT", 7)
    monkeypatch.setattr(files, "MOST_FILES", 2)
    fill(arrivals, 20)
    store.apply([arrivals.view(expectations=[fs.ValueRange("delay", 100, on_failure="warn")])])
    for _ in range(3):
        store.materialize(end=NOON)
    assert store.failing_rows("punctuality").num_rows == 7
    names = sorted(path.name for path in (tmp_path / "failing_rows").rglob("*") if path.is_file())
    assert names == ["run-00000002.parquet", "run-00000003.parquet"]
    with pytest.raises(NotFoundError, match="no failing rows of run 1"):
        store.failing_rows("punctuality", run=1)


def test_personal_values_are_not_kept(store: fs.FeatureStore, tmp_path: Path) -> None:
    data = pa.table(
        {"person": ["ann"], "at": pa.array([NOON], pa.timestamp("us", "UTC")), "age": [-1], "size": [-1]}
    )
    person = fs.Entity("person", join_keys={"person": fs.String}, tags={"pii": "true"})
    view = fs.FeatureView(
        "people", entities=[person], source=fs.InMemorySource("people_rows", data=data, event_timestamp="at"),
        features=[fs.Feature("age", fs.Int64, tags={"pii": "true"}), fs.Feature("size", fs.Int64)],
        expectations=[fs.ValueRange("age", 0, on_failure="warn"), fs.ValueRange("size", 0, on_failure="warn")],
    )  # fmt: skip
    store.apply([view])
    store.materialize(end=NOON)
    rows = store.failing_rows("people")
    assert rows.column_names == ["expectation", "on_failure", "event_timestamp", "size"]
    assert rows.column("size").to_pylist() == [None, -1]
    assert "ann" not in str(store.get_expectation_results("people"))


def test_what_is_tagged_later_is_not_shown(store: fs.FeatureStore, arrivals: Arrivals) -> None:
    fill(arrivals, 200)
    expecting = [fs.ValueRange("delay", 500, on_failure="warn")]
    store.apply([arrivals.view(expectations=expecting)])
    store.materialize(end=NOON)
    assert "delay" in store.failing_rows("punctuality").column_names
    assert "value_range:delay" in {s.expectation.name for s in store.suggest_expectations("punctuality")}
    tagged = [fs.Feature("delay", fs.Float64, tags={"pii": "yes"})]
    store.apply([arrivals.view(features=tagged, expectations=expecting)])
    assert "delay" not in store.failing_rows("punctuality").column_names
    assert "value_range:delay" not in {s.expectation.name for s in store.suggest_expectations("punctuality")}


def test_columns_of_our_own_do_not_hide_the_views(store: fs.FeatureStore) -> None:
    data = pa.table(
        {"rows": [1, 1], "at": pa.array([NOON] * 2, pa.timestamp("us", "UTC")), "expectation": [5, 6]}
    )
    view = fs.FeatureView(
        "odd", entities=[fs.Entity("e", join_keys={"rows": fs.Int64})],
        source=fs.InMemorySource("odd_rows", data=data, event_timestamp="at"),
        features=[fs.Feature("expectation", fs.Int64)],
        expectations=[fs.ValueRange("expectation", 9, on_failure="warn"), fs.UniqueKeys(on_failure="warn")],
    )  # fmt: skip
    store.apply([view])
    store.materialize(end=NOON)
    assert store.failing_rows("odd").to_pylist() == [
        {"check_expectation": "value_range:expectation", "on_failure": "warn", "rows": 1, "event_timestamp": NOON,
         "expectation": 6, "check_rows": None},
        {"check_expectation": "unique_keys", "on_failure": "warn", "rows": 1, "event_timestamp": NOON,
         "expectation": None, "check_rows": 2},
    ]  # fmt: skip


def test_failing_rows_that_cannot_be_kept_do_not_decide(
    store: fs.FeatureStore, arrivals: Arrivals, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "failing_rows").write_text("in the way")
    fill(arrivals)
    store.apply([arrivals.view(expectations=[fs.ValueRange("delay", 1, on_failure="warn")])])
    store.materialize(end=NOON)
    assert online_values(store, ["N0"], NOON) == [0.0]
    assert "could not be kept" in caplog.text
