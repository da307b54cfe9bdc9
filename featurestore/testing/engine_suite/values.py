"""Rules 3 and 7 on values: their total order, and that none changes its type or a bit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal as Number
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest

from featurestore.definitions.types import (
    Bool,
    Bytes,
    Date,
    Decimal,
    FeatureType,
    Float16,
    Float32,
    Float64,
    Int8,
    Int16,
    Int32,
    Int64,
    List,
    String,
    Timestamp,
    UInt8,
    UInt16,
    UInt32,
    UInt64,
    Vector,
    ZonedTimestamp,
)
from featurestore.frames.types import arrow_type
from featurestore.protocols.offline import OfflineEngine
from featurestore.testing.compare import exact
from featurestore.testing.engine_suite.base import HOUR, MICROSECOND, NOON, ask, at, make_view, rows
from featurestore.testing.plans import entity_table, features_schema, plan_view, run_historical

NAN, INF = math.nan, math.inf
FLOATS = [None, -INF, -1.5, -0.0, 0.0, 1.5, INF, NAN]
ASCENDING: list[tuple[FeatureType, list[Any]]] = [
    *((t, [None, -(2 ** (bits - 1)), -1, 0, 2 ** (bits - 1) - 1])
      for t, bits in [(Int8, 8), (Int16, 16), (Int32, 32), (Int64, 64)]),
    *((t, [None, 0, 1, 2 ** (bits - 1), 2**bits - 1])
      for t, bits in [(UInt8, 8), (UInt16, 16), (UInt32, 32), (UInt64, 64)]),
    (Int64, [2**53, 2**53 + 1]),
    (Float64, FLOATS), (Float32, FLOATS), (Float16, FLOATS),
    (Float64, [-5e-324, -0.0]), (Float64, [0.0, 5e-324]),
    (Bool, [None, False, True]),
    (String, [None, "", "\x00", "B", "a", "a\x00", "aa", "b", "é", "\uffff", "😀"]),
    (Bytes, [None, b"", b"\x00", b"\x00\x00", b"a", b"\x7f", b"\x80", b"\xff"]),
    (Date, [None, date(1, 1, 1), date(1969, 12, 31), date(1970, 1, 1), date(9999, 12, 31)]),
    (Timestamp, [None, datetime(1, 1, 1, tzinfo=UTC), NOON, NOON + MICROSECOND]),
    (ZonedTimestamp("America/New_York"),
     [None, datetime(2024, 11, 3, 5, 30, tzinfo=UTC), datetime(2024, 11, 3, 6, 15, tzinfo=UTC)]),
    (Decimal(9, 2), [None, Number("-1.50"), Number("-0.01"), Number("0.00"), Number("0.01"), Number("10.00")]),
    (Decimal(38, 0), [None, Number(-(10**37)), Number(2**63), Number(10**37), Number(10**37 + 1)]),
    (List(Int64), [None, [], [None], [None, None], [None, 1], [-1], [1], [1, None], [1, 0], [2]]),
    (List(Float64), [None, [], [None], [-INF], [-0.0], [-0.0, NAN], [0.0], [INF], [NAN], [NAN, None], [NAN, 1.0]]),
    (List(String), [None, [], [None], [""], ["B"], ["a"], ["a", None], ["a", ""], ["aa"], ["é"]]),
    (List(Bool), [None, [], [None], [False], [False, True], [True]]),
    (List(List(Int64)), [None, [], [None], [[]], [[], []], [[None]], [[1]], [[1], None], [[1], []], [[1, 0]]]),
    (Vector(2), [None, [-INF, NAN], [-0.0, 0.0], [0.0, -0.0], [0.0, 0.0], [NAN, -1.0], [NAN, NAN]]),
    (Vector(1, Float16), [None, [-0.0], [0.0], [NAN]]), (Vector(2, Float64), [[0.0, 0.1], [0.1, 0.0]]),
]  # fmt: skip


def typed_view(dtype: FeatureType, values: Sequence[Any], **more: Any) -> Any:
    """One row of entity 1 at noon for each value."""
    table = pa.table({
        "k": pa.array([1] * len(values), pa.int64()), "at": pa.array([NOON] * len(values)),
        "x": pa.array(values, arrow_type(dtype)),
    })  # fmt: skip
    return make_view(table, features={"x": dtype}, **more)


def _type_only(value: object) -> str:
    return str(value) if isinstance(value, FeatureType) else ""


class ValueCases:
    """Order and type of every kind of value."""

    @pytest.mark.parametrize(("dtype", "ascending"), ASCENDING, ids=_type_only)
    def test_the_greatest_of_two_tied_rows_is_chosen(
        self, engine: OfflineEngine, dtype: FeatureType, ascending: Sequence[Any]
    ) -> None:
        keys = [key for key, _ in enumerate(pairwise(ascending)) for _ in range(2)]
        for turn in (1, -1):
            values = [value for pair in pairwise(ascending) for value in pair[::turn]]
            table = pa.table({
                "k": pa.array(keys, pa.int64()), "at": pa.array([NOON] * len(keys), pa.timestamp("us", "UTC")),
                "x": pa.array(values, arrow_type(dtype)),
            })  # fmt: skip
            entities = [{"k": key, "event_timestamp": NOON} for key in range(len(ascending) - 1)]
            found = ask(engine, make_view(table, features={"x": dtype}), entities)["x"]
            assert [exact(value) for value in found] == [exact(value) for value in ascending[1:]]

    @pytest.mark.parametrize(("dtype", "values"), ASCENDING, ids=_type_only)
    def test_the_greatest_of_many_tied_rows_is_chosen(
        self, engine: OfflineEngine, dtype: FeatureType, values: list[Any]
    ) -> None:
        middle = len(values) // 2
        for turned in (values, values[::-1], values[middle:] + values[:middle]):
            (found,) = ask(engine, typed_view(dtype, turned), at(NOON))["x"]
            assert exact(found) == exact(values[-1])

    @pytest.mark.parametrize(("dtype", "values"), ASCENDING, ids=_type_only)
    def test_values_come_back_as_they_are_beside_missing_ones(
        self, engine: OfflineEngine, dtype: FeatureType, values: list[Any]
    ) -> None:
        table = pa.table({
            "k": pa.array(range(len(values)), pa.int64()), "at": pa.array([NOON] * len(values)),
            "x": pa.array(values, arrow_type(dtype)),
        })  # fmt: skip
        plan = plan_view(make_view(table, features={"x": dtype}))
        entities = [{"k": key, "event_timestamp": NOON} for key in [-1, *range(len(values)), None]]
        found = run_historical(engine, [plan], entity_table([plan], entities))
        assert found.schema == features_schema([plan])
        wanted = [None, *values, None]
        assert [exact(value) for value in found.column("x").to_pylist()] == [exact(value) for value in wanted]

    def test_all_nans_are_equal_and_the_next_feature_decides(self, engine: OfflineEngine) -> None:
        columns = ("k", "at", "a", "b")
        view = make_view(
            rows((1, NOON, -NAN, 2), (1, NOON, NAN, 1), columns=columns), features={"a": Float64, "b": Int64}
        )
        assert ask(engine, plan_view(view, features=["b"]), at(NOON)) == {"b": [2]}

    def test_ties_are_settled_by_all_features_in_name_order(self, engine: OfflineEngine) -> None:
        columns = ("k", "at", "a", "b", "c")
        data = rows(
            (1, NOON, 1, 9, 1),
            (1, NOON, 2, 0, 7),
            (1, NOON, 2, 0, 8),
            (1, NOON, None, 99, 9),
            columns=columns,
        )
        features = {"c": Int64, "b": Int64, "a": Int64}
        for turned in (data, data[::-1]):
            view = make_view(turned, features=features)
            assert ask(engine, plan_view(view, features=["c"]), at(NOON)) == {"c": [8]}
            assert ask(engine, plan_view(view, features=["b", "a"]), at(NOON)) == {"b": [0], "a": [2]}

    def test_name_order_is_that_of_the_features_not_of_their_columns(self, engine: OfflineEngine) -> None:
        from featurestore.definitions.feature import Feature

        data = rows((1, NOON, 1, 2), (1, NOON, 2, 1), columns=("k", "at", "p", "q"))
        view = make_view(data, features={"p": Int64}).model_copy(
            update={"features": (Feature("a", Int64, column="q"), Feature("b", Int64, column="p"))}
        )
        assert ask(engine, view, at(NOON)) == {"a": [2], "b": [1]}

    def test_the_values_of_one_row_stay_together(self, engine: OfflineEngine) -> None:
        data = rows((1, NOON, None, 5), (1, NOON - HOUR, 4, 6), columns=("k", "at", "a", "b"))
        view = make_view(data, features={"a": Int64, "b": Int64})
        assert ask(engine, view, at(NOON)) == {"a": [None], "b": [5]}

    @pytest.mark.parametrize(
        ("found", "dtype", "value", "expected"),
        [
            (pa.int8(), Int64, -5, -5),
            (pa.uint32(), Int64, 2**32 - 1, 2**32 - 1),
            (pa.int32(), Float64, 7, 7.0),
            (pa.float32(), Float64, 1.5, 1.5),
            (pa.float16(), Float32, 1.5, 1.5),
            (pa.large_string(), String, "é", "é"),
            (
                pa.string_view(),
                String,
                "a string of more than twelve bytes",
                "a string of more than twelve bytes",
            ),
            (pa.large_binary(), Bytes, b"\x00", b"\x00"),
            (pa.binary(2), Bytes, b"ab", b"ab"),
            (pa.binary_view(), Bytes, b"ab", b"ab"),
            (pa.decimal128(5, 1), Decimal(9, 2), Number("1.5"), Number("1.50")),
            (pa.int32(), Decimal(20, 3), 5, Number("5.000")),
            (pa.large_list(pa.int32()), List(Int64), [1, None], [1, None]),
            (pa.list_(pa.float32(), 2), List(Float64), [1.5, None], [1.5, None]),
            (pa.list_(pa.float64()), Vector(2, Float64), [1.5, -0.0], [1.5, -0.0]),
            (pa.list_(pa.float16(), 2), Vector(2), [1.5, 2.0], [1.5, 2.0]),
            (pa.timestamp("s", "UTC"), Timestamp, NOON, NOON),
            (pa.timestamp("ms", "Asia/Kolkata"), Timestamp, NOON, NOON),
            (pa.timestamp("us", "UTC"), ZonedTimestamp("Europe/Berlin"), NOON, NOON),
            (pa.timestamp("us"), Timestamp, datetime(2024, 5, 1, 8), NOON),
            (pa.null(), List(String), None, None),
        ],
        ids=str,
    )
    def test_a_source_of_another_type_converts_without_loss(
        self, engine: OfflineEngine, found: pa.DataType, dtype: FeatureType, value: Any, expected: Any
    ) -> None:
        table = pa.table({
            "k": pa.array([1, 2], pa.int64()), "at": pa.array([NOON] * 2), "x": pa.array([value, None], found)
        })  # fmt: skip
        view = make_view(table, features={"x": dtype}, timezone="America/New_York")
        answers = ask(engine, view, [*at(NOON), *at(NOON, k=2)])["x"]
        assert [exact(answer) for answer in answers] == [exact(expected), exact(None)]

    def test_a_dictionary_of_strings(self, engine: OfflineEngine) -> None:
        texts = pa.array(["b", "a", None, "b"]).dictionary_encode()
        table = pa.table({"k": texts, "at": pa.array([NOON] * 4), "x": texts})
        view = make_view(table, keys={"k": String}, features={"x": String})
        asked = [{"k": k, "event_timestamp": NOON} for k in ("a", "b", "c")]
        assert ask(engine, view, asked) == {"x": ["a", "b", None]}
