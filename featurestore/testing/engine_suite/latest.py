"""`latest_features`: every entity's row at an instant, some entities' rows, changed entities' rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa

from featurestore.definitions.schedule import Schedule
from featurestore.definitions.types import Float64, Int64, String
from featurestore.definitions.view import FeatureView
from featurestore.protocols.offline import CREATED_COLUMN, EVENT_COLUMN, Changes, OfflineEngine
from featurestore.testing.compare import by_key, exact
from featurestore.testing.engine_suite.base import DAY, HOUR, MICROSECOND, MINUTE, NOON, make_view, rows
from featurestore.testing.oracle import entity_instant
from featurestore.testing.plans import key_table, plan_view, run_latest

FULL = ("k", "at", "made", "x")


def micros(time: datetime) -> int:
    instant = entity_instant(time)
    assert instant is not None
    return instant


def latest(
    engine: OfflineEngine,
    view: FeatureView,
    time: datetime,
    *,
    since: datetime | None = None,
    known_after: datetime | None = None,
    keys: Sequence[Any] | None = None,
    as_of: datetime | None = None,
) -> dict[Any, Any]:
    """Key to value of a view of one key ``k`` and one feature ``x``."""
    plan = plan_view(view, as_of=as_of)
    changes = None if since is None else Changes(micros(since), micros(known_after or since + 10_000 * DAY))
    asked = None if keys is None else key_table(plan, [{"k": key} for key in keys])
    found = run_latest(engine, plan, at=micros(time), changes=changes, keys=asked).to_pylist()
    assert len({row["k"] for row in found}) == len(found), "an entity comes twice"
    return {row["k"]: row["x"] for row in found}


class LatestCases:
    """One row per entity that has a visible row."""

    def test_every_entity_with_a_visible_row(self, engine: OfflineEngine) -> None:
        data = rows((1, NOON, 1), (1, NOON - HOUR, 9), (2, NOON + HOUR, 2), (3, NOON, None), (None, NOON, 4))
        assert latest(engine, make_view(data), NOON) == {1: 1, 3: None}

    def test_columns_and_instants(self, engine: OfflineEngine) -> None:
        data = rows((1, NOON, None, 1), (2, NOON, NOON + HOUR, 2), columns=FULL)
        found = by_key(
            run_latest(engine, plan_view(make_view(data, created_timestamp="made")), at=micros(NOON)), ["k"]
        )
        assert next(iter(found.values())).keys() == {"k", EVENT_COLUMN, CREATED_COLUMN, "x"}
        assert {row["k"]: row[CREATED_COLUMN] for row in found.values()} == {1: None, 2: micros(NOON + HOUR)}
        assert {row[EVENT_COLUMN] for row in found.values()} == {micros(NOON)}

    def test_created_is_null_without_such_a_column(self, engine: OfflineEngine) -> None:
        found = run_latest(engine, plan_view(make_view(rows((1, NOON, 1)))), at=micros(NOON))
        assert found.column(CREATED_COLUMN).to_pylist() == [None]

    def test_the_ttl_is_not_applied(self, engine: OfflineEngine) -> None:
        assert latest(engine, make_view(rows((1, NOON, 1)), ttl=MICROSECOND), NOON + DAY) == {1: 1}

    def test_the_grid_delay_and_available_at_are(self, engine: OfflineEngine) -> None:
        view = make_view(
            rows((1, NOON, 1), (1, NOON + HOUR, 2)), schedule=Schedule(HOUR, lag=MINUTE), delay=HOUR
        )
        assert latest(engine, view, NOON + HOUR) == {}
        assert latest(engine, view, NOON + HOUR + MINUTE) == {1: 1}
        data = rows((1, NOON, NOON, 1), (1, NOON, NOON + HOUR, 2), columns=FULL)
        assert latest(engine, make_view(data, available_at="made"), NOON + HOUR - MICROSECOND) == {1: 1}

    def test_ties_and_created(self, engine: OfflineEngine) -> None:
        data = rows(
            (1, NOON, NOON, 5), (1, NOON, NOON, 7), (1, NOON, None, 9), (1, NOON, NOON, 6), columns=FULL
        )
        for turned in (data, data[::-1]):
            assert latest(engine, make_view(turned, created_timestamp="made"), NOON) == {1: 7}

    def test_corrections(self, engine: OfflineEngine) -> None:
        columns = ("k", "at", "id", "made", "x")
        data = rows((1, NOON, 5, NOON, 1), (1, NOON - HOUR, 5, NOON + HOUR, 2), columns=columns)
        assert latest(engine, make_view(data, created_timestamp="made", event_id="id"), NOON) == {1: 2}

    def test_as_of(self, engine: OfflineEngine) -> None:
        data = rows((1, NOON, NOON, 1), (1, NOON, NOON + HOUR, 2), (2, NOON, None, 3), columns=FULL)
        view = make_view(data, created_timestamp="made")
        assert latest(engine, view, NOON, as_of=NOON) == {1: 1}

    def test_a_view_without_entities(self, engine: OfflineEngine) -> None:
        view = make_view(rows((NOON, 1), (NOON + HOUR, 2), columns=("at", "x")), keys={})
        plan = plan_view(view)
        assert run_latest(engine, plan, at=micros(NOON)).column("x").to_pylist() == [1]
        assert run_latest(engine, plan, at=micros(NOON - HOUR)).num_rows == 0

    def test_an_empty_source(self, engine: OfflineEngine) -> None:
        view = make_view(rows((1, NOON, 1)))
        empty = make_view(view.source.data.slice(0, 0))
        assert latest(engine, empty, NOON) == {}

    def test_only_the_requested_features_but_ties_by_all(self, engine: OfflineEngine) -> None:
        data = rows((1, NOON, 1, "z"), (1, NOON, 2, "a"), columns=("k", "at", "a", "b"))
        plan = plan_view(make_view(data, features={"a": Int64, "b": String}), features=["b"])
        assert run_latest(engine, plan, at=micros(NOON)).column("b").to_pylist() == ["a"]

    def test_some_keys(self, engine: OfflineEngine) -> None:
        view = make_view(rows((1, NOON, 1), (2, NOON, 2), (3, NOON, 3), (4, NOON + HOUR, 4), (None, NOON, 5)))
        assert latest(engine, view, NOON, keys=[3, 1, 3, 9, None, 4]) == {1: 1, 3: 3}
        assert latest(engine, view, NOON, keys=[]) == {}

    def test_some_composite_keys(self, engine: OfflineEngine) -> None:
        columns = ("a", "b", "at", "x")
        data = rows(("1", "23", NOON, 1), ("12", "3", NOON, 2), ("1", "3", NOON, 3), columns=columns)
        plan = plan_view(make_view(data, keys={"a": String, "b": String}))
        keys = key_table(plan, [{"a": "12", "b": "3"}, {"a": "1", "b": None}, {"a": "12", "b": "23"}])
        assert run_latest(engine, plan, at=micros(NOON), keys=keys).column("x").to_pylist() == [2]

    def test_changes_by_time(self, engine: OfflineEngine) -> None:
        data = rows(
            (1, NOON, 1), (2, NOON + MICROSECOND, 2), (3, NOON + HOUR, 3), (3, NOON, 9), (4, NOON + DAY, 4)
        )
        assert latest(engine, make_view(data), NOON + HOUR, since=NOON) == {2: 2, 3: 3}

    def test_changes_by_time_give_the_latest_row_of_the_entity(self, engine: OfflineEngine) -> None:
        data = rows(
            (1, NOON + MINUTE, NOON + DAY, 1), (1, NOON, NOON + MINUTE, 3), (1, NOON, NOON, 2), columns=FULL
        )
        view = make_view(data, available_at="made")
        assert latest(engine, view, NOON + HOUR, since=NOON) == {1: 3}

    def test_changes_count_from_the_effective_time(self, engine: OfflineEngine) -> None:
        view = make_view(rows((1, NOON + MINUTE, 1), (2, NOON, 2)), schedule=Schedule(HOUR))
        since = NOON + 2 * MINUTE
        assert latest(engine, view, NOON + HOUR, since=since) == {1: 1}
        assert latest(engine, view, NOON + HOUR - MICROSECOND, since=since) == {}

    def test_changes_with_a_delay(self, engine: OfflineEngine) -> None:
        view = make_view(rows((1, NOON - HOUR, 1), (2, NOON - HOUR + MICROSECOND, 2)), delay=HOUR)
        assert latest(engine, view, NOON + DAY, since=NOON) == {2: 2}

    def test_changes_by_created(self, engine: OfflineEngine) -> None:
        data = rows(
            (1, NOON - DAY, NOON, 1),
            (2, NOON - DAY, NOON + MICROSECOND, 2),
            (3, NOON - DAY, None, 3),
            columns=FULL,
        )
        view = make_view(data, created_timestamp="made")
        assert latest(engine, view, NOON, since=NOON, known_after=NOON) == {2: 2, 3: 3}

    def test_changes_by_available(self, engine: OfflineEngine) -> None:
        data = rows(
            (1, NOON - DAY, NOON - DAY, 1), (2, NOON - DAY, NOON - DAY + MICROSECOND, 2), columns=FULL
        )
        view = make_view(data, available_at="made")
        assert latest(engine, view, NOON, since=NOON, known_after=NOON - DAY) == {2: 2}

    def test_rows_that_are_never_visible_change_nothing(self, engine: OfflineEngine) -> None:
        known = (1, NOON - HOUR, NOON - HOUR, NOON - HOUR, 1)
        never = (1, NOON - MINUTE, NOON, None, 2)
        timeless = (1, None, NOON, NOON, 3)
        data = rows(known, never, timeless, columns=("k", "at", "made", "known", "x"))
        view = make_view(data, created_timestamp="made", available_at="known")
        assert latest(engine, view, NOON, since=NOON - MINUTE, known_after=NOON - MINUTE) == {}

    def test_changes_united_with_keys(self, engine: OfflineEngine) -> None:
        view = make_view(rows((1, NOON, 1), (2, NOON + MINUTE, 2), (3, NOON, 3)))
        assert latest(engine, view, NOON + HOUR, since=NOON, keys=[3, 2, 9]) == {2: 2, 3: 3}
        assert latest(engine, view, NOON + HOUR, since=NOON, keys=[]) == {2: 2}

    def test_many_entities_come_once_each(self, engine: OfflineEngine) -> None:
        count = 200_000
        table = pa.table({
            "k": pa.array([i % count for i in range(count + 1000)]), "at": pa.array([NOON] * (count + 1000)),
            "x": pa.array(range(count + 1000)),
        })  # fmt: skip
        found = run_latest(engine, plan_view(make_view(table)), at=micros(NOON)).sort_by("k")
        assert found.column("k").to_pylist() == list(range(count))
        assert found.column("x").to_pylist() == [*range(count, count + 1000), *range(1000, count)]

    def test_values_keep_their_bits(self, engine: OfflineEngine) -> None:
        view = make_view(
            rows((1, NOON, -0.0), (2, NOON, float("nan")), (3, NOON, None)), features={"x": Float64}
        )
        found = latest(engine, view, NOON)
        assert {k: exact(v) for k, v in found.items()} == {
            1: exact(-0.0),
            2: exact(float("nan")),
            3: exact(None),
        }
