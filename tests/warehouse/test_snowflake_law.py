"""The engine in Snowflake and the local engines over it: the engine suite, and the law on generated cases."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from featurestore.errors import RequestError
from featurestore.testing.engine_suite.boundaries import BoundaryCases
from featurestore.testing.engine_suite.latest import LatestCases
from featurestore.testing.engine_suite.peers import PeerCases
from featurestore.testing.engine_suite.rules import RuleCases
from featurestore.testing.engine_suite.times import TimeCases
from featurestore.testing.engine_suite.values import ValueCases
from featurestore.testing.engine_suite.visible import VisibleCases
from featurestore.testing.judge import check_historical, check_latest, check_visible
from featurestore.testing.strategies import Case, cases, window_cases
from featurestore_connectors.snowflake import SnowflakeEngine
from tests.engines.available import ENGINES, make_engine
from tests.warehouse.aggregating import TIED, over_snowflake
from tests.warehouse.snowflake_loading import as_snowflake


@pytest.mark.snowflake
class TestSnowflakeEngine(
    BoundaryCases, PeerCases, RuleCases, ValueCases, TimeCases, LatestCases, VisibleCases
):
    @pytest.fixture
    def engine(self, snowflake_url: str) -> Any:
        return over_snowflake()


_SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]


@pytest.mark.slow
@pytest.mark.timeout(600)
@settings(max_examples=25, suppress_health_check=_SLOW)
@given(case=cases())
def test_it_is_the_oracle(snowflake_url: str, case: Case):
    stored = as_snowflake(case)
    assume(stored is not None)
    assert stored is not None
    check_visible(SnowflakeEngine(), stored)
    try:
        check_historical(SnowflakeEngine(), stored)
        check_latest(SnowflakeEngine(), stored)
    except RequestError as error:
        assume(TIED not in str(error))
        raise


@pytest.fixture(params=ENGINES, scope="module")
def engine(request):
    return make_engine(request.param)


@pytest.mark.slow
@pytest.mark.timeout(600)
@settings(max_examples=12, suppress_health_check=_SLOW)
@given(case=st.one_of(cases(), cases(), window_cases()))
def test_engines_over_snowflake_are_the_oracle(engine, snowflake_url: str, case: Case):
    stored = as_snowflake(case)
    assume(stored is not None)
    assert stored is not None
    check_historical(engine, stored)
    check_latest(engine, stored)
    check_visible(engine, stored)
