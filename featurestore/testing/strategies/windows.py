"""Cases with aggregations: windows whose bounds meet events, equal times, nulls, NaN, −0.0 and big integers."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal as Number
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from featurestore.definitions.aggregation import Aggregation
from featurestore.definitions.entity import Entity
from featurestore.definitions.functions import FUNCTIONS
from featurestore.definitions.source import InMemorySource
from featurestore.definitions.types import (
    KEY_TYPES,
    Bool,
    Bytes,
    Date,
    Decimal,
    FeatureType,
    Float32,
    Float64,
    Int8,
    Int64,
    String,
    Timestamp,
    UInt64,
)
from featurestore.definitions.view import FeatureView
from featurestore.definitions.windows import LIFETIME
from featurestore.frames.types import arrow_type
from featurestore.testing.oracle import from_instant
from featurestore.testing.oracle.times import MICROSECOND
from featurestore.testing.strategies.cases import (
    Case,
    Request,
    case_entities,
    case_layout,
    case_rows,
    case_table,
)
from featurestore.testing.strategies.columns import Column
from featurestore.testing.strategies.times import clocks, time_columns

_FLOATS = (math.nan, math.inf, -math.inf, -0.0, 0.0, 0.1, 1.5, -2.5, 1e9 + 1, 1e9 + 2)
_POOLS: dict[FeatureType, tuple[object, ...]] = {
    Int64: (0, 1, -1, 7, 2**53 + 1, 2**53 + 2, 2**62, -(2**63), 2**63 - 1),
    Int8: (-128, 127, 0, 3),
    UInt64: (0, 1, 2**63, 2**64 - 1),
    Float64: _FLOATS,
    Float32: (math.nan, -0.0, 0.0, 0.5, 1.25, -math.inf),
    Bool: (True, False),
    String: ("", "a", "b", "é", "a\x00"),
    Bytes: (b"", b"\x00", b"\xff"),
    Date: (date(1970, 1, 1), date(1969, 12, 31), date(2024, 2, 29)),
    Timestamp: (datetime(1970, 1, 1, tzinfo=UTC), datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
    Decimal(9, 2): (Number("0.01"), Number("-0.01"), Number("7.00")),
}
_SPANS = (MICROSECOND, timedelta(seconds=1), timedelta(minutes=30), timedelta(hours=1), timedelta(days=1))
_ARGUMENTS = {
    "count": ("1", "2", "1000"),
    "fraction": ("0", "0.3", "0.5", "1"),
    "duration": ("1us", "1s", "30m", "7d"),
}
_FILTER_COLUMNS = {
    "w": Column(Int64, pa.int64(), (0, 1, 2, None)),
    "u": Column(String, pa.string(), ("a", "b", "", None)),
}
_CONDITIONS = (
    None,
    None,
    None,
    "w > 0",
    "w IS NULL OR u = 'a'",
    "u <> 'a' AND w < 2",
    "NOT (w = 1)",
    "u IN ('a', '')",
)


@st.composite
def window_cases(draw: st.DrawFn) -> Case:
    """A small case of one view with aggregations."""
    clock = draw(clocks())
    columns = draw(st.lists(_columns(), min_size=1, max_size=3))
    given = {f"c{i}": column for i, column in enumerate(columns)}
    layout = draw(case_layout(clock, {**given, **_FILTER_COLUMNS}))
    rows = draw(case_rows(clock, layout))
    table = case_table(layout.columns, rows, draw(st.integers(0, len(rows))))
    source = InMemorySource(
        "s", data=table, event_timestamp="at", delay=clock.delay, timezone=clock.zone, **layout.roles
    )
    spans = (*_SPANS, *([clock.ttl] if clock.ttl else []), LIFETIME)
    drawn = draw(st.lists(aggregations(given, spans), min_size=1, max_size=5))
    view = FeatureView(
        "v",
        entities=[Entity("e", join_keys=layout.keys)] if layout.keys else [],
        source=source,
        features=[item.model_copy(update={"name": f"f{i}"}) for i, item in enumerate(drawn)],
        schedule=clock.schedule,
    )
    names = draw(st.lists(st.sampled_from([f.name for f in view.features]), min_size=1, unique=True))
    times = draw(time_columns(clock))
    entities = draw(case_entities(clock, layout, [], times))
    known = source.available_at or source.created_timestamp
    as_of = draw(clock.later_instants()) if known and draw(st.integers(0, 3)) == 3 else None
    return Case(
        requests=(Request(view, None, tuple(names), {}),),
        rows=rows,
        table=table,
        entities=entities,
        entity_times=times.array([entity["event_timestamp"] for entity in entities]),
        entity_zone=draw(st.sampled_from([clock.zone, "UTC"])),
        as_of=None if as_of is None else from_instant(as_of),
        at=tuple(draw(st.lists(clock.later_instants(), min_size=2, max_size=2))),
    )


@st.composite
def _columns(draw: st.DrawFn) -> Column:
    dtype = draw(st.sampled_from([Int64, Float64, *_POOLS]))
    pool = draw(st.lists(st.sampled_from(_POOLS[dtype]), min_size=1, max_size=4))
    return Column(dtype, arrow_type(dtype), (*pool, *draw(st.sampled_from([(), (None,)]))))


@st.composite
def aggregations(draw: st.DrawFn, columns: dict[str, Column], spans: tuple[Any, ...]) -> Aggregation:
    """One aggregation over one of the columns, or over rows."""
    column = draw(st.sampled_from(["*", *columns, *columns]))
    dtype = None if column == "*" else columns[column].dtype
    names = [n for n, f in FUNCTIONS.items() if f.rows or (dtype is not None and f.accepts(dtype))]
    name = draw(st.sampled_from(names if dtype is not None else [n for n in names if FUNCTIONS[n].rows]))
    argument = FUNCTIONS[name].argument
    function = name if argument is None else f"{name}({draw(st.sampled_from(_ARGUMENTS[argument]))})"
    span = draw(st.sampled_from(spans))
    by = draw(st.sampled_from([None, None, *(c for c in columns if columns[c].dtype in KEY_TYPES)]))
    may_be_series = span != LIFETIME and FUNCTIONS[name].empty != () and by is None
    return Aggregation(
        column,
        function,
        span,
        name="f",
        where=draw(st.sampled_from(_CONDITIONS)),
        offset=draw(st.sampled_from([timedelta(0), timedelta(0), MICROSECOND, timedelta(minutes=30)])),
        series=draw(st.sampled_from([None, None, 1, 3])) if may_be_series else None,
        by=by,
        keys=None if by is None else draw(st.sampled_from([1, 2, 1000])),
        input_type=dtype,
        by_type=None if by is None else columns[by].dtype,
    )
