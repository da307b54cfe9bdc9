"""Aggregations served: effective times, empty values, staleness, and which entities a run computes again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

import featurestore as fs
from featurestore.errors import RequestError
from tests.store.conftest import HOUR, MICROSECOND, NOON, Arrivals

Open = Callable[..., fs.FeatureStore]
SUM = fs.Aggregation("delay", "sum", "6h", name="sum")
COUNT = fs.Aggregation("*", "count", "1h", name="count")
MAX = fs.Aggregation("delay", "max", "6h", name="max")


def load(arrivals: Arrivals, *features: fs.Aggregation, **options: object) -> fs.FeatureView:
    return arrivals.view(name="load", features=features or [SUM, COUNT, MAX], **options)


def served(store: fs.FeatureStore, tail: str, now: datetime) -> dict[str, tuple[object, str]]:
    answer = store.get_online_features("load", [{"tailnum": tail}], now=now)
    [values] = answer.to_dicts()
    return {name: (values[name], status[0].value) for name, status in answer.statuses.items()}


def test_online_is_the_training_frame_at_that_time(store: fs.FeatureStore, arrivals: Arrivals) -> None:
    arrivals.add("A", NOON - HOUR, 1.0)
    arrivals.add("A", NOON, 2.0)
    arrivals.add("A", NOON + MICROSECOND, 4.0)
    arrivals.add("B", NOON - 7 * HOUR, 8.0)
    store.apply([load(arrivals)])
    [report] = store.materialize(end=NOON)
    assert report.rows == 2
    assert served(store, "A", NOON) == {
        "sum": (3.0, "PRESENT"),
        "count": (1, "PRESENT"),
        "max": (2.0, "PRESENT"),
    }
    assert served(store, "B", NOON) == {
        "sum": (0.0, "PRESENT"),
        "count": (0, "PRESENT"),
        "max": (None, "NULL"),
    }
    rows = [{"tailnum": tail, "event_timestamp": NOON} for tail in ("A", "B", "C")]
    frame = store.get_historical_features(rows, "load").to_arrow()
    online = store.get_online_features(
        "load", [{"tailnum": row["tailnum"]} for row in rows], now=NOON
    ).to_arrow()
    assert online.to_pylist() == frame.drop_columns(["event_timestamp"]).to_pylist()
    assert online.schema.field("count").type == frame.schema.field("count").type


def test_unknown_entities_have_empty_values_of_the_right_type(
    store: fs.FeatureStore, arrivals: Arrivals
) -> None:
    arrivals.add("A", NOON, 1.0)
    tails = fs.Aggregation("tailnum", "last_n(2)", "1h", name="tails")
    store.apply([load(arrivals, SUM, COUNT, MAX, tails)])
    store.materialize(end=NOON)
    found = served(store, "Z", NOON)
    missing = "NOT_FOUND"
    assert found == {
        "sum": (0.0, missing),
        "count": (0, missing),
        "max": (None, missing),
        "tails": ([], missing),
    }
    assert [type(value) for value, _ in found.values()] == [float, int, type(None), list]


def test_values_expire_after_the_staleness(store: fs.FeatureStore, arrivals: Arrivals) -> None:
    arrivals.add("A", NOON, 1.0)
    store.apply([load(arrivals, max_staleness=2 * HOUR)])
    store.materialize(end=NOON)
    statuses = {
        now: served(store, "A", now)["sum"] for now in (NOON, NOON + 2 * HOUR, NOON + 2 * HOUR + MICROSECOND)
    }
    assert list(statuses.values()) == [(1.0, "PRESENT"), (1.0, "PRESENT"), (0.0, "EXPIRED")]
    assert served(store, "A", NOON - MICROSECOND)["sum"] == (0.0, "NOT_FOUND")


def test_a_schedule_says_for_which_instant_values_are(store: fs.FeatureStore, arrivals: Arrivals) -> None:
    arrivals.add("A", NOON, 1.0)
    arrivals.add("A", NOON + MICROSECOND, 1.0)
    store.apply([load(arrivals, schedule=fs.Schedule(every=HOUR))])
    store.materialize(end=NOON + HOUR - MICROSECOND)
    answer = store.get_online_features("load", [{"tailnum": "A"}], now=NOON + HOUR)
    assert answer.to_dicts()[0]["sum"] == 1.0
    assert answer.event_timestamps["load"] == [NOON]
    assert served(store, "A", NOON + 2 * HOUR)["sum"] == (1.0, "PRESENT")
    assert served(store, "A", NOON + 2 * HOUR + MICROSECOND)["sum"] == (0.0, "EXPIRED")


def test_pushes_are_refused(store: fs.FeatureStore, arrivals: Arrivals) -> None:
    arrivals.add("A", NOON, 1.0)
    store.apply([load(arrivals)])
    store.materialize(end=NOON)
    with pytest.raises(RequestError, match="its values are aggregations, which no single row can be"):
        store.push("load", [{"tailnum": "A", "arrived_at": NOON, "loaded_at": NOON, "delay": 1.0}])


def test_an_incremental_run_computes_what_can_have_changed(
    store: fs.FeatureStore, arrivals: Arrivals
) -> None:
    """Of ten planes, one has a new event, one's event leaves a window, and one's late event comes in."""
    for number in range(7):
        arrivals.add(f"still {number}", NOON - 2 * HOUR, 1.0)
    arrivals.add("new", NOON - 2 * HOUR, 1.0)
    arrivals.add("late", NOON - 2 * HOUR, 1.0)
    arrivals.add("leaves", NOON - 6 * HOUR + MICROSECOND, 1.0)
    store.apply([load(arrivals)])
    assert [report.rows for report in store.materialize(end=NOON)] == [10]
    arrivals.add("new", NOON + MICROSECOND, 2.0)
    arrivals.add("late", NOON - 3 * HOUR, 2.0, created=datetime.now(UTC))
    end = NOON + MICROSECOND
    [report] = store.materialize_incremental(end=end, overlap=timedelta(0))
    assert report.rows == 3
    assert served(store, "new", end)["sum"] == (3.0, "PRESENT")
    assert served(store, "late", end)["sum"] == (3.0, "PRESENT")
    assert served(store, "leaves", end)["sum"] == (0.0, "PRESENT")
    assert served(store, "still 3", end)["sum"] == (1.0, "PRESENT")


def test_what_has_not_changed_is_as_fresh_as_the_run(store: fs.FeatureStore, arrivals: Arrivals) -> None:
    arrivals.add("A", NOON, 1.0)
    week = fs.Aggregation("delay", "sum", "7d", name="sum")
    store.apply([load(arrivals, week, max_staleness=HOUR)])
    store.materialize(end=NOON)
    [report] = store.materialize_incremental(end=NOON + 5 * HOUR, overlap=timedelta(0))
    assert report.rows == 0
    assert served(store, "A", NOON + 6 * HOUR)["sum"] == (1.0, "PRESENT")
    assert served(store, "A", NOON + 6 * HOUR + MICROSECOND)["sum"] == (0.0, "EXPIRED")


def test_the_same_run_again_writes_the_same(store: fs.FeatureStore, arrivals: Arrivals) -> None:
    for hour in range(5):
        arrivals.add("A", NOON - hour * HOUR, 0.1 * hour)
    store.apply([load(arrivals)])
    answers = []
    for _ in range(2):
        store.materialize(end=NOON)
        answers.append(store.get_online_features("load", [{"tailnum": "A"}], now=NOON).to_arrow())
    assert answers[0].equals(answers[1])


def test_a_changed_window_is_a_new_version(store: fs.FeatureStore, arrivals: Arrivals) -> None:
    arrivals.add("A", NOON - 2 * HOUR, 1.0)
    store.apply([load(arrivals, SUM)])
    store.materialize(end=NOON)
    wider = fs.Aggregation("delay", "sum", "1h", name="sum")
    assert "load@2" in str(store.apply([load(arrivals, wider)]))
    assert served(store, "A", NOON)["sum"] == (1.0, "PRESENT")
    store.materialize(end=NOON)
    assert served(store, "A", NOON)["sum"] == (0.0, "PRESENT")
    old = store.get_online_features("load@1", [{"tailnum": "A"}], now=NOON)
    assert old.to_dicts()[0]["sum"] == 1.0


def test_a_service_of_features_and_aggregations(store: fs.FeatureStore, arrivals: Arrivals) -> None:
    arrivals.add("A", NOON, 1.5)
    service = fs.FeatureService("model", features=[arrivals.view(), load(arrivals)])
    store.apply([service])
    store.materialize(end=NOON)
    [row] = store.get_online_features("model", [{"tailnum": "A"}], now=NOON).to_dicts()
    assert row == {"tailnum": "A", "delay": 1.5, "sum": 1.5, "count": 1, "max": 1.5}
    asked = [{"tailnum": "A", "event_timestamp": NOON}]
    [offline] = store.get_historical_features(asked, "model").to_arrow().to_pylist()
    assert {name: offline[name] for name in row} == row


def test_a_process_without_the_code_serves_by_name(open_store: Open, arrivals: Arrivals, engine: str) -> None:
    arrivals.add("A", NOON, 1.0)
    open_store(engine).apply([load(arrivals)])
    other = open_store(engine)
    other.materialize(end=NOON)
    assert served(other, "A", NOON)["sum"] == (1.0, "PRESENT")


def test_the_object_given_is_the_registered_one_though_its_types_are_open(
    store: fs.FeatureStore, arrivals: Arrivals
) -> None:
    arrivals.add("A", NOON, 1.0)
    view = load(arrivals)
    store.apply([view])
    store.materialize(end=NOON)
    assert store.get_online_features(view, [{"tailnum": "A"}], now=NOON).to_dicts()[0]["sum"] == 1.0
    assert store.plan([view]).changes == ()
    changed = load(arrivals, fs.Aggregation("delay", "sum", "2h", name="sum"))
    with pytest.raises(RequestError, match="differs from version 1, which is registered"):
        store.get_online_features(changed, [{"tailnum": "A"}], now=NOON)


def test_the_plan_is_explained(store: fs.FeatureStore, arrivals: Arrivals) -> None:
    arrivals.add("A", NOON, 1.0)
    view = load(arrivals, fs.Aggregation("delay", "sum", "6h", where="delay > 15"))
    text = store.get_historical_features([{"tailnum": "A", "event_timestamp": NOON}], view).explain()
    assert "windows up to 6h" in text
    assert "rows marked where delay > 15" in text
    assert "binary search" in text


def test_the_leak_detector_looks_at_aggregations(store: fs.FeatureStore, arrivals: Arrivals) -> None:
    for hour in range(6):
        arrivals.add("A", NOON + hour * HOUR, float(hour))
    assert store.check_leakage(load(arrivals), samples=4).clean
    sql = "SELECT * REPLACE (max(delay) OVER () AS delay) FROM {source}"
    report = store.check_leakage(load(arrivals, SUM, sql=sql, trusted=True), samples=4)
    assert not report.clean
    assert {leak.feature for leak in report.leaks} == {"sum"}
