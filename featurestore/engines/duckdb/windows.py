"""Aggregations: delivers the events of the asked entities; `featurestore.windows` makes values of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from featurestore.engines.duckdb import match, nearest
from featurestore.engines.duckdb.connection import BATCH_ROWS, Session, reported
from featurestore.engines.duckdb.latest import latest_keys, wanted
from featurestore.engines.duckdb.scan import (
    Relation,
    entity_columns,
    key_names,
    narrow_rows,
    open_relation,
    visible_from,
)
from featurestore.engines.duckdb.sql import equal, nested, select, where
from featurestore.engines.duckdb.tables import Tables
from featurestore.engines.duckdb.times import Bounds, effective_instant
from featurestore.engines.duckdb.types import to_declared, value
from featurestore.protocols.offline import CREATED_COLUMN, EVENT_COLUMN, Changes, ViewPlan
from featurestore.sources.wanted import rows_at, rows_of_entities
from featurestore.windows.answers import Answers, answer, batches, earliest_event
from featurestore.windows.chunk import Chunk
from featurestore.windows.events import NO_CREATED, Points
from featurestore.windows.moves import moving_since
from featurestore.windows.spine import Spine

CHUNK_BYTES = 2**30
"""About how much memory a chunk takes at most; a quarter of what DuckDB may take, if that is less."""


def historical(
    session: Session, views: Sequence[ViewPlan], view: ViewPlan, t: Tables, entities: pa.Table
) -> Iterator[pa.RecordBatch]:
    """The aggregations of each entity row, in order."""
    columns = entity_columns(views, view)
    with reported(view.source.name):
        relation = open_relation(session, view, t.source, rows_of_entities(view, entities))
        session.run(match.entity_keys(view, t, columns), match.spine(view, t, columns))
        asked = session.columns(nearest.asked(t), at_most=entities.num_rows)
        spine = Spine.of(asked["row"], asked["code"], asked["until"], rows=entities.num_rows)
        answers = _answers(session, view, relation, t, spine.points)
        session.keep(t, ())
    return batches(view, answers, spine.of_row, BATCH_ROWS)


def latest(
    session: Session, view: ViewPlan, at: int, changes: Changes | None, given: pa.Table | None, t: Tables
) -> Iterator[pa.RecordBatch]:
    """The aggregations of each entity with a visible row at an instant."""
    with reported(view.source.name):
        relation = open_relation(
            session, view, t.source, rows_at(view, at, changes, given, moving=moving_since(view, at, changes))
        )
        restricted = changes is not None or given is not None
        if restricted:
            session.run(wanted(view, relation, t, at, changes, None if given is None else "given"))
        session.run(latest_keys(view, relation, t, at, restricted=restricted))
        keys = session.table(
            select([f"k.{key}" for key in key_names(view)], f"FROM {t.keys} k", "ORDER BY k.code")
        )
        until = effective_instant(at, view.grid)
        codes = np.arange(1, keys.num_rows + 1)
        points = Points(codes, np.full(len(codes), until, np.int64))
        answers = _answers(session, view, relation, t, points)
    for begin in range(0, len(points), BATCH_ROWS):
        some = codes[begin : begin + BATCH_ROWS]
        columns = {
            key.name: to_declared(keys.column(name).combine_chunks(), key.dtype).slice(begin, len(some))
            for name, key in zip(key_names(view), view.keys, strict=False)
        }
        columns[EVENT_COLUMN] = pa.array(points.until[begin : begin + BATCH_ROWS])
        columns[CREATED_COLUMN] = pa.nulls(len(some), pa.int64())
        values = answers.at(some - 1)
        columns |= {w.output: column for w, column in zip(view.windows, values, strict=True)}
        yield pa.RecordBatch.from_pydict(columns)


def _answers(session: Session, view: ViewPlan, relation: Relation, t: Tables, points: Points) -> Answers:
    limits = Bounds()
    if len(points):
        earliest = earliest_event(view, int(points.until.min()))
        limits = Bounds(earliest, int(points.until.max()) - view.delay)
    chunks = _chunks(session, view, relation, t, limits, points)
    return answer(view, points, chunks, lambda code: _entity(session, view, t, code), threads=session.threads)


def _chunks(
    session: Session, view: ViewPlan, relation: Relation, t: Tables, limits: Bounds, points: Points
) -> Iterator[Chunk]:
    """The events in one part, or in several if there are many of them: entities have their codes by chance."""
    if not len(points):
        return
    rows = int(session.row(nearest.all_rows(relation))["rows"])
    # Codes, times and their order, and the columns that are aggregated: about eight bytes each.
    wanted = rows * (5 + len(view.inputs)) * 8
    parts = max(1, -(-wanted // min(CHUNK_BYTES, session.memory_limit() // 4)))
    first, last = int(points.code[0]), int(points.code[-1])
    ends = [first + (last + 1 - first) * i // parts for i in range(parts + 1)]
    for begin, end in itertools.pairwise(ends):
        part = f"k.code >= {begin} AND k.code < {end}" if parts > 1 else ""
        yield _chunk(session, view, events_query(view, relation, t, limits, part), begin, end, rows)


def _chunk(session: Session, view: ViewPlan, query: str, begin: int, end: int, rows: int) -> Chunk:
    found = session.collect(query, at_most=rows)
    inputs = [to_declared(found[f"v{i}"].array(), f.dtype) for i, f in enumerate(view.inputs)]
    return Chunk(
        begin=begin,
        end=end,
        code=found["code"].numbers(),
        event=found["event"].numbers(),
        created=found["created"].numbers() if "created" in found else None,
        visible=found["visible"].numbers() if "visible" in found else None,
        event_id=found["id"].array() if "id" in found else None,
        inputs=inputs,
    )


def events_query(view: ViewPlan, relation: Relation, t: Tables, limits: Bounds, part: str = "") -> str:
    """The events of the entities in keys (of a part of them), with the columns of `Chunk`."""
    inputs = {f"v{i}": value(relation.columns[f.column], f.dtype) for i, f in enumerate(view.inputs)}
    columns = ["k.code", "x.event"]
    if view.source.created_timestamp is not None:
        columns.append(f"coalesce(x.created, '{NO_CREATED}'::BIGINT) AS created")
    if not view.in_order:
        columns.append(f"{visible_from(view, 'x')} AS visible")
    if view.source.event_id is not None:
        columns.append("x.id")
    conditions = [part, "x.event IS NOT NULL"]
    if limits.earliest is not None:
        conditions.append(f"x.event > {limits.earliest}")
    if limits.latest is not None:
        conditions.append(f"x.event <= {limits.latest}")
    if view.source.available_at is not None:
        conditions.append("x.available IS NOT NULL")
    rows = narrow_rows(view, relation, limits, extra=inputs)
    return select(
        [*columns, *(f"x.{name}" for name in inputs)],
        f"FROM {nested(rows, 'x')}",
        f"JOIN {t.keys} k ON {equal('k', 'x', key_names(view))}",
        where(*conditions),
    )


def _entity(session: Session, view: ViewPlan, t: Tables, code: int) -> str:
    keys = session.row(select(key_names(view), f"FROM {t.keys}", where(f"code = {code}")))
    named = [f"{key.name}={keys[k]!r}" for key, k in zip(view.keys, key_names(view), strict=False)]
    return ", ".join(named) or "the one row of all"
