"""The Polars engine reads large files in parts and skips row groups: on small files, whatever the parts."""

from __future__ import annotations

import tempfile
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featurestore.engines.polars import PolarsEngine, match, scan
from featurestore.testing.judge import check_historical, check_latest, check_visible
from featurestore.testing.strategies import Case, as_parquet, cases

pytestmark = pytest.mark.timeout(600)


@settings(max_examples=60)
@given(
    case=cases(),
    files=st.integers(1, 3),
    row_group_size=st.integers(1, 3),
    rows_at_once=st.integers(1, 4),
    by_number=st.booleans(),
)
def test_parts(case: Case, files: int, row_group_size: int, rows_at_once: int, by_number: bool) -> None:
    with (
        patch.object(match, "ROWS_AT_ONCE", rows_at_once),
        patch.multiple(scan, SPANS=2, FEW=float(by_number)),
        tempfile.TemporaryDirectory() as folder,
    ):
        stored = as_parquet(case, Path(folder), files=files, row_group_size=row_group_size)
        check_latest(PolarsEngine(), stored)
        check_historical(PolarsEngine(), stored)
        check_visible(PolarsEngine(), stored)


@settings(max_examples=30)
@given(case=cases(), rows_at_once=st.integers(1, 4))
def test_parts_of_a_frame_in_memory(case: Case, rows_at_once: int) -> None:
    with patch.object(match, "ROWS_AT_ONCE", rows_at_once):
        check_latest(PolarsEngine(), case)
        check_visible(PolarsEngine(), case)
