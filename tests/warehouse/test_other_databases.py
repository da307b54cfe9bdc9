"""DuckDB files and SQLAlchemy as sources: types, what is read, the store's verbs, and bad days."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pyarrow as pa
import pytest

import featurestore as fs
from featurestore.definitions.database import DatabaseSource
from featurestore.errors import (
    ConfigurationError,
    DefinitionError,
    MissingDependencyError,
    SourceError,
    SourceUnavailableError,
)
from featurestore.protocols.sources import WantedRows
from featurestore.sources.arrow import first_rows, read_table, source_rows, source_schema
from featurestore.sources.external import external_rows

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
INSTANT = pa.timestamp("us", "UTC")
plane = fs.Entity("plane", join_keys={"tailnum": fs.String})


@pytest.fixture
def duckdb_file(tmp_path: Path) -> Path:
    path = tmp_path / "rides.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(
            "CREATE TABLE arrivals (tailnum VARCHAR, moment TIMESTAMPTZ, loaded TIMESTAMPTZ, delay DOUBLE)"
        )
        connection.execute("INSERT INTO arrivals VALUES ('N1', '2024-05-01 11:00', '2024-05-01 11:00', 5), "
                           "('N1', '2024-05-01 13:00', '2024-05-01 13:00', 7)")  # fmt: skip
        connection.execute("CREATE SCHEMA other; CREATE VIEW other.days AS SELECT * FROM arrivals")
    return path


@pytest.fixture
def sqlite_file(tmp_path: Path) -> Path:
    path = tmp_path / "rides.db"
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TABLE arrivals (tailnum TEXT, moment DATETIME, loaded DATETIME, delay FLOAT, "
            "n NUMERIC(9, 2))"
        )
        connection.execute("INSERT INTO arrivals VALUES "
                           "('N1', '2024-05-01 11:00:00', '2024-05-01 11:00:00.000000', 5, 1), "
                           "('N1', '2024-05-01 13:00:00', '2024-05-01 13:00:00', 7, NULL)")  # fmt: skip
        connection.execute("CREATE VIEW days AS SELECT * FROM arrivals")
    connection.close()
    return path


@pytest.fixture(params=["duckdb", "sqlite"])
def source(request: pytest.FixtureRequest) -> DatabaseSource:
    path = request.getfixturevalue(f"{request.param}_file")
    roles: dict[str, Any] = {"event_timestamp": "moment", "created_timestamp": "loaded", "table": "arrivals"}
    if request.param == "duckdb":
        return fs.DuckDBSource("arrivals", path=path, **roles)
    return fs.SqlSource("arrivals", url=f"sqlite:///{path}", **roles)


@pytest.fixture(params=["duckdb", "polars"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[fs.FeatureStore]:
    with fs.FeatureStore(
        registry=f"sqlite:///{tmp_path}/r.db", online="memory://", offline=request.param
    ) as opened:
        yield opened


def view(source: DatabaseSource, **changes: Any) -> fs.FeatureView:
    fields: dict[str, Any] = {"source": source, "features": [fs.Feature("delay", fs.Float64)], **changes}
    return fs.FeatureView("punctuality", entities=[plane], **fields)


def online(store: fs.FeatureStore) -> object:
    return store.get_online_features("punctuality", [{"tailnum": "N1"}]).to_dicts()[0]["delay"]


def test_the_stores_verbs(store: fs.FeatureStore, source: DatabaseSource):
    rows = pa.table({"tailnum": ["N1", "N1", None], "event_timestamp": [NOON, NOON + HOUR, NOON]})
    assert store.get_historical_features(rows, [view(source)]).to_arrow().column("delay").to_pylist() == [
        5,
        7,
        None,
    ]
    store.apply([view(source)])
    store.materialize(end=NOON)
    assert online(store) == 5
    store.materialize_incremental(end=NOON + HOUR)
    assert online(store) == 7
    assert store.check_leakage(view(source), samples=2).clean
    sql = "SELECT *, delay * 2 AS twice FROM {source}"
    twice = view(source, sql=sql, features=[fs.Feature("twice", fs.Float64)])
    assert store.get_historical_features(rows, [twice]).to_arrow().column("twice").to_pylist() == [
        10,
        14,
        None,
    ]


def test_definitions_are_read_back_and_found_from_the_project(source: DatabaseSource, tmp_path: Path):
    assert type(source).from_json(source.to_json()) == source
    moved = fs.DuckDBSource("s", path="a.duckdb", table="t", event_timestamp="moment")
    assert Path(moved.located(tmp_path).path) == tmp_path / "a.duckdb"
    lite = fs.SqlSource("s", url="sqlite:///a.db", table="t", event_timestamp="moment")
    assert lite.located(tmp_path).url == f"sqlite:///{tmp_path}/a.db"
    assert (
        fs.SqlSource("s", url="mysql://h/d", table="t", event_timestamp="moment").located(tmp_path).url
        == "mysql://h/d"
    )
    with pytest.raises(DefinitionError, match="holds a secret"):
        fs.SqlSource("s", url="mysql://u:secret@h/d", table="t", event_timestamp="moment")
    with pytest.raises(DefinitionError, match="expected a database file"):
        fs.DuckDBSource("s", path=":memory:", table="t", event_timestamp="moment")


def test_a_missing_table_lists_those_that_are_there(source: DatabaseSource):
    wrong = source.model_copy(update={"table": "arivals"})
    with pytest.raises(
        SourceError, match=r"no table 'arivals'; there are: arrivals, (other.)?days"
    ) as caught:
        source_schema(wrong)
    assert "Did you mean 'arrivals'" in str(caught.value)
    assert not caught.value.retryable


def test_a_missing_column_lists_those_that_are_there(store: fs.FeatureStore, source: DatabaseSource):
    rows = pa.table({"tailnum": ["N1"], "event_timestamp": [NOON]})
    with pytest.raises(SourceError, match="no column 'dely'; it has: tailnum, moment, loaded, delay"):
        store.get_historical_features(
            rows, [view(source, features=[fs.Feature("dely", fs.Float64)])]
        ).to_arrow()


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("SELECT nope FROM arrivals", "nope"),
        ("SELEKT 1", "syntax error"),
        ("DROP TABLE arrivals", "syntax error"),
    ],
)
def test_a_query_that_is_refused_says_why_and_does_nothing(source: DatabaseSource, query: str, error: str):
    with pytest.raises(SourceError, match=error) as caught:
        source_schema(source.model_copy(update={"table": "", "query": query}))
    assert not caught.value.retryable
    assert read_table(source, {"delay": None}).num_rows == 2


def test_only_what_can_matter_is_read(source: DatabaseSource):
    def read(**wanted: Any) -> list[float]:
        rows = external_rows(far, {"delay": None}, WantedRows(**wanted)).read_all()
        return list(rows.column("delay").to_pylist())

    far = source.model_copy(update={"table": "", "query": (
        "SELECT * FROM arrivals UNION ALL SELECT 'N2', moment, loaded, 9 FROM arrivals" if source.kind == "duckdb" else
        "SELECT tailnum, moment, delay FROM arrivals UNION ALL SELECT 'N2', moment, 9 FROM arrivals")})  # fmt: skip
    keys = pa.table({"tailnum": ["N2"]})
    noon = int(NOON.timestamp()) * 1_000_000
    assert sorted(read(keys=keys)) == [9, 9]
    assert len(read(first=1)) == 1
    assert first_rows(far, 3).num_rows == 3
    if source.kind == "duckdb":
        assert sorted(read(latest=noon)) == [5, 9]
        assert sorted(read(earliest=noon)) == [7, 9]
    days = source.model_copy(update={"table": "other.days" if source.kind == "duckdb" else "days"})
    around = external_rows(days, {"delay": None}, WantedRows(latest=noon - 10 * 86_400_000_000)).read_all()
    assert around.num_rows == 0


def test_a_column_that_changes_its_type_in_between(source: DatabaseSource):
    before = source_schema(source)
    changed = source.model_copy(
        update={"table": "", "query": "SELECT tailnum, moment, loaded, 'x' AS delay FROM arrivals"}
    )
    with pytest.raises(
        SourceError, match="'delay' was double when the request was planned and is string now"
    ):
        external_rows(changed, {"delay": pa.float64()}, WantedRows(), expected=before)


DUCKDB_TYPES = [
    ("1::UTINYINT", pa.uint8(), 1),
    ("18446744073709551615::UBIGINT", pa.uint64(), 2**64 - 1),
    ("170141183460469231731687303715884105727::HUGEINT // 10", pa.decimal128(38, 0), (2**127 - 1) // 10),
    ("1.5::DECIMAL(9, 2)", pa.decimal128(9, 2), Decimal("1.50")),
    ("'c0ffee00-0000-0000-0000-000000000001'::UUID", pa.string(), "c0ffee00-0000-0000-0000-000000000001"),
    ("'{\"a\":1}'::JSON", pa.string(), '{"a":1}'),
    ("TIMESTAMPTZ '2024-05-01 12:00:00+00'", INSTANT, NOON),
    ("TIMESTAMP '2024-05-01 12:00:00'", pa.timestamp("us"), NOON.replace(tzinfo=None)),
    ("DATE '2024-02-29'", pa.date32(), date(2024, 2, 29)),
    ("'\\x00\\xFF'::BLOB", pa.binary(), b"\x00\xff"),
    ("[1, NULL]::INTEGER[]", pa.list_(pa.field("l", pa.int32())), [1, None]),
    ("'101'::BIT", pa.string(), "101"),
]


@pytest.mark.parametrize(("value", "arrow", "expected"), DUCKDB_TYPES, ids=[row[0] for row in DUCKDB_TYPES])
def test_types_of_duckdb(duckdb_file: Path, value: str, arrow: pa.DataType, expected: object):
    query = f"SELECT now() AS moment, {value} AS x UNION ALL SELECT now(), NULL"
    source = fs.DuckDBSource("s", path=duckdb_file, query=query, event_timestamp="moment")
    found = read_table(source, {"x": None}).column("x")
    assert (source_schema(source).field("x").type, found.type) == (arrow, arrow)
    assert found.to_pylist() == [expected, None]


def test_a_duckdb_file_that_this_process_has_open(duckdb_file: Path, store: fs.FeatureStore):
    source = fs.DuckDBSource("s", path=duckdb_file, table="arrivals", event_timestamp="moment")
    with duckdb.connect(duckdb_file) as own:
        own.execute("SET TimeZone = 'Asia/Tokyo'")
        assert read_table(source, {"moment": None}).column("moment").to_pylist() == [NOON - HOUR, NOON + HOUR]
        assert own.sql("SELECT current_setting('TimeZone')").fetchall() == [("Asia/Tokyo",)]


def test_a_duckdb_file_that_is_open_elsewhere_missing_or_none(duckdb_file: Path, tmp_path: Path):
    code = f"import duckdb; c = duckdb.connect({str(duckdb_file)!r}); print('open', flush=True); input()"
    source = fs.DuckDBSource("s", path=duckdb_file, table="arrivals", event_timestamp="moment")
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"open\n"
        with pytest.raises(SourceUnavailableError, match="open for writing in another process"):
            source_schema(source)
        other.communicate(b"\n")
    (tmp_path / "none.duckdb").write_text("no database" * 1000)
    for name in ("none.duckdb", "missing.duckdb"):
        with pytest.raises(SourceError, match=name):
            source_schema(source.model_copy(update={"path": str(tmp_path / name)}))
    assert not (tmp_path / "missing.duckdb").exists()


POSTGRES_TYPES = [
    ("9007199254740993::bigint", pa.int64(), 2**53 + 1, pa.int64()),
    ("1::smallint", pa.int16(), 1, pa.int64()),
    ("0.1::real", pa.float32(), 0.10000000149011612, pa.float64()),
    ("1.5::numeric(9, 2)", pa.decimal128(9, 2), Decimal("1.50"), pa.string()),
    (f"'{uuid.UUID(int=1)}'::uuid", pa.string(), str(uuid.UUID(int=1)), pa.string()),
    ("'{\"a\":1}'::jsonb", pa.string(), '{"a": 1}', pa.string()),
    (r"'\x00ff'::bytea", pa.binary(), b"\x00\xff", pa.binary()),
    ("true", pa.bool_(), True, pa.bool_()),
    (f"'{NOON}'::timestamptz", INSTANT, NOON, INSTANT),
    ("'2024-05-01 12:00'::timestamp", pa.timestamp("us"), NOON.replace(tzinfo=None), pa.timestamp("us")),
    ("'2024-02-29'::date", pa.date32(), date(2024, 2, 29), pa.date32()),
]


@pytest.mark.parametrize(
    ("value", "arrow", "expected", "of_query"), POSTGRES_TYPES, ids=[r[0] for r in POSTGRES_TYPES]
)
def test_types_of_sqlalchemy(
    sqlalchemy_url: str,
    shared_warehouse: str,
    value: str,
    arrow: pa.DataType,
    expected: object,
    of_query: pa.DataType,
):
    query = f"SELECT now() AS moment, {value} AS x UNION ALL SELECT now(), NULL"
    with psycopg.connect(shared_warehouse, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS typed")
        connection.execute(f"CREATE TABLE typed AS SELECT now() AS moment, {value} AS x".encode())
        connection.execute("INSERT INTO typed VALUES (now(), NULL)")
    table = fs.SqlSource("s", url=sqlalchemy_url, table="typed", event_timestamp="moment")
    found = read_table(table, {"x": None}).column("x")
    assert (source_schema(table).field("x").type, found.type) == (arrow, arrow)
    assert found.to_pylist() == [expected, None]
    asked = fs.SqlSource("s", url=sqlalchemy_url, query=query, event_timestamp="moment")
    schema, text = source_rows(asked)
    assert schema.field("x").type == of_query
    assert ("x" in text) == value.endswith("numeric(9, 2)")
    assert (
        read_table(asked, {"x": pa.decimal128(9, 2) if "x" in text else None}).column("x")[0].as_py()
        is not None
    )


@pytest.mark.parametrize(
    ("values", "wanted", "error"),
    [
        ("(1), ('x')", None, "'x' holds a value that is not a"),
        ("(1), (1.5)", pa.int64(), "'x' holds a value that is not a int64"),
    ],
)
def test_values_that_are_not_of_the_column_type_are_an_error(sqlite_file: Path, values, wanted, error):
    query = f"SELECT '2024-01-01' AS moment, column1 AS x FROM (VALUES {values})"
    asked = fs.SqlSource("s", url=f"sqlite:///{sqlite_file}", query=query, event_timestamp="moment")
    if wanted is None:
        table = asked.model_copy(update={"query": "", "table": "mixed"})
        with sqlite3.connect(sqlite_file) as connection:
            connection.execute("CREATE TABLE mixed (moment DATETIME, x INTEGER)")
            connection.execute(f"INSERT INTO mixed {query}")
        connection.close()
        asked = table
    with pytest.raises(SourceError, match=error):
        read_table(asked, {"x": wanted})


def test_urls_that_lead_nowhere(monkeypatch: pytest.MonkeyPatch):
    def source(url: str) -> fs.SqlSource:
        return fs.SqlSource("s", url=url, table="t", event_timestamp="moment")

    with pytest.raises(SourceUnavailableError, match="cannot be reached"):
        source_schema(source("postgresql+psycopg://u@127.0.0.1:1/d"))
    with pytest.raises(MissingDependencyError, match="needs the package 'pymysql'"):
        source_schema(source("mysql+pymysql://u@h/d"))
    with pytest.raises(ConfigurationError, match="nosuch"):
        source_schema(source("nosuch://h/d"))
    monkeypatch.setenv("BAD_URL", "not a url:with-secret@")
    with pytest.raises(ConfigurationError, match="is not a URL") as caught:
        source_schema(source("${BAD_URL}"))
    assert "with-secret" not in str(caught.value)


def test_a_connection_that_is_cut_in_mid_stream(sqlalchemy_url: str, shared_warehouse: str):
    query = "SELECT now() AS moment, g AS x, repeat('x', 500) AS y FROM generate_series(1, 2000000) g"
    source = fs.SqlSource("s", url=sqlalchemy_url, query=query, event_timestamp="moment")
    reader = external_rows(source, {"x": None, "y": None}, WantedRows())
    reader.read_next_batch()
    with psycopg.connect(shared_warehouse, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                           "WHERE datname = current_database() AND pid <> pg_backend_pid()")  # fmt: skip
    with pytest.raises(SourceUnavailableError):
        reader.read_all()
