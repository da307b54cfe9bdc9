"""Expectations over runs: what is rejected is never seen, what warns is recorded, rows that fail are kept."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import featurestore as fs
from featurestore.errors import ExpectationError, SourceError
from featurestore.protocols.expectations import Outcome
from featurestore.protocols.records import RunStatus
from tests.expectations.conftest import fill
from tests.store.conftest import HOUR, NOON, Arrivals, online_values

RANGE = fs.ValueRange("delay", 0, 100)


def outcomes(store: fs.FeatureStore, view: str = "punctuality") -> dict[str, str]:
    """How the latest run of a view came out."""
    return {r.name: r.outcome.value for r in store.get_expectation_results(view)[0].results}


def last_run(store: fs.FeatureStore) -> Any:
    return store.project.registry.runs(project="flights", view="punctuality")[0]


def test_a_rejected_full_run_is_never_seen(store: fs.FeatureStore, arrivals: Arrivals) -> None:
    fill(arrivals)
    store.apply([arrivals.view(expectations=[RANGE])])
    (report,) = store.materialize(end=NOON)
    assert report.warnings == ()
    arrivals.add("N1", NOON + HOUR, 101.0)
    arrivals.add("N2", NOON + HOUR, float("nan"))
    arrivals.add("N3", NOON + HOUR, None)
    with pytest.raises(ExpectationError) as caught:
        store.materialize(end=NOON + HOUR)
    message = str(caught.value)
    for said in (
        "'punctuality'",
        "Run 2",
        "value_range:delay",
        "delay from 0 to 100",
        "2 of 3 values outside",
    ):
        assert said in message
    assert 'store.failing_rows("punctuality@1", run=2)' in message
    assert online_values(store, ["N0", "N1", "N2", "N3"], NOON + HOUR) == [0.0, 1.0, 2.0, "NOT_FOUND"]
    run = last_run(store)
    assert (run.status, run.number) == (RunStatus.FAILED, 2)
    assert "value_range:delay" in run.error
    state = store.project.registry.view_state(project="flights", view="punctuality", version=1)
    assert (state.generation, state.filling) == (1, ())
    rows = store.failing_rows("punctuality", run=2)
    assert rows.column_names == ["expectation", "on_failure", "tailnum", "event_timestamp", "delay"]
    assert sorted(rows.column("tailnum").to_pylist()) == ["N1", "N2"]
    assert set(rows.column("event_timestamp").to_pylist()) == {NOON + HOUR}
    # Once the source is repaired, the next run is published.
    arrivals.add("N1", NOON + HOUR, 50.0, created=NOON + 2 * HOUR)
    arrivals.add("N2", NOON + HOUR, 51.0, created=NOON + 2 * HOUR)
    store.materialize(end=NOON + HOUR)
    assert online_values(store, ["N1", "N2", "N3"], NOON + HOUR) == [50.0, 51.0, "NULL"]


@pytest.mark.parametrize("created", [True, False])
def test_a_rejected_incremental_run_writes_nothing(
    store: fs.FeatureStore, arrivals: Arrivals, created: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(arrivals)
    columns = {"created_timestamp": "loaded_at"} if created else {}
    source = fs.ParquetSource("arrivals", path=str(arrivals.path), event_timestamp="arrived_at", **columns)  # type: ignore[arg-type]
    store.apply([arrivals.view(source=source, expectations=[RANGE, fs.Freshness("2h")])])
    store.materialize(end=NOON)
    arrivals.add("N0", NOON + HOUR, 7.0)
    arrivals.add("N1", NOON + HOUR, -1.0)
    online = store.project.online
    monkeypatch.setattr(online, "write", lambda **_: pytest.fail("something was written"))
    with pytest.raises(ExpectationError, match=r"1 of \d values outside"):
        store.materialize_incremental(end=NOON + HOUR)
    with pytest.raises(ExpectationError, match=r"freshness: .*found one 6h old"):
        store.materialize_incremental(end=NOON + 7 * HOUR)
    monkeypatch.undo()
    assert online_values(store, ["N0", "N1"], NOON + HOUR) == [0.0, 1.0]
    arrivals.add("N1", NOON + HOUR, 1.5, created=NOON + 2 * HOUR)
    if created:
        store.materialize_incremental(end=NOON + HOUR)
        assert online_values(store, ["N0", "N1"], NOON + HOUR) == [7.0, 1.5]


def test_a_warning_is_recorded_and_everything_is_published(
    store: fs.FeatureStore, arrivals: Arrivals
) -> None:
    fill(arrivals)
    arrivals.add("N9", NOON, -5.0)
    store.apply([arrivals.view(expectations=[fs.ValueRange("delay", 0, on_failure="warn")])])
    (report,) = store.materialize(end=NOON)
    (warning,) = report.warnings
    assert (warning.name, warning.rows, warning.failing) == ("value_range:delay", 4, 1)
    assert online_values(store, ["N9"], NOON) == [-5.0]
    assert last_run(store).status is RunStatus.SUCCEEDED
    assert store.failing_rows("punctuality").column("delay").to_pylist() == [-5.0]
    (recorded,) = store.get_expectation_results("punctuality@1")
    assert recorded.results == (warning,)


def test_a_change_of_expectations_is_a_change_of_metadata(store: fs.FeatureStore, arrivals: Arrivals) -> None:
    fill(arrivals)
    store.apply([arrivals.view()])
    store.materialize(end=NOON)
    plan = store.apply([arrivals.view(expectations=[fs.ValueRange("delay", 5)])], message="no early ones")
    assert "description only" in str(plan)
    assert "expectations.value_range:delay: added (reject)" in str(plan)
    assert [(entry.stored.version, entry.message) for entry in store.history("punctuality")][-1] == (
        1,
        "no early ones",
    )
    assert online_values(store, ["N0"], NOON) == [0.0]
    with pytest.raises(ExpectationError, match="3 of 3 values outside"):
        store.materialize(end=NOON)


def test_null_share(store: fs.FeatureStore, arrivals: Arrivals) -> None:
    fill(arrivals)
    arrivals.add("N8", NOON, None)
    store.apply([arrivals.view(expectations=[fs.NullShare("delay", at_most=0.25)])])
    store.materialize(end=NOON)
    arrivals.add("N9", NOON, None)
    with pytest.raises(
        ExpectationError, match=r"expected at most 25 % of delay null, found 2 of 5 rows null \(40 %\)"
    ):
        store.materialize(end=NOON)
    assert sorted(store.failing_rows("punctuality").column("tailnum").to_pylist()) == ["N8", "N9"]


def test_an_empty_source(store: fs.FeatureStore, arrivals: Arrivals) -> None:
    about_values = [
        fs.NullShare("delay", at_most=0),
        RANGE,
        fs.AllowedValues("delay", [1.0]),
        fs.UniqueKeys(),
        fs.RowCount(),
    ]
    store.apply([arrivals.view(expectations=about_values)])
    store.materialize(end=NOON)
    assert set(outcomes(store).values()) == {"passed", "skipped"}
    store.apply([arrivals.view(expectations=[fs.RowsArrived(), fs.Freshness("1h", on_failure="warn")])])
    with pytest.raises(
        ExpectationError, match="rows_arrived: expected at least 1 new row, found 0 new rows since"
    ):
        store.materialize(end=NOON + HOUR)
    store.materialize(end=NOON)  # the same instant again: nothing can have arrived
    assert outcomes(store) == {"rows_arrived": "skipped", "freshness": "failed"}


def test_rows_arrived_since_the_last_run(store: fs.FeatureStore, arrivals: Arrivals) -> None:
    fill(arrivals)
    store.apply([arrivals.view(expectations=[fs.RowsArrived(2)])])
    store.materialize(end=NOON)
    arrivals.add("N0", NOON + HOUR, 1.0)
    for run in (store.materialize, store.materialize_incremental):
        with pytest.raises(ExpectationError, match="found 1 new rows since 2024-05-01T12:00:00"):
            run(end=NOON + HOUR)
    arrivals.add("N0", NOON + 2 * HOUR, 1.0)
    store.materialize_incremental(end=NOON + 2 * HOUR)
    assert online_values(store, ["N0"], NOON + 2 * HOUR) == [1.0]


def test_with_a_schedule_rows_arrive_at_its_instants(store: fs.FeatureStore, arrivals: Arrivals) -> None:
    fill(arrivals)
    daily = fs.Schedule(every=timedelta(days=1))
    store.apply([arrivals.view(schedule=daily, expectations=[fs.RowsArrived()])])
    with pytest.raises(ExpectationError, match="found 0 rows"):  # at noon, midnight's values are served
        store.materialize(end=NOON)
    store.materialize(end=NOON + 12 * HOUR)
    store.materialize(end=NOON + 20 * HOUR)
    assert outcomes(store)["rows_arrived"] == "skipped"
    with pytest.raises(ExpectationError, match="found 0 new rows"):
        store.materialize_incremental(end=NOON + 36 * HOUR)


def test_freshness(store: fs.FeatureStore, arrivals: Arrivals) -> None:
    fill(arrivals)
    store.apply([arrivals.view(expectations=[fs.Freshness("2h")])])
    store.materialize(end=NOON + 2 * HOUR)
    with pytest.raises(ExpectationError, match="found one 2h old"):
        store.materialize(end=NOON + 2 * HOUR + timedelta(microseconds=1))
    with pytest.raises(ExpectationError, match="found one 3h old"):
        store.materialize_incremental(end=NOON + 3 * HOUR)
    # An incremental run sees only what has changed; the latest event may be that of an entity that has not.
    arrivals.add("N0", NOON - HOUR, 3.0, created=datetime.now(UTC))
    store.materialize_incremental(end=NOON + 2 * HOUR)


def test_freshness_of_aggregations_is_that_of_their_rows(store: fs.FeatureStore, arrivals: Arrivals) -> None:
    fill(arrivals)
    store.apply(
        [
            arrivals.view(
                features=[fs.Aggregation("delay", "sum", "1d", name="delay")],
                expectations=[fs.Freshness("2h"), fs.ValueRange("delay", 0, 2), fs.RowsArrived(3)],
            )
        ]
    )
    store.materialize(end=NOON + HOUR)
    assert online_values(store, ["N2"], NOON + HOUR) == [2.0]
    arrivals.add("N2", NOON + 2 * HOUR, 1.0)
    with pytest.raises(ExpectationError, match="found 1 new rows"):
        store.materialize(end=NOON + 5 * HOUR)
    assert outcomes(store)["freshness"] == "failed"


@pytest.mark.parametrize("kind", ["full", "incremental"])
def test_unique_keys(store: fs.FeatureStore, arrivals: Arrivals, kind: str) -> None:
    fill(arrivals)
    arrivals.add("N0", NOON, 9.0, created=NOON + HOUR)  # a correction
    store.apply([arrivals.view(expectations=[fs.UniqueKeys()])])
    store.materialize(end=NOON)
    arrivals.add("N1", NOON, 1.0)
    arrivals.add("N1", NOON, 1.0)
    arrivals.add("N2", NOON + HOUR, 5.0)
    run = store.materialize if kind == "full" else store.materialize_incremental
    if kind == "incremental":  # the two come late
        late = datetime.now(UTC)
        arrivals._rows = [(*row[:2], late, row[3]) if row[0] == "N1" else row for row in arrivals._rows]
        arrivals.write()
    with pytest.raises(ExpectationError, match=r"unique_keys: .*found 3 of"):
        run(end=NOON + HOUR)
    rows = store.failing_rows("punctuality")
    assert rows.select(["tailnum", "event_timestamp", "rows"]).to_pylist() == [
        {"tailnum": "N1", "event_timestamp": NOON, "rows": 3}
    ]


def test_row_count_against_the_last_runs_of_its_kind(store: fs.FeatureStore, arrivals: Arrivals) -> None:
    fill(arrivals, 10)
    store.apply([arrivals.view(expectations=[fs.RowCount(0.5, 1.5, runs=3)])])
    store.materialize(end=NOON)
    assert outcomes(store)["row_count"] == "skipped"
    arrivals.add("N0", NOON + HOUR, 1.0)
    store.materialize_incremental(end=NOON + HOUR, overlap=timedelta(0))
    assert outcomes(store)["row_count"] == "skipped"  # the first of its kind
    for number in range(5):
        arrivals.remove(f"N{number}")
    store.materialize(end=NOON + HOUR)
    assert outcomes(store)["row_count"] == "passed"  # half of 10
    for number in range(4, 9):
        arrivals.remove(f"N{number}")
    with pytest.raises(ExpectationError, match=r"found 1 rows, 0\.133 times the median 7\.5 of 2"):
        store.materialize(end=NOON + HOUR)
    fill(arrivals, 9, at=NOON + 2 * HOUR)
    with pytest.raises(ExpectationError, match="row_count"):
        store.materialize_incremental(end=NOON + 2 * HOUR, overlap=timedelta(0))


def test_one_rejected_view_does_not_keep_the_others_waiting(
    store: fs.FeatureStore, arrivals: Arrivals
) -> None:
    fill(arrivals)
    bad = [fs.ValueRange("delay", 5)]
    store.apply(
        [
            arrivals.view(name="a", expectations=bad),
            arrivals.view(name="b"),
            arrivals.view(name="c", expectations=bad),
        ]
    )
    with pytest.raises(ExpectationError, match=r"(?s)'a'.*'c'"):
        store.materialize(end=NOON)
    assert online_values(store, ["N1"], NOON, "b") == [1.0]


def test_pushed_rows_survive_a_rejected_run(store: fs.FeatureStore, arrivals: Arrivals) -> None:
    fill(arrivals)
    store.apply([arrivals.view(expectations=[RANGE])])
    store.materialize(end=NOON)
    store.push("punctuality", [{"tailnum": "N1", "arrived_at": NOON + HOUR, "delay": 33.0}])
    arrivals.add("N0", NOON + HOUR, -1.0)
    for run in (store.materialize, store.materialize_incremental):
        with pytest.raises(ExpectationError):
            run(end=NOON + HOUR)
    assert online_values(store, ["N0", "N1"], NOON + HOUR) == [0.0, 33.0]


def test_a_run_that_fails_otherwise_says_nothing_of_expectations(
    open_store: Callable[..., fs.FeatureStore], arrivals: Arrivals
) -> None:
    store = open_store()
    fill(arrivals)
    store.apply([arrivals.view(expectations=[fs.UniqueKeys()])])
    arrivals.path.write_bytes(b"no Parquet")
    with pytest.raises(SourceError):
        store.materialize(end=NOON)
    assert store.get_expectation_results("punctuality") == []
    assert store.get_expectation_results("punctuality", run=1) == []


def test_dry_run(store: fs.FeatureStore, arrivals: Arrivals, tmp_path: Path) -> None:
    fill(arrivals)
    expecting = [RANGE, fs.UniqueKeys(), fs.RowCount(), fs.NullShare("delay", at_most=0, on_failure="warn")]
    view = arrivals.view(expectations=expecting)
    assert store.check_expectations(view, at=NOON).passed  # not registered
    service = fs.FeatureService("all", features=[view["delay"], "other"])
    store.apply([view, arrivals.view(name="other"), service])
    store.materialize(end=NOON)
    arrivals.add("N1", NOON, 200.0, created=NOON + HOUR)
    arrivals.add("N4", NOON, None)
    report = store.check_expectations(service, at=NOON)
    assert not report.passed
    first, second = report.views
    assert (first.label, second.label, second.results) == ("punctuality@1", "other@1", ())
    assert {r.name: r.outcome.value for r in first.results} == {
        "value_range:delay": "failed",
        "unique_keys": "passed",
        "row_count": "passed",
        "null_share:delay": "failed",
    }
    assert first.failing_rows is not None
    assert first.failing_rows.column("tailnum").to_pylist() == ["N1", "N4"]
    assert [failure.outcome for failure in report.failures] == [Outcome.FAILED] * 2
    assert "[warning] null_share:delay" in str(report)
    assert len(store.project.registry.runs(project="flights")) == 2
    assert not (tmp_path / "failing_rows").exists()
