"""What is read of PostgreSQL: rows that cannot matter are left out by the server, and columns that nobody asked for."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pyarrow as pa
import pytest

import featurestore as fs
from featurestore.definitions.steps import row_steps
from featurestore.protocols.offline import Changes, ViewPlan
from featurestore.protocols.sources import ChangedEntities, WantedRows
from featurestore.testing.plans import entity_table, key_table, plan_view, run_historical, run_latest
from featurestore_connectors.postgres import PostgresReader
from tests.engines.available import ENGINES, make_engine
from tests.warehouse.loading import rows_of_query

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
# Whoever reads x of a row out of reach divides by zero.
POISONED = """
SELECT k, k::text AS name, at, at AS loaded, k / (CASE WHEN {poison} THEN 0 ELSE 1 END) AS x{unused}
FROM generate_series(1, 9) AS k, generate_series('2024-04-30'::timestamptz, '2024-05-03', '1 hour') AS at
"""


@pytest.fixture(params=ENGINES)
def engine(request):
    return make_engine(request.param)


def view(poison: str, unused: str = ", 1 / 0 AS unused", **arguments: Any) -> fs.FeatureView:
    fields: dict[str, Any] = {"features": [fs.Feature("x", fs.Int64)], **arguments}
    source = rows_of_query(POISONED.format(poison=poison, unused=unused), **fields.pop("roles", {}))
    return fs.FeatureView("v", entities=[fs.Entity("e", join_keys={"k": fs.Int64})], source=source, **fields)


def plan_of(view: fs.FeatureView) -> ViewPlan:
    return replace(plan_view(view), steps=row_steps(view))


def asked(plan, *rows: tuple[int | None, datetime | None]) -> pa.Table:
    return entity_table([plan], [{"k": key, "event_timestamp": at} for key, at in rows])


@pytest.mark.parametrize(
    ("poison", "arguments"),
    [
        pytest.param("at > '2024-05-01 12:00Z'", {}, id="the future"),
        pytest.param("at < '2024-05-01 09:00Z'", {"ttl": 2 * HOUR}, id="the expired past"),
        pytest.param("at > '2024-05-01 11:00Z'", {"roles": {"delay": HOUR}}, id="what is not visible yet"),
        pytest.param(
            "at > '2024-05-01 06:00Z'", {"schedule": fs.Schedule(6 * HOUR, lag=HOUR)}, id="the grid"
        ),
        pytest.param("k NOT IN (3, 7)", {}, id="other entities"),
        pytest.param("k NOT IN (3, 7)", {"sql": "SELECT *, x + 1 AS y FROM {source}"}, id="SQL in between"),
        pytest.param("k > 7 OR at > '2024-05-01 12:00Z'", {"roles": {"where": "k < 8"}}, id="a filter"),
    ],
)
def test_rows_out_of_reach_are_not_read_for_a_training_frame(engine, shared_warehouse, poison, arguments):
    plan = plan_of(view(poison, **arguments))
    found = run_historical(engine, [plan], asked(plan, (7, NOON), (3, NOON - HOUR), (None, NOON), (7, None)))
    assert [row["x"] for row in found.to_pylist()] == [7, 3, None, None]


def test_all_rows_are_read_where_a_transform_could_see_them(engine, shared_warehouse):
    everything = "SELECT * EXCLUDE (x), max(x) OVER () AS x FROM {source}"
    plan = plan_of(view("false", unused="", sql=everything, trusted=True))
    assert run_historical(engine, [plan], asked(plan, (3, NOON))).to_pylist() == [{"x": 9}]


def test_rows_out_of_reach_are_not_read_for_the_latest(engine, shared_warehouse):
    plan = plan_of(view("at > '2024-05-01 12:00Z' OR k = 8"))
    at = int(NOON.timestamp()) * 1_000_000
    found = run_latest(engine, plan, at=at, keys=key_table(plan, [{"k": 3}, {"k": 7}]))
    assert {(row["k"], row["x"]) for row in found.to_pylist()} == {(3, 3), (7, 7)}


@pytest.mark.parametrize(
    "features",
    [[fs.Feature("x", fs.Int64)], [fs.Aggregation("x", "max", window=HOUR, name="x")]],
    ids=["plain", "windows"],
)
def test_an_incremental_run_reads_the_entities_that_have_changed(engine, shared_warehouse, features):
    # Of k = 3 a row was loaded late, and k = 7 is asked for besides; of the others nothing is read.
    query = POISONED.format(poison="k NOT IN (3, 7)", unused="")
    late = "CASE WHEN k = 3 AND at = '2024-05-01 11:00Z' THEN at + interval '9 hours' ELSE at END AS put"
    query = f"SELECT *, {late} FROM ({query}) q"
    source = rows_of_query(query, created_timestamp="put")
    asking = fs.FeatureView(
        "v", entities=[fs.Entity("e", join_keys={"k": fs.Int64})], source=source, features=features
    )
    at = int((NOON + HOUR / 2).timestamp()) * 1_000_000
    changes = Changes(since=at - 60_000_000, known_after=int((NOON + 7 * HOUR).timestamp()) * 1_000_000)
    plan = plan_of(asking)
    found = run_latest(engine, plan, at=at, changes=changes, keys=key_table(plan, [{"k": 7}]))
    assert {(row["k"], row["x"]) for row in found.to_pylist()} == {(3, 3), (7, 7)}


def test_nothing_is_read_to_explain(engine, shared_warehouse):
    assert engine.explain(views=[plan_of(view("true"))])


def read(query: str, **wanted: Any) -> list[object]:
    source = rows_of_query(query)
    rows = PostgresReader().read(source=source, columns={"x": None}, rows=WantedRows(**wanted)).read_all()
    return sorted(rows.column("x").to_pylist())


TIMES = [NOON + n * HOUR for n in (-100, -1, 0, 1, 100)]


@pytest.mark.parametrize(
    ("kind", "least", "most"),
    [("timestamptz", [1, 2], [1, 2]), ("timestamp", [1, 2], [1, 2]), ("date", [1, 2], [1, 2, 3])],
)
def test_bounds_leave_out_no_row_within_them(shared_warehouse, kind, least, most):
    values = ", ".join(
        f"({n}, ('{moment}'::timestamptz AT TIME ZONE 'UTC')::{kind})" for n, moment in enumerate(TIMES)
    )
    micros = [int(moment.timestamp()) * 1_000_000 for moment in TIMES]
    found = read(f"SELECT * FROM (VALUES {values}) v(x, at)", earliest=micros[1], latest=micros[2])
    assert set(least) <= set(found) <= set(most)


def test_bounds_beyond_the_calendar_leave_out_nothing(shared_warehouse):
    found = read("SELECT 1 AS x, now() AS at", earliest=-(2**63), latest=2**63 - 1)
    assert found == [1]


UUIDS = [str(uuid.UUID(int=n)) for n in range(3)]


@pytest.mark.parametrize(
    ("kind", "present", "dtype", "keys", "expected"),
    [
        ("int", "1", pa.int64(), [1, 2**40], True),
        ("smallint", "1", pa.uint64(), [2**63, 1], True),
        ("text", "E'it''s \\\\ \"x\"'", pa.string(), ['it\'s \\ "x"', "a,b{}", "NULL", ""], True),
        ("text", "'NULL'", pa.string(), ["NULL"], True),
        ("text", "'a'", pa.string(), ["a\x00", "b"], False),
        ("varchar(3)", "'a'", pa.string(), ["a"], True),
        ("char(3)", "'a'", pa.string(), ["a"], True),
        ("uuid", f"'{UUIDS[1]}'", pa.string(), ["no uuid", UUIDS[1]], True),
        ("uuid", f"'{UUIDS[1]}'", pa.string(), ["no uuid", UUIDS[2]], False),
        ("boolean", "true", pa.bool_(), [True], True),
        ("date", "'2024-02-29'", pa.date32(), [date(2024, 2, 29)], True),
        ("date", "'2024-02-29'", pa.date32(), [date(2024, 2, 28)], False),
        ("timestamptz", f"'{NOON}'", pa.timestamp("us", "UTC"), [NOON], True),
        ("timestamptz", f"'{NOON}'", pa.timestamp("us", "UTC"), [NOON - HOUR], False),
        ("bytea", "'\\x00'", pa.binary(), [b"\x00"], True),
    ],
)
def test_keys_find_their_rows_alone_and_together(shared_warehouse, kind, present, dtype, keys, expected):
    query = f"SELECT {present}::{kind} AS k, 5 AS other, 1 AS x, now() AS at"
    table = pa.table({"k": pa.array(keys, dtype)})
    assert read(query, keys=table) == ([1] if expected else [])
    together = table.append_column("other", pa.array([5] * len(keys), pa.int64()))
    assert read(query, keys=together) == ([1] if expected else [])
    assert read(query, keys=together.set_column(1, "other", pa.array([4] * len(keys), pa.int64()))) == []


def test_no_keys_no_rows(shared_warehouse):
    assert read("SELECT 1 AS k, 1 AS x, now() AS at", keys=pa.table({"k": pa.array([], pa.int64())})) == []


def test_an_index_serves_the_keys(shared_warehouse):
    from featurestore_connectors.postgres.sql import among

    keys = pa.table({"a": pa.array(range(50), pa.int64()), "b": [f"b{n}" for n in range(50)]})
    with psycopg.connect(shared_warehouse, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE indexed AS SELECT g AS a, 'b' || g AS b FROM generate_series(1, 50000) g"
        )
        connection.execute("CREATE INDEX ON indexed (a, b)")
        connection.execute("ANALYZE indexed")
        condition = among({"a": "int4", "b": "text"}, keys)
        plan = connection.execute(f"EXPLAIN SELECT * FROM indexed AS s WHERE {condition}".encode()).fetchall()
    assert any("Index" in line for (line,) in plan)


FAR = [-(2**57), -(10**17), 0, 10**17 + 1, 253_401_263_999_999_999, 9_223_371_331_199_999_999]


def test_entities_that_change_in_any_year_are_found(shared_warehouse):
    """Microseconds from 4000 years before Christ to the year 294246."""
    origin = "'1970-01-01'::timestamptz"
    moments = [f"{origin} + {at // 10**12} * '1000000 s'::interval + '{at % 10**12} us'" for at in FAR]
    query = f"SELECT * FROM (VALUES {', '.join(f'({n}, {at})' for n, at in enumerate(moments))}) v(x, at)"
    for n, at in enumerate(FAR):
        changed = ChangedEntities(("x",), ((at - 1, at),), created_after=at, available_after=at, besides=None)
        assert read(query, latest=at, changed=changed) == [n]
