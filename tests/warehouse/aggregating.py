"""Engines in databases as tests ask them: behind frames in memory, and for no more than they do not refuse."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from featurestore.definitions.source import InMemorySource, Source
from featurestore.errors import RequestError
from featurestore.frames.convert import to_arrow_table
from featurestore.protocols.offline import Changes, ViewPlan
from featurestore.testing.strategies import Case
from featurestore.testing.strategies.tables import table_of_plan
from featurestore_connectors.postgres import PostgresEngine
from featurestore_connectors.push_down import PushDownEngine
from featurestore_connectors.snowflake import SnowflakeEngine
from tests.warehouse.loading import load_table, make_indexes, postgres_source
from tests.warehouse.snowflake_loading import load_table as load_snowflake
from tests.warehouse.snowflake_loading import snowflake_source, table_for_snowflake

if TYPE_CHECKING:
    import pyarrow as pa

TIED = "which Snowflake cannot order: two rows"


class Over:
    """An engine in a database behind frames in memory: each is loaded first, if its types are there.

    Args:
        engine: the engine.
        stored: the source with a table of these rows; None if the database has no such types, or no such values.
    """

    def __init__(
        self, engine: PushDownEngine, stored: Callable[[ViewPlan, pa.Table], ViewPlan | None]
    ) -> None:
        self.name = engine.name
        self.engine = engine
        self._stored = stored

    def _loaded(self, plan: ViewPlan) -> ViewPlan:
        assert isinstance(plan.source, InMemorySource)
        found = self._stored(plan, to_arrow_table(plan.source.data, what="rows"))
        if found is None:
            pytest.skip(f"{self.engine.system} has no such types, or no such values of them")
        if (reason := self.engine.reason_against(found)) is not None and plan.windows:
            pytest.skip(reason)
        return found

    def historical_features(
        self, *, views: Sequence[ViewPlan], entities: pa.Table
    ) -> Iterator[pa.RecordBatch]:
        return self.engine.historical_features(views=[self._loaded(v) for v in views], entities=entities)

    def latest_features(
        self, *, view: ViewPlan, at: int, changes: Changes | None = None, keys: pa.Table | None = None
    ) -> Iterator[pa.RecordBatch]:
        return self.engine.latest_features(view=self._loaded(view), at=at, changes=changes, keys=keys)

    def visible_rows(
        self, *, view: ViewPlan, at: int, changes: Changes | None = None
    ) -> Iterator[pa.RecordBatch]:
        return self.engine.visible_rows(view=self._loaded(view), at=at, changes=changes)

    def explain(self, *, views: Sequence[ViewPlan]) -> str:
        return self.engine.explain(views=[self._loaded(view) for view in views])

    def query(self, *, sql: str, sources: Mapping[str, Source]) -> pa.Table:
        return self.engine.query(sql=sql, sources=sources)


class OverSnowflake(Over):
    """Snowflake's, which refuses ties that only lists could settle."""

    def historical_features(
        self, *, views: Sequence[ViewPlan], entities: pa.Table
    ) -> Iterator[pa.RecordBatch]:
        return _without_ties(super().historical_features(views=views, entities=entities))

    def latest_features(
        self, *, view: ViewPlan, at: int, changes: Changes | None = None, keys: pa.Table | None = None
    ) -> Iterator[pa.RecordBatch]:
        return _without_ties(super().latest_features(view=view, at=at, changes=changes, keys=keys))


def _without_ties(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    try:
        yield from batches
    except RequestError as error:
        if TIED not in str(error):
            raise
        pytest.skip("the engine refuses tied lists, which another test looks at")


def over_postgres(url: str, *, indexed: bool = False) -> Over:
    """The engine in PostgreSQL; with indexes on join keys and event timestamp or without."""

    def stored(plan: ViewPlan, rows: pa.Table) -> ViewPlan | None:
        table = table_of_plan(rows, plan)
        if table is None:
            return None
        source = postgres_source(plan.source, load_table(url, table))
        if indexed:
            make_indexes(url, source, [plan])
        return replace(plan, source=source)

    return Over(PostgresEngine(), stored)


def over_snowflake() -> Over:
    """The engine in Snowflake."""

    def stored(plan: ViewPlan, rows: pa.Table) -> ViewPlan | None:
        table = table_for_snowflake(rows, plan)
        return (
            None
            if table is None
            else replace(plan, source=snowflake_source(plan.source, load_snowflake(table)))
        )

    return OverSnowflake(SnowflakeEngine(), stored)


def without_refused(engine: PushDownEngine, case: Case) -> Case | None:
    """The case, asked for those aggregations only that the engine has; None if it has none of them."""
    (request,), (plan,) = case.requests, case.plans
    kept = tuple(
        name
        for name, window, feature in zip(request.features, plan.windows, plan.features, strict=True)
        if engine.reason_against(replace(plan, windows=(window,), features=(feature,))) is None
    )
    return replace(case, requests=(replace(request, features=kept),)) if kept else None
