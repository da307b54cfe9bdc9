"""`visible_rows`: which rows of a source are there at an instant."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pyarrow as pa

from featurestore.definitions.schedule import Schedule
from featurestore.definitions.types import Date, String, Timestamp
from featurestore.definitions.view import FeatureView
from featurestore.protocols.offline import (
    CREATED_COLUMN,
    EVENT_COLUMN,
    VISIBLE_COLUMN,
    Changes,
    OfflineEngine,
)
from featurestore.testing.engine_suite.base import (
    DAY,
    HOUR,
    INSTANT,
    MICROSECOND,
    MINUTE,
    NOON,
    make_view,
    rows,
)
from featurestore.testing.engine_suite.latest import FULL, micros
from featurestore.testing.plans import plan_view, run_visible


def visible(
    engine: OfflineEngine, view: FeatureView, time: datetime, **arguments: Any
) -> list[dict[str, Any]]:
    """The rows, by key and event."""
    plan = plan_view(view).without_features()
    found = run_visible(engine, plan, at=micros(time), **arguments).to_pylist()
    return sorted(found, key=lambda row: tuple(map(repr, row.values())))


class VisibleCases:
    """Rules 1 and 2, row by row."""

    def test_all_visible_rows_with_a_key(self, engine: OfflineEngine) -> None:
        data = rows(
            (1, NOON, 1), (1, NOON, 1), (1, NOON - DAY, 2), (2, NOON + MICROSECOND, 3), (None, NOON, 4)
        )
        noon, before = micros(NOON), micros(NOON - DAY)
        assert visible(engine, make_view(data), NOON) == [
            {"k": 1, EVENT_COLUMN: event, CREATED_COLUMN: None, VISIBLE_COLUMN: event}
            for event in (before, noon, noon)
        ]

    def test_rows_without_a_time_are_not_there(self, engine: OfflineEngine) -> None:
        assert visible(engine, make_view(rows((1, NOON, 1), (2, None, 2))), NOON + DAY)[0]["k"] == 1

    def test_from_when_a_row_was_visible(self, engine: OfflineEngine) -> None:
        data = rows((1, NOON, NOON + 2 * HOUR, 1), (2, NOON, NOON, 2), (3, NOON, None, 3), columns=FULL)
        view = make_view(data, available_at="made", delay=HOUR)
        assert [row[VISIBLE_COLUMN] for row in visible(engine, view, NOON + DAY)] == [
            micros(NOON + 2 * HOUR),
            micros(NOON + HOUR),
        ]
        assert [row["k"] for row in visible(engine, view, NOON + 2 * HOUR - MICROSECOND)] == [2]

    def test_the_grid(self, engine: OfflineEngine) -> None:
        view = make_view(rows((1, NOON, 1)), schedule=Schedule(HOUR, lag=MINUTE))
        assert visible(engine, view, NOON) == []
        assert len(visible(engine, view, NOON + MINUTE)) == 1

    def test_corrections(self, engine: OfflineEngine) -> None:
        columns = ("k", "at", "id", "made", "x")
        data = rows((1, NOON, 5, NOON, 1), (1, NOON - HOUR, 5, NOON + HOUR, 2), (1, NOON, None, NOON, 3),
                    columns=columns)  # fmt: skip
        found = visible(engine, make_view(data, created_timestamp="made", event_id="id"), NOON)
        assert {row[EVENT_COLUMN] for row in found} == {micros(NOON - HOUR), micros(NOON)}

    def test_keys_come_in_their_types(self, engine: OfflineEngine) -> None:
        data = pa.table({
            "s": ["1", "12"], "d": [date(2024, 1, 2)] * 2, "t": pa.array([NOON, NOON], INSTANT),
            "at": pa.array([NOON, NOON], INSTANT), "x": [1, 2],
        })  # fmt: skip
        view = make_view(data, keys={"s": String, "d": Date, "t": Timestamp})
        found = visible(engine, view, NOON)
        assert [(row["s"], row["d"], row["t"]) for row in found] == [
            ("1", date(2024, 1, 2), NOON),
            ("12", date(2024, 1, 2), NOON),
        ]

    def test_a_view_without_entities(self, engine: OfflineEngine) -> None:
        view = make_view(rows((NOON, 1), (NOON, 2), columns=("at", "x")), keys={})
        assert len(visible(engine, view, NOON)) == 2
        assert visible(engine, view, NOON - HOUR) == []

    def test_of_entities_that_have_changed(self, engine: OfflineEngine) -> None:
        data = rows((1, NOON - DAY, 1), (1, NOON + HOUR, 2), (2, NOON, 3))
        changes = Changes(micros(NOON), micros(NOON + DAY))
        found = visible(engine, make_view(data), NOON + HOUR, changes=changes)
        assert [(row["k"], row[EVENT_COLUMN]) for row in found] == [
            (1, micros(NOON - DAY)),
            (1, micros(NOON + HOUR)),
        ]
