"""The oracle, against answers worked out by hand from section 2 of the contract."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from featurestore.definitions.entity import Entity
from featurestore.definitions.feature import Feature
from featurestore.definitions.schedule import Schedule
from featurestore.definitions.source import InMemorySource
from featurestore.definitions.types import Float64, Int64, List, String
from featurestore.definitions.view import FeatureView
from featurestore.testing import oracle
from featurestore.testing.oracle.order import order_key

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
US = timedelta(microseconds=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
NEW_YORK = "America/New_York"
LORD_HOWE = "Australia/Lord_Howe"


def view_of(*, ttl=None, schedule=None, features=None, entities=None, **source):
    return FeatureView(
        "v",
        entities=[Entity("e", join_keys={"k": Int64})] if entities is None else entities,
        source=InMemorySource("s", event_timestamp="at", **source),
        features=features or [Feature("x", Int64)],
        ttl=ttl,
        schedule=schedule,
    )


def row(x, at=NOON, k=1, **more):
    return {"k": k, "at": at, "x": x, **more}


def value_at(view, rows, t, k=1, **options):
    (result,) = oracle.historical(view, rows, [{"k": k, "event_timestamp": t}], **options)
    return result["x"]


@pytest.mark.parametrize(
    ("t", "expected"),
    [(NOON - US, None), (NOON, 7), (NOON + HOUR, 7), (NOON + HOUR + US, None)],
    ids=["just before", "at the event", "at the end of ttl", "just after"],
)
def test_boundary_table_ttl(t, expected):
    assert value_at(view_of(ttl=HOUR), [row(7)], t) == expected


def test_boundary_table_delay():
    view = view_of(delay=5 * MINUTE)
    assert value_at(view, [row(7)], NOON + 5 * MINUTE - US) is None
    assert value_at(view, [row(7)], NOON + 5 * MINUTE) == 7


def test_ttl_counts_from_the_event_even_with_a_delay():
    view = view_of(delay=5 * MINUTE, ttl=HOUR)
    assert value_at(view, [row(7)], NOON + HOUR) == 7
    assert value_at(view, [row(7)], NOON + HOUR + US) is None


@pytest.mark.parametrize(
    ("schedule", "t", "expected"),
    [
        (Schedule(HOUR), NOON, NOON),
        (Schedule(HOUR), NOON - US, NOON - HOUR),
        (Schedule(HOUR, offset=10 * MINUTE), NOON, NOON - 50 * MINUTE),
        (Schedule(HOUR, lag=5 * MINUTE), NOON + 5 * MINUTE - US, NOON - HOUR),
        (Schedule(HOUR, lag=5 * MINUTE), NOON + 5 * MINUTE, NOON),
        (Schedule(HOUR, lag=3 * HOUR), NOON, NOON - 3 * HOUR),
        (Schedule(HOUR, offset=-HOUR), NOON, NOON),
        (
            Schedule(timedelta(days=1)),
            datetime(1969, 12, 31, 23, tzinfo=UTC),
            datetime(1969, 12, 31, tzinfo=UTC),
        ),
        (Schedule(timedelta(days=7)), datetime(1969, 12, 31, tzinfo=UTC), datetime(1969, 12, 25, tzinfo=UTC)),
    ],
)
def test_effective_time(schedule, t, expected):
    found = oracle.effective_time(schedule, oracle.entity_instant(t))
    assert oracle.from_instant(found) == expected


def test_schedule_hides_what_serving_had_not_loaded_and_ttl_uses_the_time_itself():
    view = view_of(schedule=Schedule(HOUR), ttl=HOUR)
    rows = [row(1, NOON), row(2, NOON + MINUTE)]
    assert value_at(view, rows, NOON + 59 * MINUTE) == 1
    assert value_at(view, rows, NOON + HOUR) == 2
    assert value_at(view, rows, NOON + HOUR + MINUTE) == 2
    assert value_at(view, rows, NOON + HOUR + MINUTE + US) is None


def test_available_at_hides_and_an_older_row_shows_instead():
    view = view_of(available_at="seen")
    rows = [row(1, NOON - HOUR, seen=NOON - HOUR), row(2, NOON, seen=NOON + HOUR), row(3, NOON, seen=None)]
    assert value_at(view, rows, NOON + HOUR - US) == 1
    assert value_at(view, rows, NOON + HOUR) == 2


def test_created_breaks_ties_and_never_hides():
    view = view_of(created_timestamp="made")
    rows = [row(1, made=NOON + HOUR), row(2, made=None), row(3, made=NOON)]
    assert value_at(view, rows, NOON) == 1
    assert value_at(view, [row(2, made=None), row(-5, made=datetime(1900, 1, 1))], NOON) == -5
    assert value_at(view, [row(9, NOON - US, made=NOON + HOUR), row(1, made=None)], NOON) == 1


def test_one_column_may_be_both_created_and_available():
    view = view_of(created_timestamp="seen", available_at="seen")
    rows = [row(1, seen=NOON), row(2, seen=NOON + HOUR)]
    assert value_at(view, rows, NOON + HOUR - US) == 1
    assert value_at(view, rows, NOON + HOUR) == 2


def test_full_ties_go_to_the_greatest_features_in_name_order():
    features = [Feature("z", Int64), Feature("x", Int64, column="q")]
    view = view_of(features=features)
    rows = [{"k": 1, "at": NOON, "q": 1, "z": 9}, {"k": 1, "at": NOON, "q": 2, "z": None}]
    for order in (rows, rows[::-1]):
        (found,) = oracle.historical(view, order, [{"k": 1, "event_timestamp": NOON}], features=["z"])
        assert found == {"z": None}


def test_order_of_values():
    nan = float("nan")
    ascending = [
        [None, -math.inf, -1.0, -5e-324, -0.0, 0.0, 5e-324, math.inf, nan],
        [None, False, True],
        [None, "", "B", "a", "aa", "é", "￿", "𐀀"],
        [None, b"", b"\x00", b"\x7f", b"\xff"],
        [None, [], [None], [None, None], [None, 1], [1], [1, None], [1, 0], [2]],
        [None, [[]], [[None]], [[1], None], [[1], []]],
        [None, [-0.0], [0.0], [nan, None], [nan, 1.0]],
        [None, Decimal("-1.5"), Decimal("0.0"), Decimal("1.50")],
        [None, -(2**63), 2**53, 2**53 + 1, 2**64 - 1],
        [None, date(1, 1, 1), date(1970, 1, 1)],
        [None, NOON - US, NOON],
    ]
    for values in ascending:
        keys = [order_key(value) for value in values]
        assert keys == sorted(keys)
        assert len(set(keys)) == len(keys)
    assert order_key(nan) == order_key(-nan)


def test_event_id_keeps_the_last_visible_correction_of_each_event():
    view = view_of(created_timestamp="made", available_at="made", event_id="id")
    rows = [
        row(1, NOON, id="a", made=NOON),
        row(2, NOON - HOUR, id="a", made=NOON + HOUR),
        row(3, NOON - 30 * MINUTE, id="b", made=NOON),
        row(4, NOON - 45 * MINUTE, id=None, made=NOON),
        row(5, NOON - 45 * MINUTE, id=None, made=NOON),
        row(6, NOON, id="a", k=2, made=NOON + 2 * HOUR),
    ]
    assert value_at(view, rows, NOON) == 1
    assert value_at(view, rows, NOON + HOUR) == 3
    assert value_at(view, rows, NOON + 2 * HOUR, k=2) == 6
    assert value_at(view, [r for r in rows if r["id"] != "b"], NOON + HOUR) == 5


def test_ties_in_created_of_one_event_fall_to_the_event_time_then_to_the_values():
    view = view_of(event_id="id")
    assert value_at(view, [row(1, NOON, id=1), row(2, NOON - HOUR, id=1)], NOON) == 1
    assert value_at(view, [row(1, NOON, id=1), row(2, NOON, id=1)], NOON) == 2


def test_rows_in_rows_out():
    view = view_of(ttl=HOUR)
    entities = [
        {"k": k, "event_timestamp": t} for k, t in [(1, NOON), (1, NOON), (None, NOON), (9, NOON), (1, None)]
    ]
    rows = [row(1), row(2, k=None), row(3, None)]
    assert [r["x"] for r in oracle.historical(view, rows, entities)] == [1, 1, None, None, None]


def test_a_view_without_entities_has_one_row_for_all():
    view = view_of(entities=[])
    found = oracle.historical(view, [row(1), row(2, NOON + HOUR)], [{"event_timestamp": NOON}] * 2)
    assert found == [{"x": 1}, {"x": 1}]


def test_as_of_uses_available_at_else_created():
    created = view_of(created_timestamp="made")
    rows = [row(1, NOON - HOUR, made=NOON), row(2, made=NOON + US), row(3, made=None)]
    assert value_at(created, rows, NOON, as_of=NOON) == 1
    assert value_at(created, rows, NOON, as_of=NOON + US) == 2
    both = view_of(created_timestamp="made", available_at="seen")
    rows = [row(1, made=NOON + HOUR, seen=NOON)]
    assert value_at(both, rows, NOON, as_of=NOON) == 1
    assert value_at(both, rows, NOON + HOUR, as_of=NOON - US) is None


def test_nanoseconds_never_let_the_future_in():
    up = oracle.Nano(NOON, 1)
    down = oracle.Nano(NOON - US, 999)
    assert value_at(view_of(), [row(7, up)], NOON) is None
    assert value_at(view_of(), [row(7, up)], oracle.Nano(NOON, 999)) is None
    assert value_at(view_of(), [row(7, up)], NOON + US) == 7
    assert value_at(view_of(), [row(7)], down) is None
    assert value_at(view_of(available_at="seen"), [row(7, seen=up)], NOON) is None
    made = view_of(created_timestamp="made")
    assert value_at(made, [row(9, made=NOON), row(3, made=oracle.Nano(NOON, 999))], NOON) == 9
    assert value_at(made, [row(3, made=oracle.Nano(NOON, 999))], NOON, as_of=NOON) == 3


@pytest.mark.parametrize(
    ("zone", "wall", "source", "entity"),
    [
        (NEW_YORK, datetime(2024, 7, 1, 12), datetime(2024, 7, 1, 16), datetime(2024, 7, 1, 16)),
        (NEW_YORK, datetime(2024, 11, 3, 1, 30), datetime(2024, 11, 3, 6, 30), datetime(2024, 11, 3, 5, 30)),
        (NEW_YORK, datetime(2024, 3, 10, 2, 30), datetime(2024, 3, 10, 7, 30), datetime(2024, 3, 10, 6, 30)),
        (LORD_HOWE, datetime(2024, 4, 7, 1, 45), datetime(2024, 4, 6, 15, 15), datetime(2024, 4, 6, 14, 45)),
        (
            LORD_HOWE,
            datetime(2024, 10, 6, 2, 15),
            datetime(2024, 10, 5, 15, 45),
            datetime(2024, 10, 5, 15, 15),
        ),
        (
            "Asia/Kolkata",
            datetime(2024, 1, 1),
            datetime(2023, 12, 31, 18, 30),
            datetime(2023, 12, 31, 18, 30),
        ),
    ],
    ids=["ordinary", "ambiguous", "gap", "ambiguous half hour", "gap of half an hour", "half-hour zone"],
)
def test_local_times(zone, wall, source, entity):
    assert oracle.from_instant(oracle.source_instant(wall, zone)) == source.replace(tzinfo=UTC)
    assert oracle.from_instant(oracle.known_instant(wall, zone)) == source.replace(tzinfo=UTC)
    assert oracle.from_instant(oracle.entity_instant(wall, zone)) == entity.replace(tzinfo=UTC)


def test_nanoseconds_are_rounded_after_the_local_time_is_read():
    last = oracle.Nano(datetime(2024, 11, 3, 0, 59, 59, 999_999), 1)
    assert oracle.from_instant(oracle.source_instant(last, NEW_YORK)) == datetime(2024, 11, 3, 5, tzinfo=UTC)


def test_a_date_is_its_first_midnight_in_the_zone():
    day = date(2024, 7, 1)
    assert oracle.from_instant(oracle.source_instant(day, NEW_YORK)) == datetime(2024, 7, 1, 4, tzinfo=UTC)
    assert oracle.from_instant(oracle.entity_instant(day)) == datetime(2024, 7, 1, tzinfo=UTC)


def test_values_take_their_declared_type():
    features = [Feature("x", Float64), Feature("l", List(Float64)), Feature("s", String)]
    view = view_of(features=features)
    (found,) = oracle.historical(
        view, [{"k": 1, "at": NOON, "x": 2, "l": [1, None], "s": ""}], [{"k": 1, "event_timestamp": NOON}]
    )
    assert found == {"x": 2.0, "l": [1.0, None], "s": ""}
    assert type(found["x"]) is float


def test_latest_ignores_the_ttl_and_applies_the_grid():
    view = view_of(ttl=MINUTE, schedule=Schedule(HOUR), created_timestamp="made")
    rows = [row(1, made=None), row(2, NOON + MINUTE, made=None), row(3, NOON + MINUTE, k=2, made=None)]
    found = oracle.latest(view, rows, NOON + 59 * MINUTE)
    assert {key: (r.values["x"], r.created) for key, r in found.items()} == {(1,): (1, None)}


def test_online_statuses():
    view = view_of(ttl=HOUR, features=[Feature("x", Int64), Feature("y", Int64)])
    rows = [{"k": 1, "at": NOON, "x": 5, "y": None}, {"k": 2, "at": NOON - HOUR, "x": 6, "y": 1}]
    keys: list[dict[str, int | None]] = [{"k": 1}, {"k": 2}, {"k": 3}, {"k": None}, {"k": 1}]
    answers = oracle.online(view, rows, keys, end=NOON)
    assert [a.statuses["x"] for a in answers] == ["PRESENT", "PRESENT", "NOT_FOUND", "NOT_FOUND", "PRESENT"]
    assert answers[0].statuses["y"] == "NULL"
    later = oracle.online(view, rows, keys, end=NOON, now=NOON + US)
    assert [a.values["x"] for a in later] == [5, None, None, None, 5]
    assert later[1].statuses == {"x": "EXPIRED", "y": "EXPIRED"}
    earlier = oracle.online(view, rows, keys, end=NOON, now=NOON - US)
    assert [a.statuses["x"] for a in earlier] == [
        "NOT_FOUND",
        "PRESENT",
        "NOT_FOUND",
        "NOT_FOUND",
        "NOT_FOUND",
    ]


def test_pushes_and_materializations():
    view = view_of(created_timestamp="made")
    online = oracle.PushedView(view)

    def stored():
        (found,) = online.read([{"k": 1}], now=NOON + 9 * HOUR)
        return found.values["x"]

    online.push([row(2, NOON + HOUR, made=None)], now=NOON + 2 * HOUR)
    online.push([row(1, NOON, made=None)], now=NOON + 3 * HOUR)
    assert stored() == 2
    run = online.begin([row(10, NOON + HOUR, made=None)], end=NOON + HOUR)
    online.publish(run)
    assert stored() == 10
    online.push([row(3, NOON + HOUR, made=NOON + 5 * HOUR)], now=NOON + 5 * HOUR)
    assert stored() == 10, "at an equal event timestamp the materialized row stays"
    run = online.begin([row(10, NOON, made=None)], end=NOON + HOUR)
    online.push([row(4, NOON + MINUTE, made=None)], now=NOON + 6 * HOUR)
    online.publish(run)
    assert stored() == 4, "pushed after the run began"
    online.publish(online.begin([], end=NOON))
    assert stored() == 4, "its event is later than the end"
    online.publish(online.begin([], end=NOON + MINUTE))
    assert stored() is None


def test_pushes_that_are_refused():
    with pytest.raises(oracle.PushRefusedError):
        oracle.PushedView(view_of()).push([row(1, NOON + US)], now=NOON)
    with pytest.raises(oracle.PushRefusedError):
        oracle.PushedView(view_of(delay=HOUR)).push([row(1)], now=NOON)
    with pytest.raises(oracle.PushRefusedError):
        oracle.PushedView(view_of(schedule=Schedule(HOUR))).push([row(1)], now=NOON)
