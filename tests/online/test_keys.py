from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from featurestore.definitions import types as t
from featurestore.errors import EntityDataError, RowFormatError
from featurestore.frames.types import arrow_type
from featurestore.online.keys import EntityKeyEncoder, key_frame, space_of

_MOMENTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))
_VALUES: dict[t.FeatureType, st.SearchStrategy[Any]] = {
    t.String: st.text(max_size=5),
    t.Bytes: st.binary(max_size=5),
    t.Bool: st.booleans(),
    t.Date: st.dates(),
    t.Timestamp: _MOMENTS,
}
for bits in (8, 16, 32, 64):
    _VALUES[getattr(t, f"Int{bits}")] = st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    _VALUES[getattr(t, f"UInt{bits}")] = st.integers(0, 2**bits - 1)

Entity = tuple[dict[str, t.FeatureType], list[tuple[Any, ...]]]


@st.composite
def _entities(draw: st.DrawFn) -> Entity:
    types = draw(st.lists(st.sampled_from(list(_VALUES)), min_size=1, max_size=3))
    names = draw(st.lists(st.sampled_from("abcxyz"), min_size=len(types), max_size=len(types), unique=True))
    rows = st.tuples(*(st.none() | _VALUES[dtype] for dtype in types))
    return dict(zip(names, types, strict=True)), draw(st.lists(rows, max_size=6))


def _columns(entity: Entity) -> dict[str, list[Any]]:
    keys, rows = entity
    return {name: [row[position] for row in rows] for position, name in enumerate(keys)}


def _table(entity: Entity) -> pa.Table:
    columns = _columns(entity)
    return pa.table({name: pa.array(columns[name], arrow_type(dtype)) for name, dtype in entity[0].items()})


def test_every_key_type_is_covered() -> None:
    assert set(_VALUES) == set(t.KEY_TYPES)


@pytest.mark.parametrize(
    ("dtype", "value", "expected"),
    [
        (t.Int8, -1, "7f"),
        (t.Int16, 1, "8001"),
        (t.Int32, -(2**31), "00000000"),
        (t.Int64, 2**53 + 1, "8020000000000001"),
        (t.UInt8, 255, "ff"),
        (t.UInt16, 1, "0001"),
        (t.UInt32, 2**32 - 1, "ffffffff"),
        (t.UInt64, 2**64 - 1, "ffffffffffffffff"),
        (t.Bool, True, "01"),
        (t.Bool, False, "00"),
        (t.Date, date(1969, 12, 31), "7fffffff"),
        (t.Timestamp, datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), "80000000000f4240"),
        (t.String, "N1ü", "000000044e31c3bc"),
        (t.String, "", "00000000"),
        (t.Bytes, b"}\0", "000000027d00"),
    ],
)
def test_golden_bytes(dtype: t.FeatureType, value: object, expected: str) -> None:
    encoder = EntityKeyEncoder({"k": dtype})
    assert encoder.encode_rows({"k": [value]}) == [bytes.fromhex(expected)]
    assert encoder.encode(pa.table({"k": pa.array([value], arrow_type(dtype))})).to_pylist() == [
        bytes.fromhex(expected)
    ]


def test_golden_bytes_of_several_join_keys_are_in_the_order_of_their_names() -> None:
    encoder = EntityKeyEncoder({"origin": t.String, "dest": t.String, "hour": t.UInt8})
    rows: dict[str, list[object]] = {"origin": ["JFK"], "hour": [7], "dest": ["LA"]}
    assert encoder.encode_rows(rows) == [b"\0\0\0\2LA\x07\0\0\0\3JFK"]


def test_golden_full_key() -> None:
    start, end = key_frame(space_of("flights", "plane_load", 3, 17))
    assert start + b"\0\0\0\1N" + end == b"fs1:flights:plane_load@3:17:{e\0\0\0\1N}"


def test_the_keys_of_an_entity_share_a_cluster_slot() -> None:
    from redis.crc import key_slot

    for key in (b"", b"}", b"a}b", b"{}", b"\0\0\0\1a", b"}}{"):
        slots = set()
        for view in ("plane_load", "weather"):
            start, end = key_frame(space_of("flights", view, 3, 17))
            slots.add(key_slot(start + key + end))
        assert len(slots) == 1


@given(_entities())
def test_table_and_rows_give_the_same_bytes_and_back(entity: Entity) -> None:
    encoder, table = EntityKeyEncoder(entity[0]), _table(entity)
    keys = encoder.encode(table).to_pylist()
    assert keys == encoder.encode_rows(_columns(entity))
    assert [key is None for key in keys] == [None in row for row in entity[1]]
    complete = [row for row in entity[1] if None not in row]
    decoded = encoder.decode([key for key in keys if key is not None])
    assert decoded.equals(_table((entity[0], complete)))
    assert len({key for key in keys if key is not None}) == len(set(complete))
    # A slice of a table is not the table.
    assert encoder.encode(table.slice(1)).to_pylist() == keys[1:]


@given(st.sampled_from([d for d in _VALUES if d not in (t.String, t.Bytes)]), st.data())
def test_bytes_of_fixed_width_are_in_the_order_of_the_values(
    dtype: t.FeatureType, data: st.DataObject
) -> None:
    a, b = data.draw(_VALUES[dtype]), data.draw(_VALUES[dtype])
    first, second = EntityKeyEncoder({"k": dtype}).encode_rows({"k": [a, b]})
    assert first is not None
    assert second is not None
    assert (first < second) == (a < b)


@pytest.mark.parametrize(
    ("dtype", "value", "found"),
    [
        (t.Int64, "5", "'5' (str)"),
        (t.Int64, True, "True (bool)"),
        (t.Int64, np.True_, "True"),
        (t.Int64, 5.0, "5.0 (float)"),
        (t.Int8, 128, "found 128"),
        (t.Int8, -129, "int8 (-128 to 127), found -129"),
        (t.UInt64, -1, "found -1"),
        (t.UInt64, 2**64, "found 18446744073709551616"),
        (t.String, 5, "5 (int)"),
        (t.String, b"5", "b'5' (bytes)"),
        (t.String, "\ud800", "not valid Unicode"),
        (t.Bytes, "5", "'5' (str)"),
        (t.Bool, 1, "1 (int)"),
        (t.Date, datetime(2020, 1, 1, tzinfo=UTC), "(datetime)"),
        (t.Date, "2020-01-01", "(str)"),
        (t.Timestamp, date(2020, 1, 1), "(date)"),
        (t.Timestamp, 5, "5 (int)"),
        (t.Timestamp, pd.Timestamp(1, unit="ns"), "nanoseconds"),
    ],
)
def test_values_of_another_type_are_errors(dtype: t.FeatureType, value: object, found: str) -> None:
    with pytest.raises(EntityDataError) as caught:
        EntityKeyEncoder({"plane": dtype}).encode_rows({"plane": [None, value]})
    assert "'plane'" in str(caught.value)
    assert found in str(caught.value)


def test_values_that_are_the_same_in_another_guise() -> None:
    assert (
        EntityKeyEncoder({"k": t.Int16}).encode_rows({"k": [5, np.int64(5), np.uint8(5)]}) == [b"\x80\5"] * 3
    )
    assert EntityKeyEncoder({"k": t.Bool}).encode_rows({"k": [np.True_]}) == [b"\1"]
    assert (
        EntityKeyEncoder({"k": t.Bytes}).encode_rows({"k": [bytearray(b"a"), memoryview(b"a")]})
        == [b"\0\0\0\1a"] * 2
    )
    moment = datetime(2020, 1, 1, 12, tzinfo=UTC)
    same = [moment, moment.replace(tzinfo=None), moment.astimezone(timezone(timedelta(hours=5)))]
    assert len(set(EntityKeyEncoder({"k": t.Timestamp}).encode_rows({"k": same}))) == 1


def test_columns_of_another_type_are_errors() -> None:
    with pytest.raises(EntityDataError, match="'k': expected int64, found string"):
        EntityKeyEncoder({"k": t.Int64}).encode(pa.table({"k": ["5"]}))
    with pytest.raises(EntityDataError, match="'k' is missing; there are: other"):
        EntityKeyEncoder({"k": t.Int64}).encode(pa.table({"other": [5]}))
    with pytest.raises(EntityDataError, match="'k' is missing; there are: other"):
        EntityKeyEncoder({"k": t.Int64}).encode_rows({"other": [5]})


def test_an_entity_without_join_keys_has_one_key() -> None:
    encoder = EntityKeyEncoder({})
    assert encoder.encode(pa.table({"x": [1, 2]})).to_pylist() == [b"", b""]
    assert encoder.decode([b"", b""]).num_rows == 2


@pytest.mark.parametrize("key", [b"", b"\0\0\0\2a", b"\0\0\0\2abc", b"\xff\xff\xff\xffa", b"\0\0\0"])
def test_a_foreign_key_is_an_error(key: bytes) -> None:
    with pytest.raises(RowFormatError, match="entity key"):
        EntityKeyEncoder({"k": t.String}).decode([b"\0\0\0\1a", key])
