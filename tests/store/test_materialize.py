"""Materialization at the facade: rule 8 of the law of time, sentence by sentence, on real stores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import featurestore as fs
from featurestore.errors import InvalidTimeError, NotMaterializedError, RequestError
from tests.store.conftest import HOUR, MICROSECOND, NOON, Arrivals, online_values

Open = Callable[..., fs.FeatureStore]


def test_online_is_what_was_latest_and_visible(store: fs.FeatureStore, arrivals: Arrivals) -> None:
    arrivals.add("A", NOON - HOUR, 1.0)
    arrivals.add("A", NOON, 2.0)
    arrivals.add("A", NOON + MICROSECOND, 3.0)
    arrivals.add("B", NOON, None)
    store.apply([arrivals.view()])
    [report] = store.materialize(end=NOON)
    assert (report.view, report.version, report.rows, report.end) == ("punctuality", 1, 2, NOON)
    assert online_values(store, ["A", "B", "C"], NOON) == [2.0, "NULL", "NOT_FOUND"]


def test_ttl_is_inclusive_online_as_offline(store: fs.FeatureStore, arrivals: Arrivals) -> None:
    arrivals.add("A", NOON, 1.0)
    view = arrivals.view(ttl=HOUR)
    store.apply([view])
    store.materialize(end=NOON + 2 * HOUR)
    for now, expected in [
        (NOON - MICROSECOND, "NOT_FOUND"),
        (NOON, 1.0),
        (NOON + HOUR, 1.0),
        (NOON + HOUR + MICROSECOND, "EXPIRED"),
    ]:
        assert online_values(store, ["A"], now) == [expected]
        rows = [{"tailnum": "A", "event_timestamp": now}]
        offline = store.get_historical_features(rows, view).to_arrow()["delay"].to_pylist()
        assert offline == [expected if isinstance(expected, float) else None]


def test_a_full_run_publishes_corrections_and_removals(store: fs.FeatureStore, arrivals: Arrivals) -> None:
    arrivals.add("A", NOON, 1.0)
    arrivals.add("B", NOON, 1.0)
    store.apply([arrivals.view()])
    store.materialize(end=NOON)
    arrivals.add("A", NOON, 5.0, created=NOON + HOUR)
    arrivals.remove("B")
    store.materialize(end=NOON)
    assert online_values(store, ["A", "B"], NOON) == [5.0, "NOT_FOUND"]


def test_incremental_sees_late_rows_and_corrections(store: fs.FeatureStore, arrivals: Arrivals) -> None:
    arrivals.add("A", NOON, 1.0)
    arrivals.add("B", NOON - HOUR, 1.0)
    arrivals.add("C", NOON - HOUR, 1.0)
    store.apply([arrivals.view()])
    store.materialize(end=NOON)
    now = datetime.now(UTC)
    arrivals.add("A", NOON, 7.0, created=now)  # a correction at the same event timestamp
    arrivals.add("C", NOON - HOUR / 2, 8.0, created=now)  # a late row within an interval already loaded
    arrivals.add("D", NOON + HOUR, 9.0)  # a row that the clock has reached
    [report] = store.materialize_incremental(end=NOON + 2 * HOUR, overlap=timedelta(minutes=5))
    assert online_values(store, ["A", "B", "C", "D"], NOON + 2 * HOUR) == [7.0, 1.0, 8.0, 9.0]
    assert report.rows == 3  # B cannot have changed


def test_incremental_runs_for_instants_of_the_past_see_corrections_of_that_time(
    store: fs.FeatureStore, arrivals: Arrivals
) -> None:
    """A replay: the source grows as it did then, long before the clocks of the runs."""
    arrivals.add("A", NOON, 1.0)
    arrivals.add("B", NOON, 1.0)
    store.apply([arrivals.view()])
    store.materialize(end=NOON)
    arrivals.add("A", NOON, 7.0, created=NOON + HOUR)
    store.materialize_incremental(end=NOON + 2 * HOUR)
    assert online_values(store, ["A", "B"], NOON + 2 * HOUR) == [7.0, 1.0]


def test_incremental_without_created_looks_at_everything(store: fs.FeatureStore, arrivals: Arrivals) -> None:
    source = fs.ParquetSource("plain", path=str(arrivals.path), event_timestamp="arrived_at")
    arrivals.add("A", NOON, 1.0)
    store.apply([arrivals.view(source=source)])
    store.materialize(end=NOON)
    arrivals.add("B", NOON - HOUR, 2.0)
    store.materialize_incremental(end=NOON)
    assert online_values(store, ["A", "B"], NOON) == [1.0, 2.0]


def test_the_first_incremental_run_is_a_full_one(store: fs.FeatureStore, arrivals: Arrivals) -> None:
    arrivals.add("A", NOON, 1.0)
    store.apply([arrivals.view()])
    [report] = store.materialize_incremental(end=NOON)
    assert report.kind == "full"
    assert online_values(store, ["A"], NOON) == [1.0]


def test_the_end_may_not_be_before_the_watermark_or_after_the_clock(
    store: fs.FeatureStore, arrivals: Arrivals
) -> None:
    arrivals.add("A", NOON, 1.0)
    store.apply([arrivals.view()])
    store.materialize(end=NOON)
    for run in (store.materialize, store.materialize_incremental):
        with pytest.raises(InvalidTimeError, match="punctuality"):
            run(end=NOON - MICROSECOND)
        with pytest.raises(InvalidTimeError, match="later than the clock"):
            run(end=datetime.now(UTC) + HOUR)
    assert online_values(store, ["A"], NOON) == [1.0]


def test_delay_and_schedule_hold_online(store: fs.FeatureStore, arrivals: Arrivals) -> None:
    arrivals.add("A", NOON - HOUR, 1.0)
    arrivals.add("A", NOON + timedelta(minutes=10), 2.0)
    delayed = arrivals.view(
        source=fs.ParquetSource(
            "delayed", path=str(arrivals.path), event_timestamp="arrived_at", delay=timedelta(minutes=5)
        )
    )
    hourly = arrivals.view(name="hourly", schedule=fs.Schedule(every=HOUR))
    store.apply([delayed, hourly])
    for minutes, by_delay, by_grid in [
        (10, 1.0, 1.0),
        (14, 1.0, 1.0),
        (15, 2.0, 1.0),
        (59, 2.0, 1.0),
        (60, 2.0, 2.0),
    ]:
        end = NOON + timedelta(minutes=minutes)
        store.materialize(end=end)
        assert online_values(store, ["A"], end) == [by_delay]
        assert online_values(store, ["A"], end, "hourly") == [by_grid]


def test_a_new_version_serves_once_it_is_filled(open_store: Open, arrivals: Arrivals, engine: str) -> None:
    arrivals.add("A", NOON, 1.0)
    store = open_store(engine)
    store.apply([arrivals.view()])
    store.materialize(end=NOON)
    serving = open_store(engine)
    assert online_values(serving, ["A"], NOON + HOUR) == [1.0]
    changed = arrivals.view(ttl=timedelta(minutes=1))
    plan = store.apply([changed])
    assert [(p.change.name, p.change.version) for p in plan.changes] == [("punctuality", 2)]
    assert online_values(store, ["A"], NOON + HOUR) == [1.0]
    with pytest.raises(RequestError, match="differs from version 1"):
        online_values(store, ["A"], NOON, changed)
    store.materialize(end=NOON)
    assert online_values(store, ["A"], NOON + HOUR) == ["EXPIRED"]
    assert online_values(store, ["A"], NOON + HOUR, "punctuality@1") == [1.0]


def test_another_process_sees_a_new_generation_at_its_next_refresh(
    open_store: Open, arrivals: Arrivals
) -> None:
    arrivals.add("A", NOON, 1.0)
    store, serving = open_store(), open_store()
    store.apply([arrivals.view()])
    store.materialize(end=NOON)
    assert online_values(serving, ["A"], NOON) == [1.0]
    arrivals.add("A", NOON, 2.0, created=NOON + HOUR)
    store.materialize(end=NOON)
    assert online_values(serving, ["A"], NOON) == [1.0]  # the replaced generation stays readable meanwhile
    serving._reader.forget()
    assert online_values(serving, ["A"], NOON) == [2.0]


def test_projects_do_not_reach_each_other(open_store: Open, arrivals: Arrivals) -> None:
    arrivals.add("A", NOON, 1.0)
    first, second = open_store(project="p"), open_store(project="xp")
    for each in (first, second):
        each.apply([arrivals.view()])
        each.materialize(end=NOON)
    first.delete_online("punctuality", [{"tailnum": "A"}])
    first.retire(["punctuality"])
    assert online_values(second, ["A"], NOON) == [1.0]


def test_deletion_is_not_remembered(store: fs.FeatureStore, arrivals: Arrivals) -> None:
    arrivals.add("A", NOON, 1.0)
    arrivals.add("B", NOON, 1.0)
    store.apply([arrivals.view()])
    store.materialize(end=NOON)
    store.delete_online("punctuality", {"tailnum": ["A", "unknown"]})
    assert online_values(store, ["A", "B"], NOON) == ["NOT_FOUND", 1.0]
    store.materialize(end=NOON)
    assert online_values(store, ["A", "B"], NOON) == [1.0, 1.0]


def test_reading_before_anything_is_published(store: fs.FeatureStore, arrivals: Arrivals) -> None:
    store.apply([arrivals.view()])
    with pytest.raises(NotMaterializedError, match="materialize"):
        online_values(store, ["A"], NOON)


def test_global_and_two_key_views_in_one_request(store: fs.FeatureStore, arrivals: Arrivals) -> None:
    arrivals.add("A", NOON, 1.0)
    arrivals.add("B", NOON + HOUR, 2.0)
    everywhere = arrivals.view(
        name="everywhere", entities=[], features=[fs.Feature("last", fs.Float64, column="delay")]
    )
    store.apply([arrivals.view(), everywhere])
    store.materialize(end=NOON + HOUR)
    rows = [{"tailnum": "A"}, {"tailnum": None}, {"tailnum": "Z"}]
    answer = store.get_online_features(["punctuality", "everywhere"], rows, now=NOON + HOUR)
    assert answer.to_dict() == {
        "tailnum": ["A", None, "Z"],
        "delay": [1.0, None, None],
        "last": [2.0, 2.0, 2.0],
    }
    assert [s.value for s in answer.statuses["delay"]] == ["PRESENT", "NOT_FOUND", "NOT_FOUND"]
    assert answer.event_timestamps == {"punctuality": [NOON, None, None], "everywhere": [NOON + HOUR] * 3}


async def test_async_reads_give_the_same(store: fs.FeatureStore, arrivals: Arrivals) -> None:
    arrivals.add("A", NOON, 1.0)
    store.apply([arrivals.view()])
    store.materialize(end=NOON)
    rows = [{"tailnum": "A"}, {"tailnum": "B"}]
    answer = await store.get_online_features_async("punctuality", rows, now=NOON)
    assert answer.to_dicts() == store.get_online_features("punctuality", rows, now=NOON).to_dicts()
    assert answer.to_dicts() == [{"tailnum": "A", "delay": 1.0}, {"tailnum": "B", "delay": None}]


def test_rows_are_written_in_small_parts_at_a_rate(
    store: fs.FeatureStore, arrivals: Arrivals, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(50):
        arrivals.add(f"N{number}", NOON, float(number))
    store.apply([arrivals.view()])
    parts, write = [], type(store.project.online).write

    def counted(online: Any, *, keys: Sequence[bytes], **others: Any) -> None:
        parts.append(len(keys))
        write(online, keys=keys, **others)

    monkeypatch.setattr(type(store.project.online), "write", counted)
    [report] = store.materialize(end=NOON, max_rows_per_second=2_000)
    assert (report.rows, parts) == (50, [1, 20, 20, 10, 1])  # the mark of the generation, before and after
    assert online_values(store, ["N0", "N49"], NOON) == [0.0, 49.0]


def test_rate_that_is_none_is_refused_before_anything_begins(
    store: fs.FeatureStore, arrivals: Arrivals
) -> None:
    arrivals.add("A", NOON, 1.0)
    store.apply([arrivals.view()])
    for run in (store.materialize, store.materialize_incremental):
        with pytest.raises(RequestError, match="above 0"):
            run(end=NOON, max_rows_per_second=0)
    assert store.project.registry.runs(project=store.project.name, view="punctuality") == []
