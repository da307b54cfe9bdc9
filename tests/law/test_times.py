"""Columns of times as the readers of frames take them, against the oracle."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featurestore.errors import EntityDataError
from featurestore.frames.times import Rounding, time_column
from featurestore.testing import oracle
from featurestore.testing.strategies import clocks, time_columns

READERS = {Rounding.DOWN: oracle.entity_instant, Rounding.UP: oracle.source_instant}


@st.composite
def written_times(draw):
    clock = draw(clocks())
    column = draw(time_columns(clock, empty=True))
    return clock.zone, column, draw(st.lists(column.times(clock.later_instants()), max_size=8))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("rounding", Rounding)
@settings(max_examples=300)
@given(written=written_times())
def test_instants(rounding: Rounding, written):
    zone, column, times = written
    found = time_column(pa.chunked_array([column.array(times)]), zone, name="t", rounding=rounding)
    assert found.to_pylist() == [READERS[rounding](time, zone) for time in times]


def test_nanoseconds_are_rounded_after_the_local_time_is_read():
    wall = oracle.Nano(datetime(2024, 11, 3, 0, 59, 59, 999_999), 1)
    ticks = oracle.entity_instant(wall.base) * 1000 + 1
    column = pa.chunked_array([pa.array([ticks], pa.int64()).cast(pa.timestamp("ns"))])
    found = time_column(column, "America/New_York", name="t", rounding=Rounding.UP)
    assert found.to_pylist() == [oracle.source_instant(wall, "America/New_York")]


def test_what_is_no_time_is_refused():
    with pytest.raises(EntityDataError, match="'t'"):
        time_column(pa.chunked_array([["2024-05-01"]]), "UTC", name="t", rounding=Rounding.DOWN)
