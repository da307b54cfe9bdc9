"""The engine that takes the best one for each request: where the data are, or the faster one of DuckDB and Polars."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from featurestore.adapters import engine_of_kind, open_engine
from featurestore.definitions.source import Source
from featurestore.protocols.offline import Changes, EngineChoice, JoinsInPlace, OfflineEngine, Suits, ViewPlan
from featurestore.sources.arrow import row_count

if TYPE_CHECKING:
    import pyarrow as pa


# Where both engines take the same time, as `python -m benchmarks growth` measures it.
FEW_ROWS = 4
# Polars holds keys and times of all rows in memory.
MOST_ROWS = 50_000_000


class AutoEngine:
    """Offline engine that hands each request to another one; all give the same answer.

    Where all views read one database that joins can run in, and it says that they better do, they run there.
    Of the engines that read the sources, Polars makes training frames where a view has few rows for each entity row:
    it has the least to do for each entity row. DuckDB does everything else: it reads large sources faster, and in less
    memory.
    """

    name = "auto"

    def choose(self, *, views: Sequence[ViewPlan], entity_rows: int) -> EngineChoice:
        """The engine for a training frame of so many rows, and why."""
        there = _in_place(views, entity_rows)
        if there is not None and there[1].better:
            return EngineChoice(there[0], there[1].reason)
        local = _local(views, entity_rows)
        if there is None:
            return local
        return EngineChoice(local.engine, f"{local.reason}; not {there[0].name}: {there[1].reason}")

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
        engine = _duckdb()
        if changes is None:
            there = _in_place([view], 0 if keys is None else keys.num_rows)
            engine = there[0] if there is not None and there[1].better else engine
        yield from engine.latest_features(view=view, at=at, changes=changes, keys=keys)

    def visible_rows(
        self, *, view: ViewPlan, at: int, changes: Changes | None = None
    ) -> Iterator[pa.RecordBatch]:
        """The rows that are visible at the instant `at`; see `OfflineEngine`."""
        yield from _duckdb().visible_rows(view=view, at=at, changes=changes)

    def explain(self, *, views: Sequence[ViewPlan]) -> str:
        """What DuckDB would run; a training frame explains the engine that is chosen for its rows."""
        return _duckdb().explain(views=views)

    def query(self, *, sql: str, sources: Mapping[str, Source]) -> pa.Table:
        """Run a user's SQL over the sources (by name), on DuckDB; see `OfflineEngine`."""
        return _duckdb().query(sql=sql, sources=sources)


def _local(views: Sequence[ViewPlan], entity_rows: int) -> EngineChoice:
    """The faster one of the engines that read the sources."""
    if any(view.windows for view in views):
        return EngineChoice(_duckdb(), "aggregations read large sources")
    rows, many = 0, FEW_ROWS * entity_rows * len(views)
    for view in views:
        count = row_count(view.source, enough=many - rows)
        if count is None:
            return EngineChoice(_duckdb(), "how many rows the sources have is not known beforehand")
        rows += count
        if rows >= many:
            reason = f"the views have {FEW_ROWS} source rows for each entity row, or more"
            return EngineChoice(_duckdb(), reason)
    if rows + entity_rows > MOST_ROWS:
        return EngineChoice(_duckdb(), f"more than {MOST_ROWS:,} rows take less memory so")
    reason = f"the views have {rows:,} source rows, fewer than {FEW_ROWS} for each entity row"
    return EngineChoice(open_engine("polars"), reason)


def _in_place(views: Sequence[ViewPlan], entity_rows: int) -> tuple[OfflineEngine, Suits] | None:
    """The engine where all sources are, and whether it suits; None if there is none."""
    kinds = {view.source.kind for view in views}
    engine = engine_of_kind(kinds.pop()) if len(kinds) == 1 else None
    if engine is None or not isinstance(engine, JoinsInPlace):
        return None
    return engine, engine.suits(views=views, entity_rows=entity_rows)


def _duckdb() -> OfflineEngine:
    return open_engine("duckdb")
