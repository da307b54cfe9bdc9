"""Rule 5 where everything meets: few instants, many rows, every function, window and condition at once."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

import featurestore as fs
from featurestore.definitions.functions import FUNCTIONS
from featurestore.engines.duckdb import windows as duckdb_windows
from featurestore.testing import oracle
from featurestore.testing.compare import assert_rows, same
from featurestore.testing.plans import entity_table, plan_view, run_historical, run_latest
from featurestore.testing.strategies.columns import NANS
from featurestore.windows import chunk, ranges
from tests.engines.available import ENGINES, make_engine

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
MINUTE, MICROSECOND = timedelta(minutes=1), timedelta(microseconds=1)
INSTANT = pa.timestamp("us", "UTC")
COLUMNS: dict[str, tuple[Any, pa.DataType, list[Any]]] = {
    "i": (fs.Int64, pa.int64(), [None, 0, 1, 1, -7, 2**53 + 1, 2**53 + 3]),
    "x": (fs.Float64, pa.float64(), [None, -0.0, 0.0, 0.1, 0.1, 1e9 + 1, 1e9 + 2, -2.5]),
    "y": (fs.Float32, pa.float32(), [None, *NANS, math.inf, -math.inf, -0.0, 0.5]),
    "b": (fs.Bool, pa.bool_(), [None, True, False, True]),
    "s": (fs.String, pa.string(), [None, "", "a", "a", "é"]),
}
WINDOWS: list[Any] = [MICROSECOND, MINUTE, 3 * MINUTE, fs.LIFETIME]
CONDITIONS = [None, "w > 0", "w IS NULL OR s = 'a'"]
ARGUMENTS = {"count": "(2)", "fraction": "(0.3)", "duration": "(1m)", None: ""}
ROLES: list[dict[str, Any]] = [
    {},
    {"created_timestamp": "made"},
    {"created_timestamp": "made", "available_at": "seen"},
    {"created_timestamp": "made", "event_id": "id"},
    {"available_at": "seen", "event_id": "id"},
    {"created_timestamp": "made", "available_at": "seen", "event_id": "id"},
]


def instant(chance: random.Random, minutes: int) -> datetime:
    return NOON + chance.randrange(minutes) * MINUTE + chance.choice([0, 0, 0, 1, -1]) * MICROSECOND


def rows_of(chance: random.Random, count: int) -> list[dict[str, Any]]:
    pools = {name: pool for name, (_, _, pool) in COLUMNS.items()}
    return [
        {
            "k": chance.choice([1, 1, 2]),
            "at": instant(chance, 5),
            "made": chance.choice([None, instant(chance, 2), instant(chance, 2)]),
            "seen": chance.choice([None, *[instant(chance, 9)] * 5]),
            "id": chance.choice([None, 1, 2, 3]),
            "w": chance.choice([None, 0, 1]),
            **{name: chance.choice(pool) for name, pool in pools.items()},
        }
        for _ in range(count)
    ]


def table_of(rows: list[dict[str, Any]]) -> pa.Table:
    types = {"k": pa.int64(), "id": pa.int64(), "w": pa.int64()} | dict.fromkeys(
        ("at", "made", "seen"), INSTANT
    )
    types |= {name: physical for name, (_, physical, _) in COLUMNS.items()}
    return pa.table({name: pa.array([row[name] for row in rows], dtype) for name, dtype in types.items()})


def aggregations(chance: random.Random) -> list[fs.Aggregation]:
    """Every function over every column that it takes, each with one of the conditions and offsets."""
    found = [fs.Aggregation("*", "count", WINDOWS, name="rows")]
    for column, (dtype, _, _) in COLUMNS.items():
        for name, function in FUNCTIONS.items():
            if function.accepts(dtype):
                found.append(
                    fs.Aggregation(
                        column,
                        name + ARGUMENTS[function.argument],
                        chance.sample(WINDOWS, 2),
                        name=f"{column}_{name}",
                        where=chance.choice(CONDITIONS),
                        offset=chance.choice([timedelta(0), timedelta(0), MINUTE]),
                        input_type=dtype,
                    )
                )
    return [*found, *series(chance), *by_keys(chance)]


def series(chance: random.Random) -> list[fs.Aggregation]:
    """Every function with one value over one column, for several windows."""
    found = []
    for name, function in FUNCTIONS.items():
        column = "b" if function.accepts(fs.Bool) and not function.accepts(fs.Int64) else chance.choice("ix")
        if function.empty != ():
            text = name + ARGUMENTS[function.argument]
            spans: list[Any] = [MICROSECOND, MINUTE]
            dtype, count = COLUMNS[column][0], chance.choice([1, 2, 5])
            offset = chance.choice([timedelta(0), MINUTE])
            found.append(
                fs.Aggregation(
                    column, text, spans, name=f"series_{name}", offset=offset, series=count, input_type=dtype
                )
            )
    return found


def by_keys(chance: random.Random) -> list[fs.Aggregation]:
    """Every function over some column and by another one."""
    found = []
    for name, function in FUNCTIONS.items():
        column = chance.choice([c for c in COLUMNS if function.accepts(COLUMNS[c][0])])
        by = chance.choice("ibs")
        found.append(
            fs.Aggregation(
                chance.choice(["*", column]) if function.rows else column,
                name + ARGUMENTS[function.argument],
                chance.sample(WINDOWS, 2),
                name=f"by_{name}",
                where=chance.choice(CONDITIONS),
                by=by,
                keys=chance.choice([1, 2, 9]),
                input_type=COLUMNS[column][0],
                by_type=COLUMNS[by][0],
            )
        )
    return found


@pytest.fixture(params=ENGINES, scope="module")
def engine(request):
    return make_engine(request.param)


@pytest.mark.parametrize("seed", range(18))
def test_everything_at_once(engine, seed: int):
    chance = random.Random(seed)
    rows = rows_of(chance, 40)
    view = fs.FeatureView(
        "v",
        entities=[fs.Entity("e", join_keys={"k": fs.Int64})],
        source=fs.InMemorySource(
            "s",
            data=table_of(rows),
            event_timestamp="at",
            delay=chance.choice([None, None, MINUTE]),
            **ROLES[seed % len(ROLES)],
        ),
        features=aggregations(chance),
        schedule=chance.choice([None, None, fs.Schedule(2 * MINUTE, lag=MINUTE)]),
    )
    entities = [
        {
            "k": chance.choice([1, 1, 2, 3, None]),
            "event_timestamp": chance.choice([None, *[instant(chance, 10)] * 9]),
        }
        for _ in range(40)
    ]
    plan = plan_view(view)
    found = run_historical(engine, [plan], entity_table([plan], entities))
    assert_rows(found, oracle.historical(view, rows, entities))
    at = instant(chance, 8)
    latest = {row["k"]: row for row in run_latest(engine, plan, at=oracle.entity_instant(at)).to_pylist()}
    expected = oracle.latest(view, rows, at)
    assert set(latest) == {key for (key,) in expected}
    for (key,), row in expected.items():
        for name, value in row.values.items():
            assert same(latest[key][name], value), (key, name, latest[key][name], value)


@pytest.mark.parametrize("seed", range(3))
def test_batches_of_a_few_positions(engine, monkeypatch, seed: int):
    """What is laid side by side is taken apart nearly after each instant."""
    monkeypatch.setattr(ranges, "BATCH", 5)
    test_everything_at_once(engine, seed)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("piece", [1, 15])
def test_pieces_of_a_few_events(engine, monkeypatch, piece: int, seed: int):
    """Entities are taken in several chunks, and these in several pieces."""
    monkeypatch.setattr(chunk, "PIECE", piece)
    monkeypatch.setattr(duckdb_windows, "CHUNK_BYTES", 1000)
    test_everything_at_once(engine, seed)


@pytest.mark.parametrize("seed", range(6))
def test_long_windows(engine, seed: int):
    """Many more rows than blocks have, in one window and in windows that begin and end anywhere."""
    chance = random.Random(seed)
    count = chance.choice([500, 3000])
    rows = [
        {
            "k": 1,
            "at": NOON + i * MICROSECOND,
            "x": chance.uniform(-1, 1) + 1e6,
            "i": chance.randrange(-(2**55), 2**55),
        }
        for i in range(count)
    ]
    table = pa.table({"k": [1] * count, "at": pa.array([row["at"] for row in rows], INSTANT),
                      "x": [row["x"] for row in rows], "i": [row["i"] for row in rows]})  # fmt: skip
    spans: list[Any] = [timedelta(microseconds=n) for n in (63, 64, 129, 300, 2000)] + [fs.LIFETIME]
    functions = [
        "sum",
        "mean",
        "var",
        "stddev",
        "min",
        "max",
        "median",
        "count_distinct",
        "decayed_sum(50us)",
    ]
    features = [
        fs.Aggregation(c, f, spans, input_type=t)
        for c, t in (("x", fs.Float64), ("i", fs.Int64))
        for f in functions
    ]
    view = fs.FeatureView(
        "v",
        entities=[fs.Entity("e", join_keys={"k": fs.Int64})],
        source=fs.InMemorySource("s", data=table, event_timestamp="at"),
        features=features,
    )
    entities = [
        {"k": 1, "event_timestamp": NOON + chance.randrange(count + 9) * MICROSECOND} for _ in range(8)
    ]
    plan = plan_view(view)
    found = run_historical(engine, [plan], entity_table([plan], entities))
    assert_rows(found, oracle.historical(view, rows, entities))
