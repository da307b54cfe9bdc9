"""Rule 9 over PostgreSQL: what both engines read from it gives the oracle's answers, on generated cases."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from featurestore.testing.judge import check_historical, check_latest, check_visible
from featurestore.testing.strategies import Case, cases, window_cases
from tests.engines.available import ENGINES, make_engine
from tests.warehouse.loading import as_postgres

pytestmark = [pytest.mark.postgres, pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(params=ENGINES, scope="module")
def engine(request):
    return make_engine(request.param)


@settings(
    max_examples=12,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
@given(case=st.one_of(cases(), cases(), window_cases()))
def test_engines_over_postgres_are_the_oracle(engine, shared_warehouse: str, case: Case):
    stored = as_postgres(case, shared_warehouse)
    assume(stored is not None)
    assert stored is not None
    check_historical(engine, stored)
    check_latest(engine, stored)
    check_visible(engine, stored)
