"""Pushes and how they meet materializations (rule 8), on real stores."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import featurestore as fs
from featurestore.errors import EntityDataError, InvalidTimeError, NotMaterializedError, RequestError
from tests.store.conftest import HOUR, MICROSECOND, NOON, Arrivals, online_values


def push(store: fs.FeatureStore, event: datetime, value: float, created: datetime | None = None) -> None:
    row = {"tailnum": "A", "arrived_at": event, "delay": value, "loaded_at": created}
    store.push("punctuality", [row])


@pytest.fixture
def served(store: fs.FeatureStore, arrivals: Arrivals) -> fs.FeatureStore:
    arrivals.add("A", NOON, 1.0)
    store.apply([arrivals.view()])
    store.materialize(end=NOON)
    return store


def test_the_newest_event_wins_in_whatever_order(served: fs.FeatureStore) -> None:
    push(served, NOON + 2 * HOUR, 3.0)
    push(served, NOON + HOUR, 2.0)
    assert online_values(served, ["A"], NOON + 3 * HOUR) == [3.0]


def test_an_older_push_never_replaces_a_materialized_row(served: fs.FeatureStore) -> None:
    push(served, NOON - MICROSECOND, 9.0)
    push(served, NOON, 9.0)  # at an equal event timestamp the materialized row stays
    assert online_values(served, ["A"], NOON) == [1.0]


def test_created_breaks_ties_between_pushes(served: fs.FeatureStore) -> None:
    push(served, NOON + HOUR, 2.0, created=NOON + 2 * HOUR)
    push(served, NOON + HOUR, 3.0, created=NOON + HOUR)
    assert online_values(served, ["A"], NOON + HOUR) == [2.0]


def test_of_several_rows_in_one_push_the_newest_stays(served: fs.FeatureStore) -> None:
    events = [NOON + HOUR, NOON + 3 * HOUR, NOON + 2 * HOUR]
    rows = {"tailnum": ["A"] * 3, "arrived_at": events, "delay": [1.5, 3.5, 2.5]}
    served.push("punctuality", rows)
    assert online_values(served, ["A"], NOON + 3 * HOUR) == [3.5]


@pytest.mark.parametrize("form", [pa.table, pa.Table.to_pylist])
def test_naive_times_of_a_push_are_of_the_zone_of_the_source(
    form: Any, store: fs.FeatureStore, tmp_path: Path
) -> None:
    def rows(hour: int) -> pa.Table:
        noon, seen = datetime(2024, 7, 1, 12), datetime(2024, 7, 1, hour)
        columns = {"at": noon, "key": noon, "seen": seen, "all_seen": [seen]}
        return pa.table({name: pa.array([value]) for name, value in columns.items()})

    pq.write_table(rows(11), tmp_path / "seen.parquet")
    source = fs.ParquetSource(
        "seen", path=str(tmp_path / "seen.parquet"), event_timestamp="at", timezone="Europe/Berlin"
    )
    view = fs.FeatureView(
        "seen", entities=[fs.Entity("moment", join_keys={"key": fs.Timestamp})], source=source,
        features=[fs.Feature("seen", fs.Timestamp), fs.Feature("all_seen", fs.List(fs.Timestamp))],
    )  # fmt: skip
    store.apply([view])
    store.materialize()
    key = [{"key": datetime(2024, 7, 1, 10, tzinfo=UTC)}]
    (materialized,) = store.get_online_features("seen", key).to_dicts()
    assert materialized["seen"] == datetime(2024, 7, 1, 9, tzinfo=UTC)
    pushed = rows(12).set_column(0, "at", pa.array([datetime(2024, 7, 1, 13)]))
    store.push("seen", pushed if form is pa.table else form(pushed))
    (found,) = store.get_online_features("seen", key).to_dicts()
    assert found["seen"] == datetime(2024, 7, 1, 10, tzinfo=UTC)
    assert found["all_seen"] == [found["seen"]]


def test_times_with_and_without_a_zone_are_not_guessed(served: fs.FeatureStore) -> None:
    rows = [{"tailnum": "A", "arrived_at": at, "delay": 1.0} for at in (NOON, datetime(2024, 5, 1, 12))]
    for given in (rows, rows[::-1], pd.DataFrame(rows)):
        with pytest.raises(EntityDataError, match="'arrived_at' mixes times with and without"):
            served.push("punctuality", given)
    served.push("punctuality", pd.DataFrame(rows).iloc[:1])


def test_a_pushed_row_that_the_source_confirms_or_denies(served: fs.FeatureStore, arrivals: Arrivals) -> None:
    push(served, NOON + HOUR, 2.0)
    served.push("punctuality", [{"tailnum": "ghost", "arrived_at": NOON, "delay": 5.0}])
    assert online_values(served, ["A", "ghost"], NOON + HOUR) == [2.0, 5.0]
    for run in (served.materialize_incremental, served.materialize):
        run(end=NOON + 2 * HOUR)
        assert online_values(served, ["A", "ghost"], NOON + 2 * HOUR) == [1.0, "NOT_FOUND"]
        push(served, NOON + HOUR, 2.0)
        served.push("punctuality", [{"tailnum": "ghost", "arrived_at": NOON, "delay": 5.0}])


def test_a_pushed_row_later_than_the_end_survives(served: fs.FeatureStore) -> None:
    push(served, NOON + 2 * HOUR, 2.0)
    served.push("punctuality", [{"tailnum": "new", "arrived_at": NOON + 2 * HOUR, "delay": 5.0}])
    for run in (served.materialize_incremental, served.materialize):
        run(end=NOON + HOUR)
        assert online_values(served, ["A", "new"], NOON + 2 * HOUR) == [2.0, 5.0]


def test_a_row_that_is_pushed_while_a_run_is_on_survives(
    served: fs.FeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    online = served.project.online
    write = online.write

    def write_after_a_push(**arguments: object) -> None:
        monkeypatch.setattr(online, "write", write)
        push(served, NOON + HOUR, 4.0)
        served.push("punctuality", [{"tailnum": "new", "arrived_at": NOON + HOUR, "delay": 5.0}])
        write(**arguments)  # type: ignore[arg-type]

    for run in (served.materialize, served.materialize_incremental):
        monkeypatch.setattr(online, "write", write_after_a_push)
        run(end=NOON + 2 * HOUR)
        assert online_values(served, ["A", "new"], NOON + 2 * HOUR) == [4.0, 5.0]
        served.delete_online("punctuality", [{"tailnum": "new"}])


def test_pushes_that_mean_nothing_are_refused(served: fs.FeatureStore, arrivals: Arrivals) -> None:
    with pytest.raises(InvalidTimeError, match="later than the clock"):
        push(served, datetime.now(UTC) + HOUR, 1.0)
    with pytest.raises(EntityDataError, match="null in 'tailnum'"):
        served.push("punctuality", [{"tailnum": None, "arrived_at": NOON, "delay": 1.0}])
    with pytest.raises(EntityDataError, match="needs column 'delay'"):
        served.push("punctuality", [{"tailnum": "A", "arrived_at": NOON}])
    with pytest.raises(EntityDataError, match=r"(?s)'delay'.*Convert the column to float64 first"):
        served.push("punctuality", pa.table({"tailnum": ["A"], "arrived_at": [NOON], "delay": ["late"]}))
    with pytest.raises(EntityDataError, match="delay"):
        served.push("punctuality", [{"tailnum": "A", "arrived_at": NOON, "delay": "late"}])
    with pytest.raises(EntityDataError, match="needs column 'tailnum'"):
        served.push("punctuality", [{}])
    served.push("punctuality", [])  # nothing to do, as for an empty frame
    with pytest.raises(EntityDataError, match="'tailnum': expected string, found int64"):
        served.push("punctuality", [{"tailnum": 5, "arrived_at": NOON, "delay": 1.0}])
    hourly = arrivals.view(name="hourly", schedule=fs.Schedule(every=HOUR))
    delayed = arrivals.view(
        name="delayed",
        source=fs.ParquetSource(
            "delayed", path=str(arrivals.path), event_timestamp="arrived_at", delay=timedelta(minutes=1)
        ),
    )
    fresh = arrivals.view(name="fresh")
    served.apply([hourly, delayed, fresh])
    for name in ("hourly", "delayed"):
        with pytest.raises(RequestError, match="does not take pushes"):
            served.push(name, [{"tailnum": "A", "arrived_at": NOON, "delay": 1.0}])
    with pytest.raises(NotMaterializedError, match="fresh"):
        served.push("fresh", [{"tailnum": "A", "arrived_at": NOON, "delay": 1.0}])
    assert online_values(served, ["A"], NOON) == [1.0]


def test_a_row_that_was_pushed_to_a_run_which_ended_as_the_next_one_began_survives(
    served: fs.FeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = served.project.registry
    begin = registry.begin_run

    def begin_after_another(**arguments: Any) -> object:
        monkeypatch.setattr(registry, "begin_run", begin)
        served.materialize(end=NOON)
        push(served, NOON + 2 * HOUR, 7.0)
        return begin(**arguments)

    monkeypatch.setattr(registry, "begin_run", begin_after_another)
    served.materialize(end=NOON + HOUR)
    assert online_values(served, ["A"], NOON + 2 * HOUR) == [7.0]
