"""List features in Snowflake: JSON as the declared lists, and ties that Snowflake cannot settle."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import featurestore as fs
from featurestore.definitions.types import FeatureType
from featurestore.errors import RequestError, SourceError
from featurestore.frames.types import arrow_type
from featurestore.testing.compare import exact
from featurestore.testing.plans import plan_view
from featurestore_connectors.snowflake import SnowflakeEngine
from featurestore_connectors.snowflake.lists import parsed
from tests.warehouse.snowflake_loading import URL, run

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
NAN, INF = math.nan, math.inf
plane = fs.Entity("plane", join_keys={"k": fs.Int64})
_NUMBERS = itertools.count()


@pytest.mark.parametrize(
    ("text", "dtype", "expected"),
    [
        ("[9007199254740993,-9223372036854775808,null]", fs.List(fs.Int64), [2**53 + 1, -(2**63), None]),
        ("[18446744073709551615]", fs.List(fs.UInt64), [2**64 - 1]),
        ("[-128,127]", fs.List(fs.Int8), [-128, 127]),
        ("[]", fs.List(fs.Int64), []),
        ("null", fs.List(fs.Int64), None),
        ("[\n  1,\n  2\n]", fs.List(fs.Int64), [1, 2]),
        ("[0.1,5e-324,1.797693134862315700e+308,-0.0,2]", fs.List(fs.Float64),
         [0.1, 5e-324, 1.7976931348623157e308, -0.0, 2.0]),
        ("[NaN,Infinity,-Infinity,null]", fs.List(fs.Float64), [NAN, INF, -INF, None]),
        ('["NaN","inf","-Infinity",1.5]', fs.List(fs.Float64), [NAN, INF, -INF, 1.5]),
        ("[0.1,16777217]", fs.List(fs.Float32), [0.10000000149011612, 16777216.0]),
        ("[1.5,null]", fs.List(fs.Float16), [1.5, None]),
        ("[1.50,-0.1,12345678901234567890.12,null]", fs.List(fs.Decimal(38, 2)),
         [Decimal("1.50"), Decimal("-0.10"), Decimal("12345678901234567890.12"), None]),
        ('["0.00",1.5,"-12345678901234567890.12"]', fs.List(fs.Decimal(38, 2)),
         [Decimal("0.00"), Decimal("1.50"), Decimal("-12345678901234567890.12")]),
        ("[true,false,null]", fs.List(fs.Bool), [True, False, None]),
        (r'["a\"b\\\n,]","\u00e9\ud83d\ude00","\u0000","NaN","1",null]', fs.List(fs.String),
         ['a"b\\\n,]', "é😀", "\x00", "NaN", "1", None]),
        ("[[1,null],null,[]]", fs.List(fs.List(fs.Int64)), [[1, None], None, []]),
        ("[[NaN,1],null,[]]", fs.List(fs.List(fs.Float64)), [[NAN, 1.0], None, []]),
        ("[1.5,NaN]", fs.Vector(2), [1.5, NAN]),
        ("[0.1,-0.0]", fs.Vector(2, fs.Float64), [0.1, -0.0]),
        ("[[1,2],[3,4]]", fs.List(fs.Vector(2)), [[1.0, 2.0], [3.0, 4.0]]),
    ],
)  # fmt: skip
def test_json_is_read_as_the_declared_list(text: str, dtype: FeatureType, expected: Any) -> None:
    wanted = arrow_type(dtype)
    found = parsed(pa.array([None, text, None, text]), wanted)
    assert found.type == wanted
    found.validate(full=True)
    assert [exact(value) for value in found.to_pylist()] == [
        exact(value) for value in (None, expected, None, expected)
    ]


@pytest.mark.parametrize(
    ("text", "dtype"),
    [
        ("[1.5]", fs.List(fs.Int64)),
        ("[9223372036854775808]", fs.List(fs.Int64)),
        ("[300]", fs.List(fs.Int8)),
        ('["a"]', fs.List(fs.Float64)),
        ('["1.5"]', fs.List(fs.Float64)),
        ("[true]", fs.List(fs.Float64)),
        ("[1]", fs.List(fs.String)),
        ("[0.001]", fs.List(fs.Decimal(9, 2))),
        ("[12345678]", fs.List(fs.Decimal(9, 2))),
        ("1", fs.List(fs.Int64)),
        ('{"a":1}', fs.List(fs.Int64)),
        ("[1.5]", fs.Vector(2)),
        ("[1.5,null]", fs.Vector(2)),
        ("[[1],null]", fs.List(fs.Int64)),
    ],
)
def test_what_is_no_such_list_is_an_error(text: str, dtype: FeatureType) -> None:
    with pytest.raises(pa.ArrowInvalid):
        parsed(pa.array(["[]" if isinstance(dtype, fs.List) else "[1,2]", text]), arrow_type(dtype))


@pytest.fixture(params=["snowflake", "duckdb", "polars"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[fs.FeatureStore]:
    with fs.FeatureStore(registry=f"sqlite:///{tmp_path}/r.db", online="memory://") as opened:
        yield opened


def table(*rows: str) -> str:
    name = f"lists_{next(_NUMBERS)}"
    run(
        f'CREATE TABLE {name} (k INTEGER, "AT" TIMESTAMP_NTZ, made TIMESTAMP_NTZ, n INTEGER, x ARRAY, z ARRAY)'
    )
    for row in rows:
        values = [f"PARSE_JSON({v})" if "[" in v else v for v in row.split(" | ")]
        run(f"INSERT INTO {name} SELECT {', '.join(values)}")
    return name


def view(name: str, *features: tuple[str, FeatureType], **source: Any) -> fs.FeatureView:
    roles = {"event_timestamp": "at", "created_timestamp": "made", **source}
    return fs.FeatureView(
        "v", entities=[plane], source=fs.SnowflakeSource("s", url=URL, table=name, **roles),
        features=[fs.Feature(n, dtype) for n, dtype in features],
    )  # fmt: skip


X = ("x", fs.List(fs.Int64))
N = ("n", fs.Int64)
AT, EARLY = "'2024-05-01 11:00'", "'2024-05-01 09:00'"


def ask(store: fs.FeatureStore, asked: fs.FeatureView, engine: str, *keys: int) -> pa.Table:
    rows = pa.table({"k": keys, "event_timestamp": pa.array([NOON] * len(keys), pa.timestamp("us", "UTC"))})
    return store.get_historical_features(rows, [asked], engine=engine).to_arrow()


def test_lists_come_back_on_each_engine(snowflake_url: str, store: fs.FeatureStore, engine: str) -> None:
    made = table(
        f"1 | {AT} | {AT} | 1 | '[9007199254740993, null]' | '[0.1, 2]'",
        f"2 | {AT} | {AT} | 2 | NULL | '[]'",
        f"2 | {EARLY} | {AT} | 2 | '[7]' | '[7]'",
    )
    asked = view(made, N, X, ("z", fs.List(fs.Float64)))
    found = ask(store, asked, engine, 2, 1, 3)
    assert found.schema.field("x").type == pa.list_(pa.int64())
    assert found.select(["n", "x", "z"]).to_pylist() == [
        {"n": 2, "x": None, "z": []},
        {"n": 1, "x": [2**53 + 1, None], "z": [0.1, 2.0]},
        {"n": None, "x": None, "z": None},
    ]
    store.apply([asked])
    store.materialize(end=NOON, engine=engine)
    online = store.get_online_features("v", [{"k": 1}, {"k": 2}]).to_dict()
    assert (online["x"], online["z"]) == ([[2**53 + 1, None], None], [[0.1, 2.0], []])


@pytest.mark.parametrize(
    ("text", "dtype", "expected"),
    [
        (r'["a\"b\\c\n", "é😀", "", null]', fs.List(fs.String), ['a"b\\c\n', "é😀", "", None]),
        ("[[1, null], [], null]", fs.List(fs.List(fs.Int64)), [[1, None], [], None]),
        ("[0.1, -2]", fs.Vector(2, fs.Float64), [0.1, -2.0]),
        ("[0.5, -0.0]", fs.Vector(2), [0.5, -0.0]),
        ("[1.25, -3, null]", fs.List(fs.Decimal(20, 2)), [Decimal("1.25"), Decimal("-3.00"), None]),
        ("[true, null]", fs.List(fs.Bool), [True, None]),
    ],
    ids=str,
)
def test_lists_of_every_kind_come_back_on_each_engine(
    snowflake_url: str, store: fs.FeatureStore, engine: str, text: str, dtype: FeatureType, expected: Any
) -> None:
    made = table(f"1 | {AT} | {AT} | 1 | $${text}$$ | NULL", f"2 | {AT} | {AT} | 1 | NULL | NULL")
    found = ask(store, view(made, ("x", dtype)), engine, 1, 2, 3).column("x")
    assert found.type == arrow_type(dtype)
    assert [exact(value) for value in found.to_pylist()] == [exact(value) for value in (expected, None, None)]


TIES = {
    "other lists": ([f"1 | {AT} | {AT} | 1 | '[1]' | NULL", f"1 | {AT} | {AT} | 1 | '[2]' | NULL"], True),
    "a list and none": ([f"1 | {AT} | {AT} | 1 | '[1]' | NULL", f"1 | {AT} | {AT} | 1 | NULL | NULL"], True),
    "equal lists": ([f"1 | {AT} | {AT} | 1 | '[1]' | NULL", f"1 | {AT} | {AT} | 1 | '[1]' | NULL"], False),
    "a feature before them decides": (
        [f"1 | {AT} | {AT} | 9 | '[1]' | NULL", f"1 | {AT} | {AT} | 1 | '[2]' | NULL"], False),
    "the created time decides": (
        [f"1 | {AT} | {AT} | 1 | '[1]' | NULL", f"1 | {AT} | {EARLY} | 1 | '[2]' | NULL"], False),
    "a tie that nobody sees": (
        [f"1 | {AT} | {AT} | 1 | '[1]' | NULL", f"1 | {EARLY} | {AT} | 1 | '[1]' | NULL",
         f"1 | {EARLY} | {AT} | 1 | '[2]' | NULL"], False),
    "a tie of another entity": (
        [f"1 | {AT} | {AT} | 1 | '[1]' | NULL", f"2 | {AT} | {AT} | 1 | '[1]' | NULL",
         f"2 | {AT} | {AT} | 1 | '[2]' | NULL"], False),
}  # fmt: skip


@pytest.mark.parametrize("roles", [{}, {"available_at": "at"}], ids=["asof", "running"])
@pytest.mark.parametrize(("rows", "refused"), TIES.values(), ids=TIES)
def test_only_ties_that_lists_decide_are_refused(
    snowflake_url: str, store: fs.FeatureStore, rows: list[str], refused: bool, roles: dict[str, str]
) -> None:
    asked = view(table(*rows), N, X, **roles)
    if not refused:
        assert ask(store, asked, "snowflake", 1).column("x").to_pylist() == [[1]]
        return
    with pytest.raises(
        RequestError, match="two rows of one entity have the same event and created"
    ) as caught:
        ask(store, asked, "snowflake", 1)
    assert "has lists (x), which Snowflake cannot order" in str(caught.value)
    assert "engine='duckdb'" in str(caught.value)
    store.apply([asked])
    with pytest.raises(RequestError, match="cannot order"):
        store.materialize(end=NOON, engine="snowflake")
    assert ask(store, asked, "duckdb", 1).equals(ask(store, asked, "polars", 1))


def test_what_json_cannot_tell_and_tables_are_refused(snowflake_url: str, store: fs.FeatureStore) -> None:
    made = table(f"1 | {AT} | {AT} | 1 | '[1]' | NULL")
    with pytest.raises(RequestError, match="has features of type list<bytes>"):
        ask(store, view(made, ("x", fs.List(fs.Bytes))), "snowflake", 1)
    with pytest.raises(SourceError, match=r"column 'n' .* does not convert to list<int64>"):
        ask(store, view(made, ("n", fs.List(fs.Int64))), "snowflake", 1)
    with pytest.raises(SourceError, match="holds a value that is not a list<bool>"):
        ask(store, view(made, ("x", fs.List(fs.Bool))), "snowflake", 1)
    rows = pa.table({"k": [1], "event_timestamp": [NOON]})
    frame = store.get_historical_features(rows, [view(made, X)], engine="snowflake")
    with pytest.raises(RequestError, match="a table shows no ties"):
        frame.to_table("with_lists")


def test_views_with_lists_run_there_only_when_that_is_asked_for(snowflake_url: str) -> None:
    suits = SnowflakeEngine().suits(views=[plan_view(view("any", N, X))], entity_rows=1)
    assert not suits.better
    assert suits.reason == "view 'v' has lists (x), which Snowflake cannot order"
