"""Generated features and values for the tests of the row codec."""

from __future__ import annotations

import decimal
import math
import struct
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from featurestore.definitions import types as t
from featurestore.frames.types import arrow_type
from featurestore.online.codec import RowCodec

Schema = dict[str, t.FeatureType]
Rows = list[dict[str, Any]]

SCALARS: list[t.FeatureType] = [*t.INTEGERS, *t.FLOATS, t.Bool, t.String, t.Bytes, t.Date, t.Timestamp]
_zoned = st.sampled_from(["UTC", "America/New_York", "+05:30"]).map(t.ZonedTimestamp)
_decimals = st.integers(1, 38).flatmap(lambda p: st.builds(t.Decimal, st.just(p), st.integers(0, p)))
_vectors = st.builds(t.Vector, st.integers(1, 4), st.sampled_from(t.FLOATS))
_maps = st.builds(
    t.Map,
    st.sampled_from(t.KEY_TYPES),
    st.sampled_from(SCALARS).flatmap(lambda item: st.sampled_from([item, t.List(item)])),
)
types = st.recursive(
    st.sampled_from(SCALARS) | _zoned | _decimals | _vectors | _maps,
    lambda item: st.builds(t.List, item),
    max_leaves=3,
)


def values(dtype: t.FeatureType) -> st.SearchStrategy[Any]:
    """Python values of a type."""
    if dtype in t.INTEGERS:
        bits, low = int(str(dtype).lstrip("uint")), str(dtype)[0] != "u"
        return st.integers(-(2 ** (bits - 1)) if low else 0, 2 ** (bits - low) - 1)
    if dtype in t.FLOATS:
        return st.floats(width=16 if dtype == t.Float16 else 32 if dtype == t.Float32 else 64)
    if isinstance(dtype, t.ZonedTimestamp):
        return st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=st.just(UTC))
    if isinstance(dtype, t.Decimal):
        most = 10**dtype.precision - 1
        return st.integers(-most, most).map(lambda number: decimal.Decimal(f"{number}E-{dtype.scale}"))
    if isinstance(dtype, t.List):
        return st.lists(st.none() | values(dtype.item), max_size=10)
    if isinstance(dtype, t.Map):
        items = st.none() | values(dtype.value)
        return st.dictionaries(values(dtype.key), items, max_size=4).map(lambda found: list(found.items()))
    if isinstance(dtype, t.Vector):
        return st.lists(values(dtype.item), min_size=dtype.length, max_size=dtype.length)
    by_type: dict[t.FeatureType, st.SearchStrategy[Any]] = {
        t.Bool: st.booleans(),
        t.String: st.text(max_size=6),
        t.Bytes: st.binary(max_size=6),
        t.Date: st.dates(),
    }
    return by_type[dtype]


@st.composite
def schemas_and_rows(draw: st.DrawFn, most: int = 12) -> tuple[Schema, Rows]:
    """Some features, and rows of them with nulls."""
    names = draw(st.lists(st.sampled_from("abcdefghijk"), min_size=1, max_size=10, unique=True))
    schema = {name: draw(types) for name in names}
    rows = st.fixed_dictionaries({name: st.none() | values(dtype) for name, dtype in schema.items()})
    return schema, draw(st.lists(rows, max_size=most))


def table_of(schema: Schema, rows: Rows) -> pa.Table:
    """The rows in Arrow."""
    return pa.table(
        {name: pa.array([row[name] for row in rows], arrow_type(dtype)) for name, dtype in schema.items()}
    )


def encode(schema: Schema, table: pa.Table) -> list[bytes]:
    """The rows as bytes, with events 0, 1, 2 …"""
    codec = RowCodec(list(schema.items()), label="v@1")
    events = np.arange(table.num_rows, dtype=np.int64)
    return codec.encode(table, event=events, created=None, written=1, pushed=False)


def exact(value: Any) -> Any:
    """A form in which values are equal only if they are the same, −0.0 and NaN included."""
    if isinstance(value, dict):
        value = list(value.items())
    if isinstance(value, list | tuple):
        return [exact(item) for item in value]
    if isinstance(value, float):
        return "nan" if math.isnan(value) else struct.pack("d", value)
    if isinstance(value, datetime):
        return "instant", value.astimezone(UTC)
    if isinstance(value, date | bool | decimal.Decimal):
        return type(value).__name__, str(value)
    return value
