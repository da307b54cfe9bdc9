"""Rule 9: both engines and the oracle give one answer, on generated cases and on every kind of storage."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from featurestore.testing.judge import check_historical, check_latest, check_visible
from featurestore.testing.strategies import Case, as_csv, as_parquet, cases, csv_can_hold
from tests.engines.available import ENGINES, make_engine

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(params=ENGINES, scope="module")
def engine(request):
    return make_engine(request.param)


@settings(max_examples=200)
@given(case=cases())
def test_training_frames(engine, case: Case):
    check_historical(engine, case)


@settings(max_examples=120)
@given(case=cases())
def test_latest_rows(engine, case: Case):
    check_latest(engine, case)


@settings(max_examples=12)
@given(case=cases())
def test_visible_rows(engine, case: Case):
    check_visible(engine, case)


@settings(max_examples=30)
@given(case=cases(), files=st.integers(1, 3), row_group_size=st.integers(1, 3))
def test_parquet(engine, case: Case, files: int, row_group_size: int):
    with tempfile.TemporaryDirectory() as folder:
        stored = as_parquet(case, Path(folder), files=files, row_group_size=row_group_size)
        check_historical(engine, stored)
        check_latest(engine, stored)
        check_visible(engine, stored)


@settings(max_examples=30)
@given(case=cases(), files=st.integers(1, 2))
def test_csv(engine, case: Case, files: int):
    assume(csv_can_hold(case))
    with tempfile.TemporaryDirectory() as folder:
        stored = as_csv(case, Path(folder), files=files)
        check_historical(engine, stored)
        check_latest(engine, stored)
        check_visible(engine, stored)
