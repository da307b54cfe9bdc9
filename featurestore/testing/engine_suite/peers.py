"""Historical retrieval as other feature stores assert it, and where they are known to fail."""

from __future__ import annotations

from datetime import UTC, datetime

from featurestore.definitions.types import Float64, Int64, String
from featurestore.protocols.offline import OfflineEngine
from featurestore.testing.engine_suite.base import (
    DAY,
    HOUR,
    MICROSECOND,
    NOON,
    Row,
    ask,
    at,
    make_view,
    rows,
)
from featurestore.testing.plans import plan_view

D = datetime(2024, 1, 1, tzinfo=UTC)
MADE = ("k", "at", "made", "x")


def entities(*pairs: tuple[int | None, datetime | None]) -> list[Row]:
    return [{"k": k, "event_timestamp": time} for k, time in pairs]


class PeerCases:
    """Known cases with known answers."""

    def test_event_time_first_then_created(self, engine: OfflineEngine) -> None:
        data = rows(
            (1001, D, D, 10),
            (1001, D, D + DAY, 20),
            (1002, D, D + DAY, 30),
            (1002, D + DAY, D, 40),
            columns=MADE,
        )
        view = make_view(data, created_timestamp="made")
        assert ask(engine, view, entities((1001, D + 2 * DAY), (1002, D + 2 * DAY))) == {"x": [20, 40]}

    def test_created_cutoff(self, engine: OfflineEngine) -> None:
        data = rows(
            (1001, D, D, 10),
            (1002, D, D, 30),
            (1001, D, D + 2 * DAY, 20),
            (1002, D, D + 2 * DAY, 40),
            columns=MADE,
        )
        view = make_view(data, created_timestamp="made")
        asked = entities((1001, D + DAY), (1002, D + DAY))
        assert ask(engine, view, asked) == {"x": [20, 40]}
        assert ask(engine, plan_view(view, as_of=D + DAY), asked) == {"x": [10, 30]}

    def test_cutoff_before_all_candidates(self, engine: OfflineEngine) -> None:
        data = rows((1, D, D + 2 * DAY, 4), (1, D + HOUR, D + 3 * DAY, 6), columns=MADE)
        view = make_view(data, created_timestamp="made")
        assert ask(engine, plan_view(view, as_of=D + DAY), entities((1, D + DAY))) == {"x": [None]}

    def test_cutoff_does_not_borrow_from_another_entity(self, engine: OfflineEngine) -> None:
        data = rows((1, D, D + HOUR, 4), (2, D, D + 2 * DAY, 6), columns=MADE)
        view = make_view(data, created_timestamp="made")
        asked = entities((1, D + DAY), (2, D + DAY))
        assert ask(engine, plan_view(view, as_of=D + DAY), asked) == {"x": [4, None]}

    def test_cutoff_leaves_out_rows_without_a_created_time(self, engine: OfflineEngine) -> None:
        data = rows((1, D, D + HOUR, 4), (1, D, None, 6), columns=MADE)
        view = make_view(data, created_timestamp="made")
        assert ask(engine, plan_view(view, as_of=D + DAY), entities((1, D + DAY))) == {"x": [4]}

    def test_brute_force_point_in_time(self, engine: OfflineEngine) -> None:
        data = rows(
            (1, D - DAY, D - DAY, 11), (1, D + DAY, D + DAY, 22), (1, D + 2 * DAY, D + 2 * DAY, 33),
            (2, D - 363 * DAY, D - 363 * DAY, 22), (3, D, D + 2 * DAY, 10), (3, D, D + DAY, 20),
            columns=MADE,
        )  # fmt: skip
        view = make_view(data, created_timestamp="made", ttl=10 * DAY)
        asked = entities((1, D), (1, D + DAY), (2, D), (3, D + 2 * DAY))
        assert ask(engine, view, asked) == {"x": [11, 22, None, 10]}

    def test_one_view_twice_under_aliases(self, engine: OfflineEngine) -> None:
        data = rows((1, D, 10), (2, D, 20))
        view = make_view(data)
        plans = [
            plan_view(view, label="origin", join_keys={"k": "origin_id"}),
            plan_view(view, label="destination", join_keys={"k": "destination_id"}),
        ]
        asked = [
            {"origin_id": 1, "destination_id": 2, "event_timestamp": D},
            {"origin_id": 2, "destination_id": 2, "event_timestamp": D},
            {"origin_id": 3, "destination_id": 1, "event_timestamp": D},
        ]
        assert ask(engine, plans, asked) == {"origin__x": [10, 20, None], "destination__x": [20, 20, 10]}

    def test_a_key_under_another_name(self, engine: OfflineEngine) -> None:
        data = rows((1001, D, 20), (1002, D + DAY, 40), columns=("id", "at", "x"))
        plan = plan_view(make_view(data, keys={"id": Int64}), join_keys={"id": "driver_id"})
        asked = [{"driver_id": k, "event_timestamp": D + 2 * DAY} for k in (1001, 1002)]
        assert ask(engine, plan, asked) == {"x": [20, 40]}

    def test_no_ttl_looks_back_without_limit(self, engine: OfflineEngine) -> None:
        view = make_view(rows((1, datetime(1900, 1, 1, tzinfo=UTC), 7)))
        assert ask(engine, view, at(NOON)) == {"x": [7]}

    def test_the_latest_row_wins(self, engine: OfflineEngine) -> None:
        features = {"a": Float64, "b": String}
        data = rows((1, NOON, 1.1, "3.1"), (1, NOON + HOUR, 1123.0, "NEWER"), columns=("k", "at", "a", "b"))
        found = ask(engine, make_view(data, features=features), at(NOON + HOUR, NOON))
        assert found == {"a": [1123.0, 1.1], "b": ["NEWER", "3.1"]}

    def test_every_row_comes_back_once_and_in_order(self, engine: OfflineEngine) -> None:
        view = make_view(rows((1, NOON, 1), (2, NOON, 2), (3, NOON + DAY, 3), (None, NOON, 9)), ttl=HOUR)
        asked = entities(
            (2, NOON), (1, NOON + 2 * HOUR), (9, NOON), (3, NOON), (None, NOON), (1, NOON), (1, NOON), (2, NOON - HOUR),
            (1, None), (None, None),
        )  # fmt: skip
        assert ask(engine, view, asked) == {"x": [2, None, None, None, None, 1, 1, None, None, None]}

    def test_keys_are_never_run_together(self, engine: OfflineEngine) -> None:
        columns = ("a", "b", "at", "x")
        texts = make_view(
            rows(("1", "23", NOON, 1), ("12", "3", NOON, 2), ("", "123", NOON, 3), columns=columns),
            keys={"a": String, "b": String},
        )
        asked = [
            {"a": a, "b": b, "event_timestamp": NOON} for a, b in [("12", "3"), ("1", "23"), ("123", "")]
        ]
        assert ask(engine, texts, asked) == {"x": [2, 1, None]}
        numbers = make_view(
            rows((1, 11, NOON, 1), (11, 1, NOON, 2), columns=columns), keys={"a": Int64, "b": Int64}
        )
        asked = [{"a": a, "b": b, "event_timestamp": NOON} for a, b in [(11, 1), (1, 11), (1, 1), (11, 11)]]
        assert ask(engine, numbers, asked) == {"x": [2, 1, None, None]}

    def test_ties_without_created_give_one_row_for_any_order_of_the_source(
        self, engine: OfflineEngine
    ) -> None:
        data = rows((1, NOON, 2), (1, NOON, 3), (1, NOON, 1))
        for turned in (data, data[::-1], data[1:] + data[:1]):
            assert ask(engine, make_view(turned), at(NOON)) == {"x": [3]}

    def test_a_null_key_touches_only_the_views_that_use_it(self, engine: OfflineEngine) -> None:
        first = make_view(rows((1, NOON, 1)))
        second = make_view(
            rows((5, NOON, 2), columns=("j", "at", "y")), keys={"j": Int64}, features={"y": Int64}
        )
        asked = [{"k": 1, "j": None, "event_timestamp": NOON}, {"k": None, "j": 5, "event_timestamp": NOON}]
        assert ask(engine, [plan_view(first), plan_view(second)], asked) == {"x": [1, None], "y": [None, 2]}

    def test_large_integers_survive_nulls(self, engine: OfflineEngine) -> None:
        view = make_view(rows((1, NOON, 2**53 + 1), (2, NOON, None), (3, NOON, -(2**63))))
        found = ask(engine, view, entities((1, NOON), (2, NOON), (9, NOON), (3, NOON)))
        assert found == {"x": [2**53 + 1, None, None, -(2**63)]}

    def test_repeated_and_unsorted_entities(self, engine: OfflineEngine) -> None:
        view = make_view(rows((1, NOON, 10), (2, NOON, 20), (3, NOON, 30)))
        assert ask(engine, view, entities((3, NOON), (1, NOON), (3, NOON), (2, NOON))) == {
            "x": [30, 10, 30, 20]
        }

    def test_rows_of_one_key_at_unsorted_times(self, engine: OfflineEngine) -> None:
        view = make_view(rows((1, NOON + HOUR, 2), (1, NOON, 1), (1, NOON + 2 * HOUR, 3)))
        times = at(NOON + HOUR, NOON, NOON + 3 * HOUR, NOON - MICROSECOND, NOON + HOUR)
        assert ask(engine, view, times) == {"x": [2, 1, 3, None, 2]}
