"""Snowflake's types, one for one: the table of docs/snowflake.md."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from featurestore.errors import SourceError
from featurestore.sources.arrow import read_table, source_rows
from featurestore_connectors.snowflake.types import converted
from tests.warehouse.snowflake_loading import rows_of_query, run, snowflake_table

DOCUMENT = Path(__file__).parents[2] / "docs" / "snowflake.md"
MOMENT = datetime(2024, 1, 2, 3, 4, 5, 6)

# Type, a value as SQL, the Arrow type, the value. The first words are the rows of the documented table.
EXACT = [
    ("NUMBER(38, 0)", "9007199254740993", pa.int64(), 2**53 + 1),
    ("INTEGER", "-9223372036854775808", pa.int64(), -(2**63)),
    ("NUMBER(12, 3)", "123456789.125", pa.decimal128(12, 3), Decimal("123456789.125")),
    ("NUMBER(38, 10)", "1234567890123456789012345678.0123456789", pa.decimal128(38, 10),
     Decimal("1234567890123456789012345678.0123456789")),
    ("FLOAT", "0.1", pa.float64(), 0.1),
    ("BOOLEAN", "TRUE", pa.bool_(), True),
    ("VARCHAR", "'é😀'", pa.string(), "é😀"),
    ("VARCHAR(5)", "'ab '", pa.string(), "ab "),
    ("BINARY", "TO_BINARY('00ff', 'HEX')", pa.binary(), b"\x00\xff"),
    ("DATE", "'2024-02-29'", pa.date32(), date(2024, 2, 29)),
    ("TIMESTAMP_NTZ", f"'{MOMENT}'", pa.timestamp("us"), MOMENT),
    ("TIMESTAMP_NTZ", "'9999-12-31 23:59:59.999999'", pa.timestamp("us"), datetime(9999, 12, 31, 23, 59, 59, 999999)),
    ("TIMESTAMP_LTZ", f"'{MOMENT}'", pa.timestamp("us", "UTC"), MOMENT.replace(tzinfo=UTC)),
    ("TIMESTAMP_TZ", f"'{MOMENT}+02:00'", pa.timestamp("us", "UTC"), MOMENT.replace(hour=1, tzinfo=UTC)),
    ("TIME", "'03:04:05.5'", pa.string(), "03:04:05.500000"),
    ("VARIANT", """PARSE_JSON('{"b": 1}')""", pa.string(), '{"b":1}'),
    ("OBJECT", "OBJECT_CONSTRUCT('b', 1)", pa.string(), '{"b":1}'),
    ("ARRAY", "ARRAY_CONSTRUCT(1, 2)", pa.string(), "[1,2]"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "value", "arrow", "expected"), EXACT, ids=[f"{r[0]} {r[1]}" for r in EXACT])
def test_a_type_and_its_nulls_come_as_documented(snowflake_url: str, kind, value, arrow, expected):
    source = snowflake_table(f"x {kind}", f"SELECT {value}", "SELECT NULL")
    schema, text = source_rows(source)
    found = read_table(source, {"x": None}).column("x")
    assert schema.field("x").type == found.type == arrow
    assert sorted(found.to_pylist(), key=lambda v: v is None) == [expected, None]
    assert ("x" in text) == (kind in ("INTEGER", "NUMBER(38, 0)", "VARIANT", "OBJECT", "ARRAY"))


def test_each_type_is_in_the_documentation():
    documented = DOCUMENT.read_text(encoding="utf-8").partition("## Types of Snowflake")[2]
    for kind, _, arrow, _ in EXACT:
        name, shown = re.sub(r"\(.*?\)", "", kind), str(arrow).partition("(")[0]
        assert re.search(rf"^\|.*`{re.escape(name)}[`(].*`{re.escape(shown)}", documented, re.MULTILINE), kind


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (pa.int16(), 7),
        (pa.decimal128(38, 0), Decimal(7)),
        (pa.float64(), 7.0),
        (pa.decimal128(20, 3), Decimal(7)),
    ],
)
def test_integers_are_read_as_the_declared_type(snowflake_url: str, wanted, expected):
    source = snowflake_table("x INTEGER", "SELECT 7")
    assert read_table(source, {"x": wanted}).column("x").to_pylist() == [expected]


@pytest.mark.parametrize(("value", "wanted"), [("70000", pa.int16()), (str(2**53 + 1), pa.float64())])
def test_an_integer_that_the_declared_type_cannot_hold_is_an_error(snowflake_url: str, value: str, wanted):
    source = snowflake_table("x INTEGER", f"SELECT {value}")
    with pytest.raises(SourceError, match=r"column 'x' \(number\) holds a value that is not a"):
        read_table(source, {"x": wanted})


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        (["[1,null,9007199254740993]", None, "[]"], pa.list_(pa.int64())),
        (['["a\\"b\\n",""]', None, "[null]"], pa.list_(pa.string())),
        (["[0.1,2]", "[1e300]"], pa.list_(pa.float64())),
        ([], pa.list_(pa.int64())),
    ],
)
def test_arrays_are_read_as_the_declared_lists(values, wanted):
    expected = [None if value is None else json.loads(value) for value in values]
    found = converted(pa.array(values, pa.string()), wanted)
    assert found.type == wanted
    assert found.to_pylist() == expected


@pytest.mark.parametrize("value", ['{"a":1}', '["a"]', "[1.5]"])
def test_what_is_no_such_list_is_an_error(value: str):
    with pytest.raises(pa.ArrowInvalid):
        converted(pa.array([value]), pa.list_(pa.int64()))


def test_digits_beyond_microseconds_are_rounded_as_the_law_says():
    ticks = [-1, 1, 999, 1000, 1001, -1000, -1001, None]
    found = pa.array(ticks, pa.int64()).view(pa.timestamp("ns"))
    up = converted(found, pa.timestamp("us"), up=True).cast(pa.int64()).to_pylist()
    down = converted(found, pa.timestamp("us"), up=False).cast(pa.int64()).to_pylist()
    assert up == [0, 1, 1, 1, 2, -1, -1, None]
    assert down == [-1, 0, 0, 1, 1, -1, -2, None]


def test_names_in_capitals_are_in_small_letters_and_others_as_they_are(snowflake_url: str):
    run(
        'CREATE TABLE "Mixed case" (plain INTEGER, "AT" TIMESTAMP_NTZ, "Odd Name" INTEGER, "q""uote" INTEGER)'
    )
    schema, _ = source_rows(rows_of_query('SELECT * FROM "Mixed case"'))
    assert schema.names == ["plain", "at", "Odd Name", 'q"uote']
