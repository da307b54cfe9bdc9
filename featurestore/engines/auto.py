"""The engine that takes the faster one of DuckDB and Polars for each request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from featurestore.adapters import open_engine
from featurestore.definitions.source import Source
from featurestore.protocols.offline import Changes, EngineChoice, OfflineEngine, ViewPlan
from featurestore.sources.arrow import row_count

if TYPE_CHECKING:
    import pyarrow as pa


class AutoEngine:
    """Offline engine that hands each request to DuckDB or to Polars, both of which give the same answer.

    Polars makes training frames where entity rows outnumber the rows of the sources: it has the least to do for
    each entity row. DuckDB does everything else: it reads large sources faster, and in less memory.
    """

    name = "auto"

    def choose(self, *, views: Sequence[ViewPlan], entity_rows: int) -> EngineChoice:
        """The engine for a training frame of so many rows, and why."""
        if any(view.windows for view in views):
            return EngineChoice(open_engine("duckdb"), "aggregations read large sources")
        counts = [row_count(view.source) for view in views]
        if None in counts:
            return EngineChoice(
                open_engine("duckdb"), "how many rows the sources have is not known beforehand"
            )
        rows = sum(count for count in counts if count is not None)
        if entity_rows > rows:
            return EngineChoice(
                open_engine("polars"), f"there are more entity rows than the {rows:,} rows of the sources"
            )
        return EngineChoice(
            open_engine("duckdb"), f"the {rows:,} rows of the sources are not fewer than the entity rows"
        )

    def historical_features(
        self, *, views: Sequence[ViewPlan], entities: pa.Table
    ) -> Iterator[pa.RecordBatch]:
        """The features of all `views` for each entity row; see `OfflineEngine`."""
        engine = self.choose(views=views, entity_rows=entities.num_rows).engine
        yield from engine.historical_features(views=views, entities=entities)

    def latest_features(
        self, *, view: ViewPlan, at: int, changes: Changes | None = None, keys: pa.Table | None = None
    ) -> Iterator[pa.RecordBatch]:
        """The row that each entity has at the instant `at`; see `OfflineEngine`."""
        yield from _duckdb().latest_features(view=view, at=at, changes=changes, keys=keys)

    def explain(self, *, views: Sequence[ViewPlan]) -> str:
        """What DuckDB would run; a training frame explains the engine that is chosen for its rows."""
        return _duckdb().explain(views=views)

    def query(self, *, sql: str, sources: Mapping[str, Source]) -> pa.Table:
        """Run a user's SQL over the sources (by name), on DuckDB; see `OfflineEngine`."""
        return _duckdb().query(sql=sql, sources=sources)


def _duckdb() -> OfflineEngine:
    return open_engine("duckdb")
