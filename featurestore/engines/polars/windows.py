"""Aggregations: delivers the events of the asked entities; `featurestore.windows` makes values of them."""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa

from featurestore.engines.polars.latest import wanted_entities
from featurestore.engines.polars.match import CODE as ENTITY
from featurestore.engines.polars.match import entity_spine, key_names, read_narrow, with_codes
from featurestore.engines.polars.scan import ROW, SourceRows
from featurestore.engines.polars.times import MAX_INSTANT, effective_instant
from featurestore.engines.polars.types import declared
from featurestore.protocols.offline import Changes, ViewPlan
from featurestore.windows.answers import (
    Answers,
    Chunk,
    Spine,
    answer,
    needs_lives,
)
from featurestore.windows.arrays import Int64s
from featurestore.windows.events import CODE, CREATED, EVENT, EVENT_ID, VISIBLE, Points


def historical_windows(view: ViewPlan, source: SourceRows, entities: pa.Table) -> pa.Table:
    """The aggregations of each entity row, in order."""
    spine = entity_spine(view, entities)
    code, until = spine.frame[ENTITY], spine.frame["until"]
    known = (code.is_not_null() & until.is_not_null()).to_numpy()
    asked = Spine.of(_filled(code), _filled(until), known)
    latest = int(asked.points.until.max()) - view.delay if len(asked.points) else None
    narrow = read_narrow(view, source, latest=None if latest is None else min(latest, MAX_INSTANT))
    answers = _answers(view, source, narrow, spine.keys, asked.points)
    return _table(view, answers, asked.of_row)


def latest_windows(
    view: ViewPlan, source: SourceRows, *, at: int, changes: Changes | None, keys: pa.Table | None
) -> tuple[pl.DataFrame, pa.Table]:
    """Each entity with a visible row (keys, event, created), and its aggregations at an instant."""
    until = effective_instant(at, view.grid)
    names = key_names(view)
    narrow = read_narrow(view, source, latest=None if changes else until - view.delay)
    wanted = wanted_entities(view, narrow, at, changes, keys)
    visible = narrow.filter(pl.col("visible") <= until)
    if names:
        known = visible.select(names).unique()
        known = known if wanted is None else known.join(wanted, on=names, how="semi")
    else:
        known = pl.DataFrame(
            height=min(1, visible.height if wanted is None else visible.height * wanted.height)
        )
    coded = known.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias(ENTITY))
    codes = np.arange(coded.height)
    points = Points(codes, np.full(coded.height, until, np.int64))
    answers = _answers(view, source, narrow if coded.height else narrow.clear(), coded, points)
    chosen = known.with_columns(
        pl.lit(until, pl.Int64).alias("event"), pl.lit(None, pl.Int64).alias("created")
    )
    return chosen, _table(view, answers, codes)


def _filled(column: pl.Series) -> Int64s:
    values: Int64s = column.fill_null(0).to_numpy().astype(np.int64)
    return values


def _answers(
    view: ViewPlan, source: SourceRows, narrow: pl.DataFrame, keys: pl.DataFrame, points: Points
) -> Answers:
    coded = with_codes(narrow, keys, key_names(view))
    rows = _events(view, source, coded)
    chunks = [Chunk(int(points.code[-1]) + 1, rows)] if len(points) else []

    def name(code: int) -> str:
        row = keys.row(by_predicate=pl.col(ENTITY) == code, named=True)
        named = [f"{key.name}={row[k]!r}" for key, k in zip(view.keys, key_names(view), strict=True)]
        return ", ".join(named) or "the one row of all"

    return answer(view, points, chunks, name)


def _events(view: ViewPlan, source: SourceRows, coded: pl.DataFrame) -> pa.Table:
    """The events as `Chunk` describes them: values are read for the rows of the asked entities only."""
    coded = coded.sort(ROW)
    used = pl.repeat(False, source.height, eager=True).scatter(coded[ROW], True)
    inputs = [feature.column for feature in view.inputs]
    values = source.gather(inputs, used) if inputs else pl.DataFrame()
    data = {CODE: coded[ENTITY].to_arrow(), EVENT: coded["event"].to_arrow()}
    if view.source.created_timestamp is not None:
        data[CREATED] = coded["created"].to_arrow()
    if needs_lives(view):
        data[VISIBLE] = coded["visible"].to_arrow()
    if view.source.event_id is not None:
        data[EVENT_ID] = coded["id"].to_arrow(compat_level=pl.CompatLevel.oldest())
    for i, feature in enumerate(view.inputs):
        data[f"v{i}"] = declared(values[feature.column], feature.dtype, view, feature.column)
    return pa.table(data)


def _table(view: ViewPlan, answers: Answers, of_row: Int64s) -> pa.Table:
    return pa.table(answers.at(of_row), names=[window.output for window in view.windows])
