from __future__ import annotations

import decimal
import random
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featurestore.definitions import types as t
from featurestore.errors import RowFormatError, SourceError
from featurestore.frames.types import arrow_type
from featurestore.online.codec import RowCodec
from featurestore.online.header import HEADER_SIZE, read_header
from tests.online.rows import Rows, Schema, encode, exact, schemas_and_rows, table_of

SCHEMA: Schema = {
    "s": t.String,
    "i": t.Int16,
    "flag": t.Bool,
    "tags": t.List(t.String),
    "amount": t.Decimal(5, 2),
    "emb": t.Vector(2, t.Float16),
    "seen": t.Timestamp,
    "codes": t.List(t.UInt8),
    "day": t.Date,
}
ROW: dict[str, Any] = {
    "s": "hü",
    "i": -2,
    "flag": True,
    "tags": ["a", None, ""],
    "amount": decimal.Decimal("-1.25"),
    "emb": [1.0, -2.0],
    "seen": datetime(1970, 1, 1, 0, 0, 0, 5, tzinfo=UTC),
    "codes": [7, None],
    "day": date(1969, 12, 31),
}
GOLDEN = (
    "02 0c84cd4e 8000000000000000 0000000000000000 00000001"  # header
    " 0000"  # no nulls
    " 83ffffffffffffffffffffffffffffff"  # amount: -125
    " ffffffff"  # day: -1
    " 003c00c0"  # emb
    " 01"  # flag
    " feff"  # i
    " 0500000000000000"  # seen
    " 07000000 0a000000 1c000000"  # ends of codes, s, tags
    " 02000000 02 0700"  # codes: two, the second null
    " 68c3bc"  # s
    " 03000000 02 010000000100000001000000 61"  # tags: three, the second null; ends 1, 1, 1
)
GOLDEN_NULLS = "02 0c84cd4e 8000000000000000 0000000000000000 00000001 ff01" + "00" * (
    16 + 4 + 4 + 1 + 2 + 8 + 12
)


Reading: TypeAlias = "Callable[[RowCodec, list[bytes | None]], object]"
# As columns, and in Python.
readings = pytest.mark.parametrize("read", [RowCodec.columns, RowCodec.few], ids=["columns", "few"])


def codec_of(schema: Schema) -> RowCodec:
    return RowCodec(list(schema.items()), label="plane_load@3")


def test_golden_bytes() -> None:
    assert encode(SCHEMA, table_of(SCHEMA, [ROW]))[0].hex() == GOLDEN.replace(" ", "")


def test_golden_bytes_of_nulls() -> None:
    assert encode(SCHEMA, table_of(SCHEMA, [dict.fromkeys(SCHEMA)]))[0].hex() == GOLDEN_NULLS.replace(" ", "")


def test_golden_fingerprint() -> None:
    # The beginning of: printf 'a int64\nb list<string>\n' | sha256sum
    assert RowCodec([("b", t.List(t.String)), ("a", t.Int64)], label="v").fingerprint.hex() == "829412a6"


@settings(max_examples=300)
@given(schemas_and_rows(), st.data())
def test_values_come_back_exactly(given_: tuple[Schema, Rows], data: st.DataObject) -> None:
    schema, rows = given_
    codec = codec_of(schema)
    stored: list[bytes | None] = list(encode(schema, table_of(schema, rows)))
    expected: list[dict[str, Any] | None] = list(rows)
    for position in sorted(data.draw(st.lists(st.integers(0, len(rows)), max_size=3)), reverse=True):
        stored.insert(position, None)
        expected.insert(position, None)
    decoded, few = codec.columns(stored), codec.few(stored)
    assert decoded.present.tolist() == few.present == [row is not None for row in stored]
    events = iter(range(len(rows)))
    assert decoded.event.tolist() == few.events == [0 if row is None else next(events) for row in stored]
    for name, dtype in schema.items():
        wanted = [None if row is None else row[name] for row in expected]
        column = decoded.column(name)
        column.validate(full=True)
        assert column.type == arrow_type(dtype)
        assert exact(column.to_pylist()) == exact(wanted)
        assert exact(decoded.python(name)) == exact(wanted)
        assert decoded.nulls(name).tolist() == few.nulls(name) == [value is None for value in wanted]
        if not isinstance(dtype, t.List | t.Map):
            assert exact(few.python(name)) == exact(wanted) == exact(few.columns([name])[0])


@given(schemas_and_rows(), st.integers(0, 3))
def test_slices_and_chunks_give_the_same_bytes(given_: tuple[Schema, Rows], start: int) -> None:
    schema, rows = given_
    table = table_of(schema, rows)
    expected = [row[HEADER_SIZE:] for row in encode(schema, table)]
    assert [row[HEADER_SIZE:] for row in encode(schema, table.slice(start))] == expected[start:]
    chunked = pa.concat_tables([table.slice(start), table.slice(0, start), table.slice(0, 0)])
    assert [row[HEADER_SIZE:] for row in encode(schema, chunked)] == expected[start:] + expected[:start]


@pytest.mark.parametrize(
    ("dtype", "bits"),
    [(t.Float64, "u8"), (t.Float32, "u4"), (t.Float16, "u2")],
    ids=str,
)
def test_the_payload_of_a_nan_survives(dtype: t.FeatureType, bits: str) -> None:
    width = np.dtype(bits).itemsize
    patterns = np.array([2 ** (8 * width) - 3, 2 ** (8 * width - 1) - 2, 2 ** (8 * width - 1)], bits)
    table = pa.table({"x": pa.array(patterns.view(f"f{width}"), arrow_type(dtype))})
    decoded = codec_of({"x": dtype}).columns(encode({"x": dtype}, table))
    assert np.asarray(decoded.column("x")).view(bits).tolist() == patterns.tolist()
    assert decoded.numpy("x").copy().view(bits).tolist() == patterns.tolist()


def test_what_lies_under_a_null_does_not_show() -> None:
    validity = pa.py_buffer(b"\x05")
    offsets = pa.py_buffer(np.array([0, 1, 3, 4], np.int32))
    numbers = pa.Array.from_buffers(pa.int64(), 3, [validity, pa.py_buffer(np.array([1, 99, 3]))])
    texts = pa.Array.from_buffers(pa.string(), 3, [validity, offsets, pa.py_buffer(b"aXXb")])
    lists = pa.Array.from_buffers(
        pa.list_(pa.int64()), 3, [validity, offsets], children=[pa.array([1, 99, 99, 3])]
    )
    nested = pa.Array.from_buffers(
        pa.list_(pa.string()), 3, [validity, offsets], children=[pa.array([*"aXXb"])]
    )
    schema = {"n": t.Int64, "s": t.String, "l": t.List(t.Int64), "ls": t.List(t.String)}
    garbage = pa.table({"n": numbers, "s": texts, "l": lists, "ls": nested})
    clean = table_of(schema, [dict(row) for row in garbage.to_pylist()])
    assert encode(schema, garbage) == encode(schema, clean)


def test_a_null_item_of_a_vector_is_an_error() -> None:
    schema: Schema = {"emb": t.Vector(2)}
    with pytest.raises(
        SourceError, match="'emb': expected vector<float32, 2>, found a vector with a null item"
    ):
        encode(schema, table_of(schema, [{"emb": [1.0, 2.0]}, {"emb": [1.0, None]}]))
    assert codec_of(schema).columns(encode(schema, table_of(schema, [{"emb": None}]))).python("emb") == [None]


def test_the_header_holds_what_it_was_given() -> None:
    codec = codec_of({"x": t.Int8})
    table = pa.table({"x": pa.array([1, 2], pa.int8())})
    created = pa.chunked_array([pa.array([None], pa.int64()), pa.array([-7], pa.int64())])
    rows = codec.encode(
        table, event=pa.array([-1, 2]), created=created, written=np.array([3, 4]), pushed=True
    )
    headers = [read_header(row) for row in rows]
    assert [tuple(header) for header in headers] == [
        (True, codec.fingerprint, -1, None, 3),
        (True, codec.fingerprint, 2, -7, 4),
    ]
    assert codec.columns(rows).event.tolist() == codec.few(rows).events == [-1, 2]


# ------------------------------------------------------------------------------------ rows of somebody else


@readings
@pytest.mark.parametrize("others", [0, 3])
@pytest.mark.parametrize("schema", [SCHEMA, {"x": t.Int64}], ids=["all", "fixed"])
@pytest.mark.parametrize("byte", [0, 1, 4])
def test_a_foreign_row_is_an_error_wherever_it_is(
    read: Reading, others: int, schema: Schema, byte: int
) -> None:
    good = encode(schema, table_of(schema, [{name: ROW.get(name, 1) for name in schema}]))[0]
    foreign = good[:byte] + bytes([good[byte] ^ 1]) + good[byte + 1 :]
    with pytest.raises(RowFormatError) as caught:
        read(codec_of(schema), [good, None] * others + [foreign])
    assert "View plane_load@3" in str(caught.value)
    assert f"format {foreign[0]} with schema {foreign[1:5].hex()}" in str(caught.value)
    assert "materialize" in str(caught.value)


@readings
@pytest.mark.parametrize(
    "other",
    [{"x": t.Int32}, {"y": t.Int64}, {"x": t.UInt64}, {"x": t.Int64, "y": t.Int64}, {"x": t.List(t.Int64)}],
    ids=str,
)
def test_another_schema_is_an_error(read: Reading, other: Schema) -> None:
    row = encode(other, table_of(other, [dict.fromkeys(other)]))[0]
    with pytest.raises(RowFormatError, match="found format 2 with schema"):
        read(codec_of({"x": t.Int64}), [None, row])


@readings
@pytest.mark.parametrize("others", [0, 3])
@pytest.mark.parametrize("schema", [SCHEMA, {"x": t.Int64}], ids=["all", "fixed"])
def test_a_truncated_or_prolonged_row_is_an_error(read: Reading, others: int, schema: Schema) -> None:
    good = encode(schema, table_of(schema, [{name: ROW.get(name, 1) for name in schema}]))[0]
    codec = codec_of(schema)
    for wrong in (*(good[:length] for length in range(len(good))), good + b"\0", good + good):
        with pytest.raises(RowFormatError, match="View plane_load@3"):
            read(codec, [*[good] * others, wrong])
        with pytest.raises(RowFormatError, match="View plane_load@3"):
            read(codec, [wrong, *[good] * others])


@readings
@pytest.mark.parametrize("others", [0, 3])
def test_lengths_that_even_out_are_an_error(read: Reading, others: int) -> None:
    good = encode({"x": t.Int64}, table_of({"x": t.Int64}, [{"x": 1}]))[0]
    with pytest.raises(RowFormatError):
        read(codec_of({"x": t.Int64}), [*[good] * others, good[:-1], good + b"\0"])


@readings
@pytest.mark.parametrize("others", [0, 3])
def test_ends_that_are_not_in_order_are_an_error(read: Reading, others: int) -> None:
    schema: Schema = {"a": t.String, "b": t.String}
    good = encode(schema, table_of(schema, [{"a": "xx", "b": "yy"}]))[0]
    ends = HEADER_SIZE + 1
    assert good[ends : ends + 8] == b"\2\0\0\0\4\0\0\0"
    with pytest.raises(RowFormatError, match="does not end where it should"):
        read(codec_of(schema), [*[good] * others, good[:ends] + b"\5" + good[ends + 1 :]])


def test_damaged_lists_are_errors_or_lists() -> None:
    schema: Schema = {"a": t.List(t.List(t.Int16)), "b": t.List(t.Bytes), "c": t.List(t.Int8)}
    row = {"a": [[1, None], None, [], [3]], "b": [b"x", None, b"yz"], "c": [1, None, 3]}
    good = encode(schema, table_of(schema, [row]))[0]
    start, codec, chance, rejected = len(good) - 80, codec_of(schema), random.Random(7), 0
    for _ in range(2_000):
        damaged = bytearray(good)
        for _ in range(chance.randint(1, 3)):
            damaged[chance.randrange(start, len(good))] = chance.choice([0, 1, 2, 4, 8, 127, 255])
        try:
            decoded = codec.columns([bytes(damaged), good])
            for name in schema:
                column = decoded.column(name)
                column.validate(full=True)
                assert column[1].as_py() == row[name]
        except RowFormatError:
            rejected += 1
    assert rejected > 500


# ------------------------------------------------------------------------------------- a few rows at once


def test_plain_values_of_a_few_rows_at_once() -> None:
    full, empty = encode(SCHEMA, table_of(SCHEMA, [ROW, dict.fromkeys(SCHEMA)]))
    read = codec_of(SCHEMA).plain_reader(["i", "flag"])
    assert read is not None
    assert read([full, full], None, 0) == [(-2, True)] * 2
    assert read([full], 0, 0) == [(-2, True)]
    assert read([], None, 0) == []
    # Too old, too late, not there, null.
    assert read([full], 1, 2) is read([full], None, -1) is read([full, None], None, 0) is None
    assert read([full, empty], None, 0) is None


def test_texts_are_no_plain_values() -> None:
    assert codec_of(SCHEMA).plain_reader(["i", "s"]) is codec_of(SCHEMA).plain_reader([]) is None


@pytest.mark.parametrize("schema", [SCHEMA, {"x": t.Int64}], ids=["all", "fixed"])
def test_what_is_not_whole_has_no_plain_values(schema: Schema) -> None:
    good = encode(schema, table_of(schema, [{name: ROW.get(name, 1) for name in schema}]))[0]
    read = codec_of(schema).plain_reader(["i" if "i" in schema else "x"])
    assert read is not None
    assert read([good], None, 0) is not None
    foreign = [good[:byte] + bytes([good[byte] ^ 1]) + good[byte + 1 :] for byte in range(5)]
    for wrong in (*foreign, *(good[:length] for length in range(len(good))), good + b"\0", good + good):
        assert read([good, wrong], None, 0) is None
