"""Statistics of runs and training sets, recorded as the rows stream by, and merged over time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pyarrow as pa
import pytest

import featurestore as fs
from featurestore.engines.duckdb.engine import DuckDBEngine
from featurestore.engines.polars.engine import PolarsEngine
from featurestore.errors import NotFoundError, RequestError
from featurestore.statistics.profile import Profile
from tests.store.conftest import HOUR, NOON, Arrivals


@pytest.fixture
def filled(store: fs.FeatureStore, arrivals: Arrivals) -> fs.FeatureStore:
    """Planes A and B known at 9:00, C at 10:30, B again at 11:00; runs at 10:00, 11:00 and, of all, 12:00."""
    for tail, hours, delay in (("A", 3.0, 5.0), ("B", 3.0, None), ("C", 1.5, 1.0), ("B", 1.0, 9.0)):
        arrivals.add(tail, NOON - hours * HOUR, delay)
    store.apply([arrivals.view()])
    store.materialize(end=NOON - 2 * HOUR)
    store.materialize_incremental(end=NOON - HOUR, overlap=0 * HOUR)
    store.materialize(end=NOON)
    return store


def told(profile: Profile) -> dict[str, Any]:
    delay = profile["delay"]
    return {
        "rows": profile.rows, "nulls": delay.nulls, "min": delay.minimum, "max": delay.maximum,
        "total": delay.total, "first": profile.first_event, "last": profile.last_event,
    }  # fmt: skip


def expected(rows: int, nulls: int, values: list[float], first: float, last: float) -> dict[str, Any]:
    return {
        "rows": rows, "nulls": nulls, "min": min(values), "max": max(values), "total": sum(values),
        "first": NOON - first * HOUR, "last": NOON - last * HOUR,
    }  # fmt: skip


def test_each_run_records_what_it_wrote(filled: fs.FeatureStore) -> None:
    first, second, third = filled.get_run_statistics("punctuality")
    assert told(first.profile) == expected(2, 1, [5.0], 3, 3)
    assert told(second.profile) == expected(2, 0, [1.0, 9.0], 1.5, 1)
    assert told(third.profile) == expected(3, 0, [5.0, 1.0, 9.0], 3, 1)
    assert [each.run.number for each in (first, second, third)] == [1, 2, 3]
    assert [each.run.rows for each in (first, second, third)] == [2, 2, 3]


def test_runs_are_merged_over_time(filled: fs.FeatureStore) -> None:
    assert told(filled.get_statistics("punctuality")) == expected(7, 1, [5.0, 1.0, 9.0, 5.0, 1.0, 9.0], 3, 1)
    assert told(filled.get_statistics("punctuality@1", until=NOON - HOUR)) == expected(4, 1, [5, 1, 9], 3, 1)
    assert told(filled.get_statistics("punctuality:delay", since=NOON - HOUR))["rows"] == 3
    assert told(filled.get_statistics("punctuality", run=2)) == expected(2, 0, [1.0, 9.0], 1.5, 1)


def test_a_version_without_statistics(filled: fs.FeatureStore, arrivals: Arrivals) -> None:
    filled.apply([arrivals.view(ttl=HOUR)])
    with pytest.raises(NotFoundError, match="No run of view 'punctuality@2' has left statistics"):
        filled.get_statistics("punctuality@2")
    with pytest.raises(NotFoundError, match="No run in that time of view"):
        filled.get_statistics("punctuality", since=NOON)
    with pytest.raises(NotFoundError, match="'delays' was not found"):
        filled.get_statistics("punctuality:delays")
    assert filled.get_run_statistics("punctuality@2") == []
    assert filled.get_statistics("punctuality").rows == 7


def test_a_run_that_fails_leaves_none(
    filled: fs.FeatureStore, arrivals: Arrivals, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(type(filled.project.online), "write", fail)
    with pytest.raises(OSError, match="the disk is full"):
        filled.materialize(end=NOON)
    assert len(filled.get_run_statistics("punctuality")) == 3


def test_aggregations_are_profiled_as_they_are_served(store: fs.FeatureStore, arrivals: Arrivals) -> None:
    for number in range(30):
        arrivals.add(f"P{number % 5}", NOON - number * HOUR, float(number))
    window = fs.Aggregation("delay", "sum", window="12h", name="total")
    store.apply([arrivals.view(features=[window, fs.Aggregation("*", "count", window="12h", name="n")])])
    store.materialize(end=NOON)
    profile = store.get_statistics("punctuality")
    served = store.get_online_features(
        "punctuality", [{"tailnum": f"P{number}"} for number in range(5)], now=NOON
    ).to_dict()
    assert profile.rows == 5
    assert profile["total"].total == sum(served["total"])
    assert (profile["n"].minimum, profile["n"].maximum) == (min(served["n"]), max(served["n"]))


def rows() -> pa.Table:
    times: list[datetime] = [NOON - hours * HOUR for hours in (4, 2, 1, 0)]
    instant = pa.timestamp("us", "UTC")
    return pa.table(
        {
            "tailnum": ["A", "B", "B", "Z"],
            "event_timestamp": pa.array(times, instant),
            "late": [True, False] * 2,
        }
    )


def test_a_frame_tells_its_profile(filled: fs.FeatureStore) -> None:
    frame = filled.get_historical_features(rows(), "punctuality")
    profile = frame.profile(slices=["late"], minimum_group=2)
    assert told(profile) == {**expected(4, 3, [9.0], 4, 0)}
    assert {each.value: (each.profile.rows, each.profile["delay"].nulls) for each in profile.slices} == {
        True: (2, 1), False: (2, 2),
    }  # fmt: skip
    with pytest.raises(NotFoundError, match="Column 'latte' was not found"):
        frame.profile(slices=["latte"])
    with pytest.raises(RequestError, match="delay, which is float64"):
        frame.profile(slices=["delay"])


def test_naive_times_of_a_frame_are_of_its_zone(filled: fs.FeatureStore) -> None:
    naive = rows().set_column(1, "event_timestamp", rows()["event_timestamp"].cast(pa.timestamp("us")))
    frame = filled.get_historical_features(naive, "punctuality", timezone="America/New_York")
    assert frame.profile().last_event == NOON + 4 * HOUR


@pytest.mark.parametrize("split", [None, {"train": 0.5, "test": 0.5}])
def test_training_sets_record_their_parts_and_the_whole(
    filled: fs.FeatureStore, split: dict[str, float] | None, tmp_path: Any
) -> None:
    made = filled.create_training_set("one", "punctuality", rows(), split=split, folder=tmp_path / "sets")
    assert told(made.profile()) == expected(4, 3, [9.0], 4, 0)
    parts = {part: made.profile(part) for part in made.parts}
    assert {part: profile.rows for part, profile in parts.items()} == {
        part: content.rows for part, content in made.parts.items()
    }
    statistics = made.manifest["statistics"]
    (delay,) = statistics["whole"]["features"]
    assert (delay["rows"], delay["nulls"], delay["mean"]) == (4, 3, 9.0)
    assert {part: each["rows"] for part, each in statistics["parts"].items()} == {
        part: profile.rows for part, profile in parts.items()
    }
    sliced = made.profile(slices=["late"], minimum_group=1)
    assert told(sliced) == told(made.profile())
    assert {each.value: each.profile.rows for each in sliced.slices} == {True: 2, False: 2}
    with pytest.raises(NotFoundError, match="Part 'dev' was not found"):
        made.profile("dev")
    assert made.recreate().same


def test_the_rows_are_read_once(
    filled: fs.FeatureStore, engine: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    calls: list[str] = []
    kind: Any = {"duckdb": DuckDBEngine, "polars": PolarsEngine}[engine]

    def counted(method: str) -> Callable[..., Any]:
        original = getattr(kind, method)

        def call(*given: Any, **named: Any) -> Any:
            calls.append(method)
            return original(*given, **named)

        return call

    for method in ("latest_features", "historical_features"):
        monkeypatch.setattr(kind, method, counted(method))
    filled.materialize(end=NOON)
    filled.create_training_set(
        "one", "punctuality", rows(), split={"a": 0.5, "b": 0.5}, folder=tmp_path / "s"
    )
    filled.training_set("one").profile()
    filled.get_statistics("punctuality")
    assert calls == ["latest_features", "historical_features"]
