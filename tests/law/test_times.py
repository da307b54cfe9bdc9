"""Columns of times as the readers of frames take them, against the oracle."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featurestore.errors import EntityDataError
from featurestore.frames.times import CREATED_TIME, ENTITY_TIME, SOURCE_TIME, Reading, time_column
from featurestore.testing import oracle
from featurestore.testing.strategies import clocks, time_columns

READERS = {
    ENTITY_TIME: oracle.entity_instant,
    SOURCE_TIME: oracle.source_instant,
    CREATED_TIME: oracle.known_instant,
}


@st.composite
def written_times(draw):
    clock = draw(clocks())
    column = draw(time_columns(clock, empty=True))
    return clock.zone, column, draw(st.lists(column.times(clock.later_instants()), max_size=8))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("reading", READERS, ids=["entity", "source", "created"])
@settings(max_examples=300)
@given(written=written_times())
def test_instants(reading: Reading, written):
    zone, column, times = written
    found = time_column(pa.chunked_array([column.array(times)]), zone, name="t", reading=reading)
    assert found.to_pylist() == [READERS[reading](time, zone) for time in times]


def test_nanoseconds_are_rounded_after_the_local_time_is_read():
    wall = oracle.Nano(datetime(2024, 11, 3, 0, 59, 59, 999_999), 1)
    ticks = oracle.entity_instant(wall.base) * 1000 + 1
    column = pa.chunked_array([pa.array([ticks], pa.int64()).cast(pa.timestamp("ns"))])
    found = time_column(column, "America/New_York", name="t", reading=SOURCE_TIME)
    assert found.to_pylist() == [oracle.source_instant(wall, "America/New_York")]


def test_what_is_no_time_is_refused():
    with pytest.raises(EntityDataError, match="'t'"):
        time_column(pa.chunked_array([["2024-05-01"]]), "UTC", name="t", reading=ENTITY_TIME)
