"""Rule 5: aggregations on both engines and every storage against the oracle, on generated cases."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featurestore.definitions.source import InMemorySource
from featurestore.testing.judge import check_historical, check_latest
from featurestore.testing.oracle_engine import OracleEngine
from featurestore.testing.strategies import Case, as_parquet, window_cases
from tests.engines.available import ENGINES, make_engine

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(params=ENGINES, scope="module")
def engine(request):
    return make_engine(request.param)


@settings(max_examples=50)
@given(case=window_cases())
def test_what_a_case_says_and_what_its_table_says_is_the_same(case: Case):
    oracle_engine = OracleEngine()
    if _sums_fit(case):
        check_historical(oracle_engine, case)
        check_latest(oracle_engine, case)


def _sums_fit(case: Case) -> bool:
    return not any(w.function == "sum" for plan in case.plans for w in plan.windows)


@settings(max_examples=50)
@given(case=window_cases())
def test_training_frames(engine, case: Case):
    check_historical(engine, case)


@settings(max_examples=20)
@given(case=window_cases())
def test_latest_rows(engine, case: Case):
    check_latest(engine, case)


@settings(max_examples=20)
@given(case=window_cases(), files=st.integers(1, 3), row_group_size=st.integers(1, 3))
def test_parquet(engine, case: Case, files: int, row_group_size: int):
    with tempfile.TemporaryDirectory() as folder:
        stored = as_parquet(case, Path(folder), files=files, row_group_size=row_group_size)
        check_historical(engine, stored)
        check_latest(engine, stored)


@settings(max_examples=20)
@given(case=window_cases(), data=st.data())
def test_the_order_of_the_source_does_not_matter(engine, case: Case, data: st.DataObject):
    order = data.draw(st.permutations(range(len(case.rows))))
    rows = [case.table.slice(i, 1) for i in order]  # there is no take for views of strings
    table = pa.concat_tables([case.table.slice(0, 0), *rows])
    source = InMemorySource(**{**dict(case.source), "data": table})
    check_historical(engine, replace(case.with_source(source), table=table))
