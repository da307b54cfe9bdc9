"""The literal cases of the conformance suite against the oracle itself, so that both say the same."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from featurestore.testing.engine_suite.boundaries import BoundaryCases
from featurestore.testing.engine_suite.peers import PeerCases
from featurestore.testing.engine_suite.rules import RuleCases
from featurestore.testing.engine_suite.times import TimeCases
from featurestore.testing.engine_suite.values import ValueCases
from featurestore.testing.judge import check_historical, check_latest
from featurestore.testing.oracle_engine import OracleEngine
from featurestore.testing.strategies import Case, cases


class TestOracleEngine(BoundaryCases, PeerCases, RuleCases, ValueCases, TimeCases):
    @pytest.fixture
    def engine(self) -> OracleEngine:
        return OracleEngine()


@settings(max_examples=100)
@given(case=cases())
def test_what_a_case_says_and_what_its_table_says_is_the_same(case: Case):
    check_historical(OracleEngine(), case)
    check_latest(OracleEngine(), case)
