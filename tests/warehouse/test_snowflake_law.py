"""The engine in Snowflake and the local engines over it: the engine suite, and the law on generated cases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from featurestore.definitions.source import InMemorySource
from featurestore.errors import RequestError
from featurestore.frames.convert import to_arrow_table
from featurestore.protocols.offline import Changes, ViewPlan
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
from tests.warehouse.snowflake_loading import (
    as_snowflake,
    load_table,
    snowflake_source,
    table_for_snowflake,
)

if TYPE_CHECKING:
    import pyarrow as pa

TIED = "which Snowflake cannot order: two rows"


class OverSnowflake:
    """The engine behind frames in memory: each is loaded into Snowflake first, if its types are."""

    name = "snowflake"

    def __init__(self) -> None:
        self._engine = SnowflakeEngine()

    def _loaded(self, plan: ViewPlan) -> ViewPlan:
        assert isinstance(plan.source, InMemorySource)
        table = table_for_snowflake(to_arrow_table(plan.source.data, what="rows"), plan)
        if table is None:
            pytest.skip("Snowflake has no such types, or no such values of them")
        if plan.windows:
            pytest.skip("the engine refuses aggregations, which another test looks at")
        return replace(plan, source=snowflake_source(plan.source, load_table(table)))

    def historical_features(
        self, *, views: Sequence[ViewPlan], entities: pa.Table
    ) -> Iterator[pa.RecordBatch]:
        loaded = [self._loaded(view) for view in views]
        return _without_ties(self._engine.historical_features(views=loaded, entities=entities))

    def latest_features(
        self, *, view: ViewPlan, at: int, changes: Changes | None = None, keys: pa.Table | None = None
    ) -> Iterator[pa.RecordBatch]:
        loaded = self._loaded(view)
        return _without_ties(self._engine.latest_features(view=loaded, at=at, changes=changes, keys=keys))

    def visible_rows(
        self, *, view: ViewPlan, at: int, changes: Changes | None = None
    ) -> Iterator[pa.RecordBatch]:
        return self._engine.visible_rows(view=self._loaded(view), at=at, changes=changes)

    def explain(self, *, views: Sequence[ViewPlan]) -> str:
        return self._engine.explain(views=[self._loaded(view) for view in views])


def _without_ties(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    try:
        yield from batches
    except RequestError as error:
        if TIED not in str(error):
            raise
        pytest.skip("the engine refuses tied lists, which another test looks at")


@pytest.mark.snowflake
class TestSnowflakeEngine(
    BoundaryCases, PeerCases, RuleCases, ValueCases, TimeCases, LatestCases, VisibleCases
):
    @pytest.fixture
    def engine(self, snowflake_url: str) -> Any:
        return OverSnowflake()


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
