"""The Polars engine: runs the steps that the other modules write, view by view."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import polars as pl
import pyarrow as pa

from featurestore.definitions.source import Source
from featurestore.engines.polars.explain import explained
from featurestore.engines.polars.fetch import fetch
from featurestore.engines.polars.latest import existing_rows, latest_rows
from featurestore.engines.polars.lives import match_lives
from featurestore.engines.polars.match import (
    Match,
    Spine,
    Spines,
    key_names,
    nearest,
    reach_of,
    read_narrow,
    with_codes,
)
from featurestore.engines.polars.scan import SourceRows, all_rows, reported
from featurestore.engines.polars.steps import open_source
from featurestore.engines.polars.windows import historical_windows, latest_windows
from featurestore.errors import SourceError
from featurestore.frames.batches import side_by_side
from featurestore.frames.types import arrow_type
from featurestore.protocols.offline import CREATED_COLUMN, EVENT_COLUMN, VISIBLE_COLUMN, Changes, ViewPlan
from featurestore.sources.unchanged import unchanged
from featurestore.sources.wanted import rows_at, rows_of_entities
from featurestore.windows.moves import moving_since

BATCH_ROWS = 131_072


class PolarsEngine:
    """Offline engine on Polars, in process: keys and times of a source are held in memory."""

    name = "polars"

    def historical_features(
        self, *, views: Sequence[ViewPlan], entities: pa.Table
    ) -> Iterator[pa.RecordBatch]:
        """The features of all `views` for each entity row; see `OfflineEngine`."""
        spines = Spines(entities)
        with unchanged(view.source for view in views):
            parts = [_historical(view, entities, spines) for view in views]
        # All is read before the first batch.
        yield from side_by_side(parts)

    def latest_features(
        self, *, view: ViewPlan, at: int, changes: Changes | None = None, keys: pa.Table | None = None
    ) -> Iterator[pa.RecordBatch]:
        """The row that each entity has at the instant `at`; see `OfflineEngine`."""
        with unchanged([view.source]), reported(view.source.name):
            source = open_source(
                view, rows_at(view, at, changes, keys, moving=moving_since(view, at, changes))
            )
            if view.windows:
                chosen, table = latest_windows(view, source, at=at, changes=changes, keys=keys)
                features = _batches(table)
            else:
                chosen, match = latest_rows(view, source, at=at, changes=changes, keys=keys)
                features = fetch(view, source, match)
        columns = _key_columns(view, chosen)
        columns[EVENT_COLUMN] = chosen["event"].to_arrow()
        columns[CREATED_COLUMN] = chosen["created"].to_arrow()
        yield from side_by_side([_batches(pa.table(columns)), features])

    def visible_rows(
        self, *, view: ViewPlan, at: int, changes: Changes | None = None
    ) -> Iterator[pa.RecordBatch]:
        """The rows that are visible at the instant `at`, without their features; see `OfflineEngine`."""
        with unchanged([view.source]), reported(view.source.name):
            source = open_source(
                view, rows_at(view, at, changes, None, moving=moving_since(view, at, changes))
            )
            found = existing_rows(view, source, at=at, changes=changes)
        times = {EVENT_COLUMN: "event", CREATED_COLUMN: "created", VISIBLE_COLUMN: "visible"}
        columns = _key_columns(view, found) | {name: found[time].to_arrow() for name, time in times.items()}
        yield from _batches(pa.table(columns))

    def explain(self, *, views: Sequence[ViewPlan]) -> str:
        """The steps that `historical_features` takes for each view, with the query plans of its scans."""
        plans = []
        for view in views:
            with reported(view.source.name):
                plans.append(explained(view, open_source(view)))
        return "\n\n".join(plans)

    def query(self, *, sql: str, sources: Mapping[str, Source]) -> pa.Table:
        """Run a user's SQL over the sources (by name); see `OfflineEngine`."""
        context = pl.SQLContext(eager=True)
        for name, source in sources.items():
            with reported(source.name):
                context.register(name, all_rows(source))
        try:
            return context.execute(sql).to_arrow(compat_level=pl.CompatLevel.oldest())
        except pl.exceptions.PolarsError as error:
            known = ", ".join(sources) or "none"
            raise SourceError(
                f"Polars refused the SQL: {error}", hint=f"The sources in reach are: {known}."
            ) from error


def _historical(view: ViewPlan, entities: pa.Table, spines: Spines) -> Iterator[pa.RecordBatch]:
    with reported(view.source.name):
        source = open_source(view, rows_of_entities(view, entities))
        if view.windows:
            return _batches(historical_windows(view, source, entities))
        return fetch(view, source, _match(view, source, spines.of(view)))


def _match(view: ViewPlan, source: SourceRows, spine: Spine) -> Match:
    # Nothing holds on to the keys: the match is where most memory is in use.
    coded = with_codes(read_narrow(view, source, reach_of(view, spine)), spine.keys, key_names(view))
    return nearest(view, coded, spine) if view.in_order else match_lives(view, source, coded, spine)


def _key_columns(view: ViewPlan, rows: pl.DataFrame) -> dict[str, pa.Array]:
    return {
        key.name: _key_column(rows[name], arrow_type(key.dtype))
        for name, key in zip(key_names(view), view.keys, strict=True)
    }


def _key_column(keys: pl.Series, wanted: pa.DataType) -> pa.Array:
    found = keys.to_arrow(compat_level=pl.CompatLevel.oldest())
    if pa.types.is_timestamp(wanted):
        return found.cast(pa.timestamp("us")).cast(wanted)
    return found.cast(wanted)


def _batches(table: pa.Table) -> Iterator[pa.RecordBatch]:
    yield from table.combine_chunks().to_batches(max_chunksize=BATCH_ROWS)
