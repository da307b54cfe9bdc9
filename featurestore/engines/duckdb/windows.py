"""Aggregations: delivers the events of the asked entities; `featurestore.windows` makes values of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from featurestore.engines.duckdb import match
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
from featurestore.engines.duckdb.sql import create, equal, nested, select, where
from featurestore.engines.duckdb.tables import Tables
from featurestore.engines.duckdb.times import Bounds, effective_instant
from featurestore.engines.duckdb.types import to_declared, value
from featurestore.frames.types import arrow_type
from featurestore.protocols.offline import CREATED_COLUMN, EVENT_COLUMN, Changes, ViewPlan
from featurestore.windows.answers import (
    Answers,
    Chunk,
    Spine,
    answer,
    batches,
    earliest_event,
    needs_lives,
)
from featurestore.windows.arrays import Int64s
from featurestore.windows.events import CODE, CREATED, EVENT, EVENT_ID, VISIBLE, Points

CELLS = 1 << 27
"""How many values a chunk holds at most, entities with more of them aside."""


def historical(
    session: Session, views: Sequence[ViewPlan], view: ViewPlan, t: Tables
) -> Iterator[pa.RecordBatch]:
    """The aggregations of each entity row, in order."""
    columns = entity_columns(views, view)
    with reported(view.source.name):
        relation = open_relation(session, view, t.source)
        session.run(match.entity_keys(view, t, columns))
        spine = _spine(session, view, t, columns)
        session.run(f"DROP TABLE {t.spine}")
        answers = _answers(session, view, relation, t, spine.points)
        session.keep(t, ())
    yield from batches(view, answers, spine.of_row, BATCH_ROWS)


def latest(
    session: Session, view: ViewPlan, at: int, changes: Changes | None, given: str | None, t: Tables
) -> Iterator[pa.RecordBatch]:
    """The aggregations of each entity with a visible row at an instant."""
    with reported(view.source.name):
        relation = open_relation(session, view, t.source)
        restricted = changes is not None or given is not None
        if restricted:
            session.run(wanted(view, relation, t, at, changes, given))
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


def _spine(session: Session, view: ViewPlan, t: Tables, columns: Sequence[str]) -> Spine:
    session.run(match.spine(view, t, columns))
    rows = session.table(select(["code", "until"], f"FROM {t.spine}", "ORDER BY row"))
    known = np.asarray(rows.column("code").is_valid()) & np.asarray(rows.column("until").is_valid())
    return Spine.of(_filled(rows.column("code")), _filled(rows.column("until")), known)


def _filled(column: pa.ChunkedArray) -> Int64s:
    values: Int64s = column.fill_null(0).to_numpy().astype(np.int64)
    return values


def _answers(session: Session, view: ViewPlan, relation: Relation, t: Tables, points: Points) -> Answers:
    limits = Bounds()
    if len(points):
        earliest = earliest_event(view, int(points.until.min()))
        limits = Bounds(earliest, int(points.until.max()) - view.delay)
    query = events_query(view, relation, t, limits)
    chunks = _chunks(session, view, t, query, width=5 + len(view.inputs))
    return answer(view, points, chunks, lambda code: _entity(session, view, t, code))


def events_query(view: ViewPlan, relation: Relation, t: Tables, limits: Bounds) -> str:
    """The events of the entities in keys, as `Chunk` describes them."""
    inputs = {f"v{i}": value(relation.columns[f.column], f.dtype) for i, f in enumerate(view.inputs)}
    columns = [f"k.code AS {CODE}", f"x.event AS {EVENT}"]
    if view.source.created_timestamp is not None:
        columns.append(f"x.created AS {CREATED}")
    if needs_lives(view):
        columns.append(f"{visible_from(view, 'x')} AS {VISIBLE}")
    if view.source.event_id is not None:
        columns.append(f"x.id AS {EVENT_ID}")
    conditions = ["x.event IS NOT NULL"]
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


def _chunks(session: Session, view: ViewPlan, t: Tables, query: str, *, width: int) -> Iterator[Chunk]:
    session.run(create(t.narrow, query))
    counted = session.table(
        select([CODE, "count(*) AS rows"], f"FROM {t.narrow}", f"GROUP BY {CODE}", f"ORDER BY {CODE}")
    )
    codes, counts = _filled(counted.column(CODE)), _filled(counted.column("rows"))
    ends = chunk_ends(codes, counts, CELLS // width)
    if len(ends) > 1:
        # In the order of entities, the rows of a chunk are found without reading those of the others.
        session.run(
            create(t.placed, select(["*"], f"FROM {t.narrow}", f"ORDER BY {CODE}")), f"DROP TABLE {t.narrow}"
        )
    begin = 0
    for end in ends:
        table = t.narrow if len(ends) == 1 else t.placed
        within = where(f"{CODE} >= {begin}", f"{CODE} < {end}") if len(ends) > 1 else ""
        rows = session.table(select(["*"], f"FROM {table}", within))
        if len(ends) == 1:
            session.run(f"DROP TABLE {table}")
        yield Chunk(end, _declared(view, rows))
        begin = end


def chunk_ends(codes: Int64s, counts: Int64s, most: int) -> list[int]:
    """Where to cut entities (by code) into runs with at most so many rows, one entity at least."""
    ends: list[int] = []
    total = np.cumsum(counts)
    begin = 0
    while begin < len(codes):
        done = int(total[begin - 1]) if begin else 0
        begin = max(begin + 1, int(np.searchsorted(total, done + most, side="right")))
        ends.append(int(codes[begin - 1]) + 1)
    return ends


def _declared(view: ViewPlan, rows: pa.Table) -> pa.Table:
    for i, feature in enumerate(view.inputs):
        at = rows.schema.get_field_index(f"v{i}")
        wanted = arrow_type(feature.dtype)
        if rows.column(at).type != wanted:
            rows = rows.set_column(at, f"v{i}", rows.column(at).cast(wanted))
    return rows


def _entity(session: Session, view: ViewPlan, t: Tables, code: int) -> str:
    keys = session.row(select(key_names(view), f"FROM {t.keys}", where(f"code = {code}")))
    named = [f"{key.name}={keys[k]!r}" for key, k in zip(view.keys, key_names(view), strict=False)]
    return ", ".join(named) or "the one row of all"
