"""Rule 5 to the letter, on both engines and the oracle: bounds, empty windows, ties, exactness, time's arrow."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

import featurestore as fs
from featurestore.errors import SourceError
from featurestore.testing.compare import exact, same
from featurestore.testing.oracle_engine import OracleEngine
from featurestore.testing.plans import entity_table, plan_view, run_historical
from tests.engines.available import ENGINES, make_engine

HOUR, MINUTE, MICROSECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(microseconds=1)
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
ONE_PM = NOON + HOUR
INSTANT = pa.timestamp("us", "UTC")
Row = dict[str, Any]
Compute = Callable[..., list[list[Any]]]


def source_of(rows: Sequence[Row], types: dict[str, Any], **roles: Any) -> fs.InMemorySource:
    instants = {"at", "made", "seen"} & {name for row in rows for name in row}
    columns = {"k": pa.int64(), "at": INSTANT, **dict.fromkeys(instants, INSTANT), **types}
    data = {name: pa.array([row.get(name) for row in rows], dtype) for name, dtype in columns.items()}
    return fs.InMemorySource("s", data=pa.table(data), event_timestamp="at", **roles)


def view_of(source: fs.Source, *features: fs.Aggregation, **options: Any) -> fs.FeatureView:
    card = fs.Entity("card", join_keys={"k": fs.Int64})
    return fs.FeatureView("v", entities=[card], source=source, features=features, **options)


def ask(*times: datetime | None, key: int | None = 1) -> list[Row]:
    return [{"k": key, "event_timestamp": time} for time in times]


@pytest.fixture(params=[*ENGINES, "oracle"], scope="module")
def compute(request) -> Compute:
    engine = OracleEngine() if request.param == "oracle" else make_engine(request.param)

    def rows_of(view: fs.FeatureView, entities: Sequence[Row], **options: Any) -> list[list[Any]]:
        plan = plan_view(view, **options)
        found = run_historical(engine, [plan], entity_table([plan], entities))
        return [list(row.values()) for row in found.to_pylist()]

    return rows_of


def values_at(*times: datetime, **more: list[Any]) -> list[Row]:
    columns = {"k": [1] * len(times), "at": list(times), "x": [1.0] * len(times), **more}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


X = {"x": pa.float64()}
COUNT = fs.Aggregation("*", "count", HOUR, name="n")


@pytest.mark.parametrize(
    ("event", "counts"),
    [(NOON, 0), (NOON + MICROSECOND, 1), (ONE_PM, 1), (ONE_PM + MICROSECOND, 0)],
)
def test_the_window_of_an_hour_that_ends_at_one(compute: Compute, event: datetime, counts: int):
    view = view_of(source_of(values_at(event), X), COUNT)
    assert compute(view, ask(ONE_PM)) == [[counts]]


@pytest.mark.parametrize(
    ("asked", "counts"),
    [(NOON + 5 * MINUTE - MICROSECOND, 0), (NOON + 5 * MINUTE, 1), (ONE_PM - MICROSECOND, 1), (ONE_PM, 0)],
)
def test_a_delay_hides_events_and_does_not_move_the_window(compute: Compute, asked: datetime, counts: int):
    view = view_of(source_of(values_at(NOON), X, delay=5 * MINUTE), COUNT)
    assert compute(view, ask(asked)) == [[counts]]


@pytest.mark.parametrize(
    ("asked", "counts"),
    [(ONE_PM - MICROSECOND, 0), (ONE_PM, 1), (ONE_PM + HOUR - MICROSECOND, 1), (ONE_PM + HOUR, 0)],
)
def test_an_offset_moves_both_ends(compute: Compute, asked: datetime, counts: int):
    view = view_of(source_of(values_at(NOON), X), fs.Aggregation("*", "count", HOUR, offset=HOUR, name="n"))
    assert compute(view, ask(asked)) == [[counts]]


@pytest.mark.parametrize(
    ("asked", "counts"),
    [(ONE_PM + 9 * MINUTE, 0), (ONE_PM + 10 * MINUTE, 1), (ONE_PM + HOUR + 10 * MINUTE, 0)],
)
def test_the_grid_of_a_schedule_is_respected(compute: Compute, asked: datetime, counts: int):
    schedule = fs.Schedule(every=HOUR, lag=10 * MINUTE)
    view = view_of(source_of(values_at(NOON + MICROSECOND), X), COUNT, schedule=schedule)
    assert compute(view, ask(asked)) == [[counts]]


@pytest.mark.parametrize(("asked", "counts"), [(ONE_PM - MICROSECOND, 0), (ONE_PM, 1)])
def test_an_event_counts_from_when_it_is_available(compute: Compute, asked: datetime, counts: int):
    rows = values_at(NOON + MINUTE, seen=[ONE_PM])
    view = view_of(source_of(rows, X, available_at="seen"), COUNT)
    assert compute(view, ask(asked)) == [[counts]]


def test_midnight_is_an_instant_like_any_other(compute: Compute):
    midnight = datetime(2024, 3, 31, tzinfo=UTC)
    rows = values_at(midnight - MICROSECOND, midnight, midnight + MICROSECOND)
    view = view_of(source_of(rows, X), fs.Aggregation("*", "count", "1d", name="n"))
    asked = ask(midnight - MICROSECOND, midnight, midnight + timedelta(days=1))
    assert compute(view, asked) == [[1], [2], [1]]


def test_local_times_of_the_night_when_clocks_go_back(compute: Compute):
    """02:30 comes twice: a source means the later one, 01:30 UTC."""
    rows = values_at(datetime(2024, 10, 27, 2, 30))
    source = fs.InMemorySource(
        "s", data=pa.table({"k": [1], "at": pa.array([rows[0]["at"]]), "x": [1.0]}),
        event_timestamp="at", timezone="Europe/Berlin",
    )  # fmt: skip
    last = datetime(2024, 10, 27, 1, 30, tzinfo=UTC)
    asked = ask(last - MICROSECOND, last, last + HOUR - MICROSECOND, last + HOUR)
    assert compute(view_of(source, COUNT), asked) == [[0], [1], [1], [0]]


EVERYTHING = [
    fs.Aggregation(column, function, HOUR, name=f"{column}_{i}", input_type=dtype)
    for column, dtype, functions in (
        ("x", fs.Float64, ("count", "sum", "mean", "min", "max", "var", "stddev", "first", "last", "median")),
        ("i", fs.Int64, ("sum", "mean", "count_distinct", "mode", "last_n(2)", "first_distinct_n(3)")),
        ("b", fs.Bool, ("any", "all")),
    )
    for i, function in enumerate(functions)
]
EMPTY: list[Any] = [0, 0.0, *[None] * 8, 0, None, 0, None, [], [], None, None]


@pytest.mark.parametrize("window", ["of other times", "of nulls", "where nothing is"])
def test_empty_windows(compute: Compute, window: str):
    at = NOON if window == "of other times" else ONE_PM
    nulls: list[Any] = [None] if window == "of nulls" else [1]
    rows = [{"k": 1, "at": at, "x": nulls[0], "i": nulls[0], "b": nulls[0] and True}]
    features = EVERYTHING
    if window == "where nothing is":
        features = [feature.model_copy(update={"where": "i > 1"}) for feature in EVERYTHING]
    view = view_of(source_of(rows, {**X, "i": pa.int64(), "b": pa.bool_()}), *features)
    asked = [*ask(ONE_PM), *ask(ONE_PM, key=7), *ask(ONE_PM, key=None), *ask(None)]
    assert compute(view, asked) == [EMPTY] * 4


def test_lifetimes_have_no_lower_bound(compute: Compute):
    rows = values_at(datetime(1, 1, 1, tzinfo=UTC), NOON)
    view = view_of(source_of(rows, X), fs.Aggregation("*", "count", fs.LIFETIME))
    assert compute(view, ask(NOON - MICROSECOND, NOON)) == [[1], [2]]


def test_first_and_last_of_equal_times_go_by_created_and_then_by_value(compute: Compute):
    rows = values_at(*[NOON] * 4, made=[NOON, None, ONE_PM, ONE_PM], x=[5.0, 9.0, -0.0, 0.0])
    features = [fs.Aggregation("x", f, HOUR, name=f) for f in ("first", "last")]
    view = view_of(source_of(rows, X, created_timestamp="made"), *features)
    [[first, last]] = compute(view, ask(NOON))
    assert exact([first, last]) == exact([9.0, 0.0])


def test_a_correction_takes_the_place_of_what_it_corrects(compute: Compute):
    rows = values_at(NOON, NOON + MINUTE, made=[NOON, ONE_PM], seen=[NOON, ONE_PM], x=[1.0, 10.0])
    rows = [{**row, "id": 1} for row in rows]
    roles = {"created_timestamp": "made", "available_at": "seen", "event_id": "id"}
    view = view_of(source_of(rows, {**X, "id": pa.int64()}, **roles), fs.Aggregation("x", "sum", "1d"))
    assert compute(view, ask(ONE_PM - MICROSECOND, ONE_PM)) == [[1.0], [10.0]]


def test_nan_is_a_value(compute: Compute):
    rows = values_at(NOON, NOON, NOON, x=[math.nan, 1.0, -math.nan])
    functions = ("sum", "mean", "var", "min", "max", "count", "count_distinct", "median")
    view = view_of(source_of(rows, X), *(fs.Aggregation("x", f, HOUR, name=f) for f in functions))
    [found] = compute(view, ask(NOON))
    nan = math.nan
    assert all(same(a, b) for a, b in zip(found, [nan, nan, nan, 1.0, nan, 3, 2, nan], strict=True)), found


def test_zeros_have_an_order(compute: Compute):
    rows = values_at(NOON, NOON, x=[0.0, -0.0])
    functions = ("min", "max", "count_distinct", "mode", "first", "last")
    view = view_of(source_of(rows, X), *(fs.Aggregation("x", f, HOUR, name=f) for f in functions))
    assert exact(compute(view, ask(NOON))) == exact([[-0.0, 0.0, 2, -0.0, -0.0, 0.0]])


def test_integer_sums_are_exact_on_the_way_to_64_bits(compute: Compute):
    big = 2**63 - 1
    rows = values_at(NOON, NOON, NOON, x=[big, big, -big])
    functions = ("sum", "mean")
    view = view_of(
        source_of(rows, {"x": pa.int64()}), *(fs.Aggregation("x", f, HOUR, name=f) for f in functions)
    )
    assert compute(view, ask(NOON)) == [[big, big / 3]]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_sum_that_does_not_fit_names_the_entity(engine: str):
    rows = values_at(NOON, NOON, x=[2**63 - 1, 1])
    plan = plan_view(view_of(source_of(rows, {"x": pa.int64()}), fs.Aggregation("x", "sum", HOUR)))
    with pytest.raises(SourceError, match=r"the sum 'x_sum_1h' of entity k=1 does not fit into 64 bits"):
        run_historical(make_engine(engine), [plan], entity_table([plan], ask(NOON)))


def test_variance_does_not_drown_in_the_mean(compute: Compute):
    rows = values_at(NOON, NOON, NOON, x=[1e9 + 1, 1e9 + 2, 1e9 + 3])
    view = view_of(source_of(rows, X), fs.Aggregation("x", "var", HOUR), fs.Aggregation("x", "stddev", HOUR))
    [[variance, deviation]] = compute(view, ask(NOON))
    assert variance == pytest.approx(2 / 3, rel=1e-12)
    assert deviation == pytest.approx(math.sqrt(2 / 3), rel=1e-12)


def test_what_passed_through_a_window_leaves_nothing_behind(compute: Compute):
    """A difference of running totals would still hold what the large value swallowed."""
    rows = values_at(NOON, NOON + 2 * HOUR, x=[1e300, 0.1])
    view = view_of(source_of(rows, X), fs.Aggregation("x", "sum", HOUR))
    assert compute(view, ask(NOON, NOON + HOUR, NOON + 2 * HOUR)) == [[1e300], [0.0], [0.1]]


def test_rows_in_rows_out(compute: Compute):
    view = view_of(source_of(values_at(NOON), X), COUNT)
    asked = [*ask(ONE_PM - MICROSECOND, NOON, ONE_PM - MICROSECOND), *ask(NOON, key=2), *ask(NOON)]
    assert compute(view, asked) == [[1], [1], [1], [0], [1]]


ALL_KINDS = [
    fs.Aggregation("x", f, w, name=f"{name}_{i}", where=where)
    for name, f in (
        ("n", "count"), ("s", "sum"), ("m", "max"), ("v", "var"), ("l", "last_n(3)"), ("d", "count_distinct"),
    )
    for i, (w, where) in enumerate((w, where) for w in (HOUR, fs.LIFETIME) for where in (None, "x > 0.5"))
]  # fmt: skip


def random_rows(chance: random.Random, count: int, begin: datetime) -> list[Row]:
    return [
        {"k": chance.choice([1, 2]), "at": begin + chance.randrange(240) * MINUTE, "x": chance.random()}
        for _ in range(count)
    ]


@pytest.mark.parametrize("seed", range(4))
def test_a_future_event_changes_no_past_value(compute: Compute, seed: int):
    chance = random.Random(seed)
    rows = random_rows(chance, 30, NOON)
    asked = [
        {"k": chance.choice([1, 2]), "event_timestamp": NOON + chance.randrange(240) * MINUTE}
        for _ in range(30)
    ]
    later = random_rows(chance, 30, NOON + 240 * MINUTE)
    mixed = chance.sample([*rows, *later], 60)
    before = compute(view_of(source_of(rows, X), *ALL_KINDS), asked)
    after = compute(view_of(source_of(mixed, X), *ALL_KINDS), asked)
    assert exact(_rounded(before)) == exact(_rounded(after))


@pytest.mark.parametrize("seed", range(4))
def test_a_late_event_changes_only_the_windows_that_hold_it(compute: Compute, seed: int):
    chance = random.Random(seed)
    rows = random_rows(chance, 30, NOON)
    late: Row = {"k": 1, "at": NOON + 120 * MINUTE, "x": 100.0}
    asked = ask(*(NOON + minute * MINUTE for minute in range(0, 300, 7)))
    features = [feature for feature in ALL_KINDS if feature.span != fs.LIFETIME]
    before = compute(view_of(source_of(rows, X), *features), asked)
    after = compute(view_of(source_of([late, *rows], X), *features), asked)
    for entity, one, other in zip(asked, before, after, strict=True):
        held = late["at"] <= entity["event_timestamp"] < late["at"] + HOUR
        assert (exact(_rounded([one])) != exact(_rounded([other]))) == held


def _rounded(rows: list[list[Any]]) -> list[list[Any]]:
    """Float sums may be added up in another order."""
    return [[round(value, 9) if isinstance(value, float) else value for value in row] for row in rows]
