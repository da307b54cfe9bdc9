"""Aggregations: delivers the events of the asked entities; `featurestore.windows` makes values of them."""

from __future__ import annotations

import os

import numpy as np
import polars as pl
import pyarrow as pa

from featurestore.engines.polars.latest import changed_entities, wanted_entities
from featurestore.engines.polars.match import CODE, entity_spine, key_names, read_narrow, with_codes
from featurestore.engines.polars.scan import EVERY_TIME, ROW, Reach, SourceRows
from featurestore.engines.polars.times import MAX_INSTANT, effective_instant
from featurestore.engines.polars.types import declared
from featurestore.protocols.offline import Changes, ViewPlan
from featurestore.windows.answers import Answers, answer, earliest_event
from featurestore.windows.arrays import Int64s
from featurestore.windows.chunk import Chunk
from featurestore.windows.events import NO_CREATED, Points
from featurestore.windows.spine import Spine


def historical_windows(view: ViewPlan, source: SourceRows, entities: pa.Table) -> pa.Table:
    """The aggregations of each entity row, in order."""
    spine = entity_spine(view, entities)
    asked = spine.frame.with_row_index("position").drop_nulls([CODE, "until"])
    row = asked["position"].cast(pl.Int64).to_numpy()
    points = Spine.of(row, asked[CODE].to_numpy(), asked["until"].to_numpy(), rows=spine.frame.height)
    narrow = read_narrow(view, source, _reach(view, points.points))
    answers = _answers(view, source, narrow, spine.keys, points.points)
    return _table(view, answers, points.of_row)


def _reach(view: ViewPlan, points: Points) -> Reach:
    if not len(points):
        return EVERY_TIME
    earliest = earliest_event(view, int(points.until.min()))
    return Reach(earliest, min(int(points.until.max()) - view.delay, MAX_INSTANT))


def latest_windows(
    view: ViewPlan, source: SourceRows, *, at: int, changes: Changes | None, keys: pa.Table | None
) -> tuple[pl.DataFrame, pa.Table]:
    """Each entity with a visible row (keys, event, created), and its aggregations at an instant."""
    until = effective_instant(at, view.grid)
    names = key_names(view)
    narrow = read_narrow(view, source, EVERY_TIME if changes else Reach(latest=until - view.delay))
    changed = None if changes is None else [changed_entities(view, narrow, at, changes)]
    wanted = wanted_entities(view, changed, keys)
    visible = narrow.filter(pl.col("visible") <= until)
    if names:
        known = visible.select(names).unique(maintain_order=True)
        known = known if wanted is None else known.join(wanted, on=names, how="semi")
    else:
        known = pl.DataFrame(
            height=min(1, visible.height if wanted is None else visible.height * wanted.height)
        )
    coded = known.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias(CODE))
    codes = np.arange(coded.height)
    points = Points(codes, np.full(coded.height, until, np.int64))
    answers = _answers(view, source, narrow if coded.height else narrow.clear(), coded, points)
    chosen = known.with_columns(
        pl.lit(until, pl.Int64).alias("event"), pl.lit(None, pl.Int64).alias("created")
    )
    return chosen, _table(view, answers, codes)


def _answers(
    view: ViewPlan, source: SourceRows, narrow: pl.DataFrame, keys: pl.DataFrame, points: Points
) -> Answers:
    def name(code: int) -> str:
        row = keys.row(by_predicate=pl.col(CODE) == code, named=True)
        named = [f"{key.name}={row[k]!r}" for key, k in zip(view.keys, key_names(view), strict=True)]
        return ", ".join(named) or "the one row of all"

    coded = with_codes(narrow, keys, key_names(view))
    earliest = earliest_event(view, int(points.until.min())) if len(points) else None
    if earliest is not None:
        coded = coded.filter(pl.col("event") > earliest)
    chunks = [_chunk(view, source, coded, points)] if len(points) else []
    return answer(view, points, chunks, name, threads=os.cpu_count() or 1)


def _chunk(view: ViewPlan, source: SourceRows, coded: pl.DataFrame, points: Points) -> Chunk:
    """The events: values are read for the rows of the asked entities only."""
    used = pl.repeat(False, source.height, eager=True).scatter(coded[ROW], True)
    columns = [feature.column for feature in view.inputs]
    values = source.gather(columns, used) if columns else pl.DataFrame()
    created = view.source.created_timestamp is not None
    return Chunk(
        begin=int(points.code[0]),
        end=int(points.code[-1]) + 1,
        code=coded[CODE].to_numpy(),
        event=coded["event"].to_numpy(),
        created=coded["created"].fill_null(NO_CREATED).to_numpy() if created else None,
        visible=coded["visible"].to_numpy() if not view.in_order else None,
        event_id=None if view.source.event_id is None else coded["id"].to_arrow(),
        inputs=[declared(values[f.column], f.dtype, view, f.column).combine_chunks() for f in view.inputs],
    )


def _table(view: ViewPlan, answers: Answers, of_row: Int64s) -> pa.Table:
    return pa.table(answers.at(of_row), names=[window.output for window in view.windows])
