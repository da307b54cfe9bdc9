"""Rules 1 to 4 and 6 of the law of time, sentence by sentence."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest

from featurestore.definitions.types import (
    Bool,
    Bytes,
    Date,
    FeatureType,
    Int8,
    Int64,
    String,
    Timestamp,
    UInt64,
)
from featurestore.frames.types import arrow_type
from featurestore.protocols.offline import TIME_COLUMN, OfflineEngine
from featurestore.testing.engine_suite.base import (
    DAY,
    HOUR,
    MICROSECOND,
    MINUTE,
    NOON,
    Row,
    ask,
    at,
    make_view,
    rows,
)
from featurestore.testing.oracle import entity_instant
from featurestore.testing.plans import plan_view, run_historical

SEEN = ("k", "at", "seen", "x")
CORRECTED = ("k", "at", "id", "made", "x")


class RuleCases:
    """What is visible, which row is chosen, and which rows come back."""

    def test_available_at_hides_and_the_older_row_shows_instead(self, engine: OfflineEngine) -> None:
        data = rows((1, NOON - HOUR, NOON - HOUR, 1), (1, NOON, NOON + HOUR, 2), columns=SEEN)
        view = make_view(data, available_at="seen")
        assert ask(engine, view, at(NOON, NOON + HOUR - MICROSECOND, NOON + HOUR)) == {"x": [1, 1, 2]}

    def test_a_late_row_with_an_older_event_changes_nothing(self, engine: OfflineEngine) -> None:
        data = rows((1, NOON, NOON, 2), (1, NOON - HOUR, NOON + HOUR, 1), columns=SEEN)
        assert ask(engine, make_view(data, available_at="seen"), at(NOON, NOON + DAY)) == {"x": [2, 2]}

    def test_available_at_null_is_never_visible(self, engine: OfflineEngine) -> None:
        data = rows((1, NOON, NOON, 1), (1, NOON + HOUR, None, 2), columns=SEEN)
        assert ask(engine, make_view(data, available_at="seen"), at(NOON + DAY)) == {"x": [1]}

    def test_delay_and_available_at_both_have_to_have_passed(self, engine: OfflineEngine) -> None:
        data = rows((1, NOON, NOON + MINUTE, 1), (2, NOON, NOON - DAY, 2), columns=SEEN)
        view = make_view(data, available_at="seen", delay=5 * MINUTE)
        times = (NOON + MINUTE, NOON + 5 * MINUTE - MICROSECOND, NOON + 5 * MINUTE)
        assert ask(engine, view, [*at(*times), *at(*times, k=2)]) == {"x": [None, None, 1, None, None, 2]}

    def test_available_at_alone_is_not_delayed(self, engine: OfflineEngine) -> None:
        data = rows((1, NOON, NOON + HOUR, 1), columns=SEEN)
        view = make_view(data, available_at="seen", delay=5 * MINUTE)
        assert ask(engine, view, at(NOON + HOUR)) == {"x": [1]}

    def test_many_rows_become_visible_out_of_order(self, engine: OfflineEngine) -> None:
        order = [3, 0, 4, 1, 5, 2]
        data = rows(
            *((1, NOON + i * MINUTE, NOON + (o + 10) * MINUTE, i) for i, o in enumerate(order)), columns=SEEN
        )
        view = make_view(data, available_at="seen")
        found = ask(engine, view, at(*(NOON + (m + 10) * MINUTE for m in range(-1, 7))))
        assert found == {"x": [None, 1, 3, 5, 5, 5, 5, 5]}

    def test_created_never_hides(self, engine: OfflineEngine) -> None:
        data = rows((1, NOON, NOON + DAY, 7), (2, NOON, None, 8), columns=SEEN)
        view = make_view(data, created_timestamp="seen")
        assert ask(engine, view, [*at(NOON), *at(NOON, k=2)]) == {"x": [7, 8]}

    def test_one_column_as_created_and_available(self, engine: OfflineEngine) -> None:
        data = rows((1, NOON, NOON, 9), (1, NOON, NOON + HOUR, 1), (1, NOON, None, 10), columns=SEEN)
        view = make_view(data, available_at="seen", created_timestamp="seen")
        assert ask(engine, view, at(NOON + HOUR - MICROSECOND, NOON + HOUR)) == {"x": [9, 1]}

    def test_one_column_as_event_created_and_available(self, engine: OfflineEngine) -> None:
        view = make_view(rows((1, NOON, 1), (1, NOON, 2)), available_at="at", created_timestamp="at")
        assert ask(engine, view, at(NOON - MICROSECOND, NOON)) == {"x": [None, 2]}

    def test_null_created_is_lowest(self, engine: OfflineEngine) -> None:
        old = datetime(1900, 1, 1, tzinfo=UTC)
        data = rows((1, NOON, old, 1), (1, NOON, None, 2), columns=SEEN)
        for turned in (data, data[::-1]):
            assert ask(engine, make_view(turned, created_timestamp="seen"), at(NOON)) == {"x": [1]}

    def test_a_later_event_wins_over_a_later_created(self, engine: OfflineEngine) -> None:
        data = rows((1, NOON, NOON + DAY, 1), (1, NOON + MICROSECOND, None, 2), columns=SEEN)
        assert ask(engine, make_view(data, created_timestamp="seen"), at(NOON + DAY)) == {"x": [2]}

    def test_rows_with_a_null_key_or_event_never_match(self, engine: OfflineEngine) -> None:
        columns = ("a", "b", "at", "x")
        data = rows((None, 1, NOON, 1), (1, None, NOON, 2), (1, 1, None, 3), (1, 1, NOON, 4), columns=columns)
        view = make_view(data, keys={"a": Int64, "b": Int64})
        asked = [
            {"a": a, "b": b, "event_timestamp": NOON} for a, b in [(None, 1), (1, None), (1, 1), (None, None)]
        ]
        assert ask(engine, view, asked) == {"x": [None, None, 4, None]}

    def test_the_last_correction_of_an_event_counts_once_it_is_visible(self, engine: OfflineEngine) -> None:
        data = rows(
            (1, NOON, "a", NOON, 1), (1, NOON - HOUR, "a", NOON + HOUR, 2), (1, NOON - MINUTE, "b", NOON, 3),
            (2, NOON - HOUR, "a", NOON + DAY, 4), columns=CORRECTED,
        )  # fmt: skip
        known = make_view(data, created_timestamp="made", available_at="made", event_id="id")
        assert ask(engine, known, at(NOON, NOON + HOUR)) == {"x": [1, 3]}
        at_once = make_view(data, created_timestamp="made", event_id="id")
        assert ask(engine, at_once, at(NOON, NOON - HOUR)) == {"x": [3, 2]}
        assert ask(engine, at_once, at(NOON, k=2)) == {"x": [4]}

    def test_a_correction_into_the_future_waits_and_the_row_it_replaces_stays(
        self, engine: OfflineEngine
    ) -> None:
        data = rows((1, NOON, "a", NOON, 1), (1, NOON + HOUR, "a", NOON + MINUTE, 2), columns=CORRECTED)
        view = make_view(data, created_timestamp="made", event_id="id")
        assert ask(engine, view, at(NOON + HOUR - MICROSECOND, NOON + HOUR)) == {"x": [1, 2]}

    def test_rows_without_an_event_id_are_events_of_their_own(self, engine: OfflineEngine) -> None:
        data = rows((1, NOON, None, NOON, 1), (1, NOON - HOUR, None, NOON + HOUR, 2), columns=CORRECTED)
        data = [{**row, "id": None} for row in data] + rows((2, NOON, "a", NOON, 3), columns=CORRECTED)
        assert ask(engine, make_view(data, created_timestamp="made", event_id="id"), at(NOON)) == {"x": [1]}

    def test_corrections_without_created_fall_to_the_latest_event(self, engine: OfflineEngine) -> None:
        data = rows((1, NOON - HOUR, 5, 2), (1, NOON, 5, 1), columns=("k", "at", "id", "x"))
        assert ask(engine, make_view(data, event_id="id"), at(NOON)) == {"x": [1]}

    def test_a_correction_takes_the_ttl_of_its_own_event(self, engine: OfflineEngine) -> None:
        data = rows((1, NOON, "a", NOON, 1), (1, NOON - HOUR, "a", NOON + HOUR, 2), columns=CORRECTED)
        view = make_view(data, created_timestamp="made", event_id="id", ttl=MINUTE)
        assert ask(engine, view, at(NOON)) == {"x": [None]}

    def test_as_of_uses_available_before_created(self, engine: OfflineEngine) -> None:
        columns = ("k", "at", "seen", "made", "x")
        data = rows((1, NOON, NOON, NOON + DAY, 1), (1, NOON, NOON + HOUR, NOON, 2), columns=columns)
        view = make_view(data, available_at="seen", created_timestamp="made")
        times = at(NOON, NOON + DAY)
        assert ask(engine, plan_view(view, as_of=NOON - MICROSECOND), times) == {"x": [None, None]}
        assert ask(engine, plan_view(view, as_of=NOON), times) == {"x": [1, 1]}
        assert ask(engine, plan_view(view, as_of=NOON + HOUR), times) == {"x": [1, 1]}

    def test_as_of_brings_corrected_events_back(self, engine: OfflineEngine) -> None:
        data = rows((1, NOON, "a", NOON, 1), (1, NOON, "a", NOON + HOUR, 2), columns=CORRECTED)
        view = make_view(data, created_timestamp="made", event_id="id")
        assert ask(engine, plan_view(view, as_of=NOON + HOUR - MICROSECOND), at(NOON)) == {"x": [1]}
        assert ask(engine, plan_view(view, as_of=NOON + HOUR), at(NOON)) == {"x": [2]}

    def test_null_times_and_keys_of_entity_rows_stay_as_rows(self, engine: OfflineEngine) -> None:
        view = make_view(rows((1, NOON, 7)))
        asked = [*at(None, NOON, None), *at(NOON, None, k=None)]
        assert ask(engine, view, asked) == {"x": [None, 7, None, None, None]}

    def test_a_view_without_entities(self, engine: OfflineEngine) -> None:
        data = rows((NOON, 1), (NOON + HOUR, 2), (None, 3), columns=("at", "x"))
        view = make_view(data, keys={}, ttl=HOUR)
        times = at(NOON - MICROSECOND, NOON, NOON + HOUR, None, NOON + 2 * HOUR + MICROSECOND)
        assert ask(engine, view, times) == {"x": [None, 1, 2, None, None]}

    def test_a_view_without_entities_beside_one_with(self, engine: OfflineEngine) -> None:
        world = make_view(rows((NOON, 5), columns=("at", "y")), keys={}, features={"y": Int64})
        plans = [plan_view(world), plan_view(make_view(rows((1, NOON, 7))))]
        assert ask(engine, plans, [*at(NOON), *at(NOON, k=None)]) == {"y": [5, 5], "x": [7, None]}

    @pytest.mark.parametrize(
        ("dtype", "keys"),
        [
            (Int64, [2**53 + 1, 2**53, -(2**63), 0, -1]),
            (Int8, [-128, 127, 0]),
            (UInt64, [2**64 - 1, 2**63, 0]),
            (String, ["", "a", "A", "a\x00", "é", "e\u0301", " ", "5", "NULL"]),
            (Bytes, [b"", b"\x00", b"\xff", b"a"]),
            (Bool, [True, False]),
            (Date, [date(1969, 12, 31), date(1970, 1, 1), date(9999, 12, 31)]),
            (Timestamp, [NOON, NOON + MICROSECOND, datetime(1, 1, 1, tzinfo=UTC)]),
        ],
        ids=str,
    )
    def test_every_type_of_key_is_told_apart(
        self, engine: OfflineEngine, dtype: FeatureType, keys: Sequence[Any]
    ) -> None:
        data = pa.table({
            "k": pa.array(keys, arrow_type(dtype)), "at": pa.array([NOON] * len(keys)), "x": range(len(keys))
        })  # fmt: skip
        view = make_view(data, keys={"k": dtype})
        asked = [{"k": key, "event_timestamp": NOON} for key in [*keys[::-1], None]]
        assert ask(engine, view, asked) == {"x": [*reversed(range(len(keys))), None]}

    def test_a_source_key_of_a_narrower_type(self, engine: OfflineEngine) -> None:
        table = pa.table(
            {"k": pa.array([1, 2, None], pa.int16()), "at": pa.array([NOON] * 3), "x": [1, 2, 3]}
        )
        asked = [*at(NOON, k=2**40), *at(NOON, k=2)]
        assert ask(engine, make_view(table), asked) == {"x": [None, 2]}

    def test_an_empty_source(self, engine: OfflineEngine) -> None:
        table = make_table([]).slice(0, 0)
        assert ask(engine, make_view(table, ttl=HOUR), at(NOON, None)) == {"x": [None, None]}

    def test_no_entity_rows(self, engine: OfflineEngine) -> None:
        assert ask(engine, make_view(rows((1, NOON, 7))), []) == {"x": []}

    def test_a_source_of_nulls_alone(self, engine: OfflineEngine) -> None:
        table = pa.table({name: pa.nulls(2) for name in ("k", "at", "x")})
        assert ask(engine, make_view(table), at(NOON)) == {"x": [None]}

    def test_all_batches_of_many_entity_rows_in_order(self, engine: OfflineEngine) -> None:
        count, instant = 300_000, entity_instant(NOON)
        keys = [(i * 7919) % 1000 for i in range(count)]
        entities = pa.table({"k": keys, TIME_COLUMN: pa.array([instant] * count, pa.int64())})
        view = make_view(
            pa.table({"k": range(0, 1000, 2), "at": pa.array([NOON] * 500), "x": range(0, 1000, 2)})
        )
        found = run_historical(engine, [plan_view(view)], entities)
        assert found.column("x").to_pylist() == [key if key % 2 == 0 else None for key in keys]

    def test_chunked_entity_rows(self, engine: OfflineEngine) -> None:
        instants = pa.chunked_array(
            [[entity_instant(NOON)], [], [entity_instant(NOON), None]], type=pa.int64()
        )
        entities = pa.table(
            {"k": pa.chunked_array([[2, 1], [], [1]], type=pa.int64()), TIME_COLUMN: instants}
        )
        view = make_view(rows((1, NOON, 10), (2, NOON, 20)))
        assert run_historical(engine, [plan_view(view)], entities).to_pydict() == {"x": [20, 10, None]}

    def test_the_same_call_twice_gives_the_same(self, engine: OfflineEngine) -> None:
        data: list[Row] = rows(*((i % 3, NOON, i) for i in range(50)))
        view = make_view(data)
        asked = [{"k": i % 4, "event_timestamp": NOON} for i in range(20)]
        assert ask(engine, view, asked) == ask(engine, view, asked)


def make_table(values: Sequence[int]) -> pa.Table:
    """A source of key, event timestamp and x."""
    return pa.table({
        "k": pa.array(values, pa.int64()),
        "at": pa.array([NOON for _ in values], pa.timestamp("us", "UTC")),
        "x": pa.array(values, pa.int64()),
    })  # fmt: skip
