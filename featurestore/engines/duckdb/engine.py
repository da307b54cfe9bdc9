"""The DuckDB engine: runs the steps that the other modules write, view by view."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from featurestore.definitions.source import Source
from featurestore.definitions.types import Vector
from featurestore.engines.duckdb import explain, fetch, gather, latest, lives, match, nearest, windows
from featurestore.engines.duckdb.completed import completed
from featurestore.engines.duckdb.connection import Session, reported
from featurestore.engines.duckdb.scan import (
    Relation,
    entity_columns,
    entity_names,
    key_names,
    open_relation,
    parquet_table,
)
from featurestore.engines.duckdb.sql import create, name
from featurestore.engines.duckdb.tables import Tables
from featurestore.frames.batches import side_by_side
from featurestore.protocols.offline import (
    CREATED_COLUMN,
    EVENT_COLUMN,
    TIME_COLUMN,
    VISIBLE_COLUMN,
    Changes,
    ViewPlan,
)
from featurestore.sources.arrow import read_table, source_schema
from featurestore.sources.files import on_disk
from featurestore.sources.unchanged import unchanged
from featurestore.sources.wanted import NO_ROW, rows_at, rows_of_entities
from featurestore.transforms.duckdb_sql import for_duckdb
from featurestore.windows.moves import moving_since

_NO_IDENTITY = "SELECT 0::BIGINT AS rid WHERE FALSE"


class DuckDBEngine:
    """Offline engine on DuckDB, in process. Results larger than memory are spilled and streamed.

    Args:
        memory_limit: what DuckDB may use, such as ``"4GB"`` (default: 80 % of the machine's memory). CSV
            files and frames in memory are beside it.
        threads: how many it uses (default: all cores).
        temp_directory: where it spills to (default: the system's folder for temporary files); nothing stays
            there.
    """

    name = "duckdb"

    def __init__(
        self,
        *,
        memory_limit: str | None = None,
        threads: int | None = None,
        temp_directory: str | Path | None = None,
    ) -> None:
        self._memory_limit = memory_limit
        self._threads = threads
        self._temp_directory = None if temp_directory is None else Path(temp_directory)

    def _session(self) -> Session:
        return Session(
            memory_limit=self._memory_limit,
            threads=self._threads,
            temp_directory=self._temp_directory,
        )

    def historical_features(
        self, *, views: Sequence[ViewPlan], entities: pa.Table
    ) -> Iterator[pa.RecordBatch]:
        """The features of all `views` for each entity row; see `OfflineEngine`."""
        with self._session() as session, unchanged(view.source for view in views):
            session.register("entities", _entity_rows(views, entities))
            parts = [
                _historical(session, views, view, Tables.of(f"v{i}_"), entities)
                for i, view in enumerate(views)
            ]
            yield from side_by_side(parts)

    def latest_features(
        self, *, view: ViewPlan, at: int, changes: Changes | None = None, keys: pa.Table | None = None
    ) -> Iterator[pa.RecordBatch]:
        """The row that each entity has at the instant `at`; see `OfflineEngine`."""
        with self._session() as session, unchanged([view.source]):
            tables = Tables.of("")
            if keys is not None:
                session.register("given", _given_keys(view, keys))
            given = None if keys is None else "given"
            if view.windows:
                yield from windows.latest(session, view, at, changes, keys, tables)
                return
            with reported(view.source.name):
                relation = open_relation(session, view, tables.source, rows_at(view, at, changes, keys))
                restricted = keys is not None or changes is not None
                if restricted:
                    session.run(latest.wanted(view, relation, tables, at, changes, given))
                session.run(latest.latest_keys(view, relation, tables, at, restricted=restricted))
                session.run(latest.latest_narrow(view, relation, tables, at))
                query = _latest(session, view, relation, tables)
            columns = [
                *((key.name, key.dtype) for key in view.keys),
                (EVENT_COLUMN, None),
                (CREATED_COLUMN, None),
                *((feature.output, feature.dtype) for feature in view.features),
            ]
            yield from fetch.batches(session, query, columns, view.source.name, alone=True)

    def visible_rows(
        self, *, view: ViewPlan, at: int, changes: Changes | None = None
    ) -> Iterator[pa.RecordBatch]:
        """The rows that are visible at the instant `at`, without their features; see `OfflineEngine`."""
        with self._session() as session, unchanged([view.source]):
            tables = Tables.of("")
            with reported(view.source.name):
                relation = open_relation(
                    session, view, tables.source,
                    rows_at(view, at, changes, None, moving=moving_since(view, at, changes)),
                )  # fmt: skip
                if changes is not None:
                    session.run(latest.wanted(view, relation, tables, at, changes, None))
                session.run(latest.visible_rows(view, relation, tables, at, restricted=changes is not None))
            columns = [
                *((key.name, key.dtype) for key in view.keys),
                *((name, None) for name in (EVENT_COLUMN, CREATED_COLUMN, VISIBLE_COLUMN)),
            ]
            yield from fetch.batches(session, f"FROM {tables.narrow}", columns, view.source.name)

    def explain(self, *, views: Sequence[ViewPlan]) -> str:
        """The SQL of the steps that `historical_features` takes for each view."""
        with self._session() as session:
            plans = []
            for i, view in enumerate(views):
                with reported(view.source.name):
                    tables = Tables.of(f"v{i}_")
                    relation = open_relation(session, view, tables.source, NO_ROW)
                    whole = completed(session, relation, _NO_IDENTITY, tables.tied_rows)
                    columns = entity_columns(views, view)
                    plans.append(explain.explained(view, relation, whole, columns, tables))
        return "\n\n".join(plans)

    def query(self, *, sql: str, sources: Mapping[str, Source]) -> pa.Table:
        """Run a user's SQL over the sources (by name) and over files; see `OfflineEngine`."""
        with self._session() as session:
            for label, source in sources.items():
                with reported(source.name):
                    _offer(session, label, source)
            return session.query(sql)


def _historical(
    session: Session, views: Sequence[ViewPlan], view: ViewPlan, tables: Tables, entities: pa.Table
) -> Iterator[pa.RecordBatch]:
    """Compute one view; its features in the order of the entity rows."""
    if view.windows:
        return windows.historical(session, views, view, tables, entities)
    columns = entity_columns(views, view)
    with reported(view.source.name):
        relation = open_relation(session, view, tables.source, rows_of_entities(view, entities))
        session.run(match.entity_keys(view, tables, columns))
        session.run(match.spine(view, tables, columns))
        asked = session.row(match.asked_times(tables))
        limits = match.bounds(view, asked["earliest"], asked["latest"])
        if view.in_order:
            nearest.find(session, view, relation, tables, limits, entities.num_rows)
            session.run(nearest.placed(view, relation, tables, limits))
        else:
            session.run(create(tables.narrow, match.narrow_rows_of_entities(view, relation, tables, limits)))
            _match_lives(session, view, relation, tables)
        tied = _winners(session, tables)
        held = gather.can_be_held(session, view, tables, len(views))
        if held and not tied and not any(isinstance(f.dtype, Vector) for f in view.features):
            values = fetch.values_of_winners(view, relation, tables)
            return gather.picked(session, view, values, fetch.numbers(tables, tables.winners))
        _fetch(session, view, relation, tables, tied=tied)
        if held:
            values = fetch.numbered_values(view, tables)
            return gather.picked(session, view, values, fetch.numbers(tables, tables.values))
        query = fetch.result(view, tables)
        if len(views) > 1:
            # A query that is under way holds its rows several times over: of several views, only the rows stay.
            session.run(create(tables.result, query))
            session.keep(tables, (tables.result,))
            query = f"FROM {tables.result}"
    return fetch.batches(session, query, [(f.output, f.dtype) for f in view.features], view.source.name)


def _match_lives(session: Session, view: ViewPlan, relation: Relation, tables: Tables) -> None:
    session.run(*lives.placed(view, tables), lives.points(tables))
    rows_go = session.first(lives.some_go(tables)) is not None
    steps = lives.match(view, tables, rows_go=rows_go)
    session.run(*steps, lives.doubtful(tables))
    if session.first(f"FROM {tables.doubtful} LIMIT 1") is not None:
        whole = completed(session, relation, f"FROM {tables.doubtful}", tables.doubtful_rows)
        session.run(*lives.refined(view, whole, tables), *steps)
    session.run(fetch.candidates(tables))


def _winners(session: Session, tables: Tables) -> bool:
    """Whether some are tied."""
    session.run(*fetch.winners(tables))
    return session.first(f"{fetch.tied(tables)}\nLIMIT 1") is not None


def _latest(session: Session, view: ViewPlan, relation: Relation, tables: Tables) -> str:
    """The query for keys, times and features of the winners; where none tie, they are read as they are returned."""
    found = session.row(latest.rows_of_entities(tables))
    settled = found["rows"] == found["entities"]
    if settled:
        session.run(latest.only_winners(tables))
    else:
        session.run(latest.latest_placed(view, tables))
    tied = not settled and _winners(session, tables)
    if tied or any(isinstance(feature.dtype, Vector) for feature in view.features):
        _fetch(session, view, relation, tables, tied=tied, times=True)
        return fetch.latest_result(view, tables)
    session.keep(tables, (tables.source, tables.winners, *([tables.narrow] if settled else [])))
    return fetch.latest_of_winners(view, relation, tables)


def _fetch(
    session: Session, view: ViewPlan, relation: Relation, tables: Tables, *, tied: bool, times: bool = False
) -> None:
    if tied:
        relation = completed(session, relation, fetch.tied(tables), tables.tied_rows)
    session.run(*fetch.values(view, relation, tables, tied=tied, times=times))
    fetch.check_vectors(session, view, tables)
    session.keep(tables, (tables.keys, tables.match, tables.values))


def _entity_rows(views: Sequence[ViewPlan], entities: pa.Table) -> pa.Table:
    """The entity rows as the queries know them: row (their number), t, and keys e0, e1 and so on."""
    names = entity_names(views)
    row = pa.array(np.arange(entities.num_rows, dtype=np.int64))
    keys = {sql: entities.column(column) for column, sql in names.items()}
    return pa.table({"row": row, "t": entities.column(TIME_COLUMN), **keys})


def _given_keys(view: ViewPlan, keys: pa.Table) -> pa.Table:
    if not view.keys:
        return pa.table({"k0": pa.array([0], pa.int32())})
    return pa.table({k: keys.column(key.name) for k, key in zip(key_names(view), view.keys, strict=True)})


def _offer(session: Session, label: str, source: Source) -> None:
    if on_disk(source):
        session.run(create(name(label), f"FROM {parquet_table(source)}", view=True))
        return
    rows = read_table(source, dict.fromkeys(source_schema(source).names))
    session.register(label, pa.table({c: for_duckdb(rows.column(c)) for c in rows.schema.names}))
