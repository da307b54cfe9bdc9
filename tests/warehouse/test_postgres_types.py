"""PostgreSQL's types, one for one: the table of docs/warehouses.md."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import psycopg
import pyarrow as pa
import pytest

from featurestore.errors import SourceError
from featurestore.sources.arrow import read_table, source_rows
from tests.warehouse.loading import rows_of_query

DOCUMENT = Path(__file__).parents[2] / "docs" / "warehouses.md"
MOMENT = datetime(2024, 1, 2, 3, 4, 5, 6)

# Type, a value as SQL, the Arrow type, the value. The first words are the rows of the documented table.
EXACT = [
    ("boolean", "true", pa.bool_(), True),
    ("smallint", "-32768", pa.int16(), -32768),
    ("integer", "2147483647", pa.int32(), 2147483647),
    ("bigint", "9007199254740993", pa.int64(), 2**53 + 1),
    ("real", "0.1", pa.float32(), 0.10000000149011612),
    ("double precision", "0.1", pa.float64(), 0.1),
    ("numeric(12, 3)", "123456789.125", pa.decimal128(12, 3), Decimal("123456789.125")),
    ("numeric(38, 0)", "99999999999999999999999999999999999999", pa.decimal128(38, 0), 10**38 - 1),
    ("numeric(50, 2)", "1.5", pa.decimal256(50, 2), Decimal("1.50")),
    ("numeric(2, 4)", "0.0012", pa.decimal128(4, 4), Decimal("0.0012")),
    ("numeric(3, -2)", "12300", pa.decimal128(5, 0), Decimal(12300)),
    ("numeric", "123456789012345678901234567890.123", pa.string(), "123456789012345678901234567890.123"),
    ("text", "'é😀'", pa.string(), "é😀"),
    ("varchar(5)", "'ab '", pa.string(), "ab "),
    ("char(4)", "'ab'", pa.string(), "ab"),
    ("bytea", r"'\x00ff'", pa.binary(), b"\x00\xff"),
    ("date", "'2024-02-29'", pa.date32(), date(2024, 2, 29)),
    ("timestamp", f"'{MOMENT}'", pa.timestamp("us"), MOMENT),
    ("timestamptz", f"'{MOMENT}+02'", pa.timestamp("us", "UTC"), MOMENT.replace(hour=1, tzinfo=UTC)),
    ("json", """'{"b":1,  "a":2}'""", pa.string(), '{"b":1,  "a":2}'),
    ("jsonb", """'{"b":1,  "a":2}'""", pa.string(), '{"a": 2, "b": 1}'),
    ("uuid", "'C0FFEE00-0000-0000-0000-000000000001'", pa.string(), "c0ffee00-0000-0000-0000-000000000001"),
    ("integer[]", "'{1,null,3}'", pa.list_(pa.int32()), [1, None, 3]),
    ("text[]", "'{a,null,\"\"}'", pa.list_(pa.string()), ["a", None, ""]),
    ("timestamptz[]", "'{2024-01-01T00:00Z}'", pa.list_(pa.timestamp("us", "UTC")), [datetime(2024, 1, 1, tzinfo=UTC)]),
    ("numeric(5, 2)[]", "'{1.25,null}'", pa.list_(pa.string()), ["1.25", None]),
    ("uuid[]", "'{c0ffee00-0000-0000-0000-000000000001}'", pa.list_(pa.string()),
     ["c0ffee00-0000-0000-0000-000000000001"]),
    ("time", "'03:04:05'", pa.string(), "03:04:05"),
    ("interval", "'1 day 02:00'", pa.string(), "1 day 02:00:00"),
    ("money", "3.5", pa.string(), "$3.50"),
    ("inet", "'10.0.0.1'", pa.string(), "10.0.0.1/32"),
    ("oid", "4294967295", pa.int64(), 4294967295),
    ("int4range", "'[1,5)'", pa.string(), "[1,5)"),
    ("mood", "'glad'", pa.string(), "glad"),
    ("positive", "7", pa.int32(), 7),
    ("price", "7.5", pa.decimal128(9, 2), Decimal("7.50")),
    ("pair", "row(1, 'x')", pa.string(), "(1,x)"),
]  # fmt: skip


@pytest.fixture(scope="module")
def own_types(shared_warehouse: str) -> None:
    with psycopg.connect(shared_warehouse, autocommit=True) as connection:
        connection.execute("CREATE TYPE mood AS ENUM ('sad', 'glad')")
        connection.execute("CREATE DOMAIN positive AS integer CHECK (VALUE > 0)")
        connection.execute("CREATE DOMAIN price AS numeric(9, 2)")
        connection.execute("CREATE TYPE pair AS (a integer, b text)")


@pytest.mark.parametrize(("kind", "value", "arrow", "expected"), EXACT, ids=[row[0] for row in EXACT])
def test_a_type_and_its_nulls_come_as_documented(own_types: None, kind, value, arrow, expected):
    source = rows_of_query(
        f"SELECT now() AS at, CAST({value} AS {kind}) AS x UNION ALL SELECT now(), NULL", columns={"x": kind}
    )
    schema, text = source_rows(source)
    found = read_table(source, {"x": None}).column("x")
    assert schema.field("x").type == found.type == arrow
    assert (found[0].as_py(), found[1].as_py()) == (expected, None)
    assert ("x" in text) == (kind in ("numeric", "numeric(5, 2)[]"))


def test_each_type_is_in_the_documentation():
    documented = DOCUMENT.read_text(encoding="utf-8")
    for kind, _, arrow, _ in EXACT[:26]:
        name = re.sub(r"\(.*?\)", "", kind)
        assert re.search(rf"^\|.*`{re.escape(name)}[`(].*`{re.escape(str(arrow).partition('<')[0].partition('(')[0])}",
                         documented, re.MULTILINE), f"{kind} as {arrow}"  # fmt: skip


def test_numbers_without_a_precision_are_read_as_the_declared_type(shared_warehouse: str):
    source = rows_of_query("SELECT now() AS at, 12.50::numeric AS x, ARRAY[1.5, 2]::numeric[] AS y")
    read = read_table(source, {"x": pa.decimal128(20, 4), "y": pa.list_(pa.float64())})
    assert read.to_pylist() == [{"x": Decimal("12.5000"), "y": [1.5, 2.0]}]
    assert read.schema.field("x").type == pa.decimal128(20, 4)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [("12.345", pa.decimal128(5, 2)), ("'NaN'", pa.decimal128(5, 2)), ("1.5", pa.int64())],
)
def test_a_number_that_the_declared_type_cannot_hold_is_an_error(shared_warehouse: str, value, wanted):
    source = rows_of_query(f"SELECT now() AS at, {value}::numeric AS x")
    with pytest.raises(SourceError, match=r"column 'x' \(numeric\) holds a value that is not a"):
        read_table(source, {"x": wanted})


@pytest.mark.parametrize("kind", ["timestamp", "timestamptz", "date", "timestamp[]"])
def test_infinite_times_are_not_wrapped_around(shared_warehouse: str, kind: str):
    both = "ARRAY['infinity', '-infinity', '4713-01-01 BC', '9999-12-31']"
    values = f"{both}::{kind}" if kind.endswith("[]") else f"unnest({both}::{kind}[])"
    found = read_table(rows_of_query(f"SELECT now() AS at, {values} AS x"), {"x": None}).column("x")
    flat = pa.compute.list_flatten(found) if kind.endswith("[]") else found
    ticks = flat.cast(pa.int32() if kind == "date" else pa.int64()).to_pylist()
    end = 2**31 - 1 if kind == "date" else 2**63 - 1
    assert ticks[:2] == [end, -end]
    assert ticks[2] < 0 < ticks[3]


def test_an_array_of_two_dimensions_is_refused(shared_warehouse: str):
    source = rows_of_query("SELECT now() AS at, '{{1,2},{3,4}}'::int[] AS x")
    with pytest.raises(SourceError, match="'x' holds an array of 2 dimensions"):
        read_table(source, {"x": None})
