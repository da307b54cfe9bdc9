"""Training frames of several views, of any keys, with a delay or a ttl, written by hand for DuckDB."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

if TYPE_CHECKING:
    from benchmarks.cases import Case, View

# As in `historical_duckdb`: ASOF on narrow columns, a second narrow scan for those that tie, then the features.
MATCH = (
    """
    CREATE OR REPLACE TEMP TABLE matched AS
    SELECT e.position, {keys_of_s},
           CASE WHEN {young} THEN s.event_timestamp END AS event_timestamp
    FROM entity_rows e ASOF LEFT JOIN (SELECT {keys}, event_timestamp FROM {source}) s
      ON {same} AND e.event_timestamp - INTERVAL {delay} HOUR >= s.event_timestamp
    """,
    """
    CREATE OR REPLACE TEMP TABLE winner AS
    SELECT {keys}, event_timestamp, {best} AS row
    FROM {source} SEMI JOIN matched USING ({keys}, event_timestamp)
    GROUP BY ALL
    """,
    """
    CREATE OR REPLACE TEMP TABLE chosen AS
    SELECT m.position, w.row FROM matched m LEFT JOIN winner w USING ({keys}, event_timestamp)
    """,
)
_FETCH = """
    SELECT {named}
    FROM chosen c LEFT JOIN (SELECT file_row_number, {features} FROM {source}) s ON s.file_row_number = c.row
    ORDER BY position
"""
_AS_OF = """
    ASOF LEFT JOIN (SELECT {keys}, event_timestamp, {features} FROM {source}) {view}
      ON {same} AND e.event_timestamp >= {view}.event_timestamp
"""


def lawful(case: Case, entity_rows: pa.Table) -> pa.Table:
    """Each entity row with the features known at its time: input order, ties settled by created time."""
    result = entity_rows
    with _connected(entity_rows) as connection:
        for view in case.views:
            parts = parts_of(view)
            for statement in MATCH:
                connection.execute(statement.format(**parts))
            found = connection.sql(_FETCH.format(**parts)).to_arrow_table()
            result = pa.table(
                [*result.columns, *found.columns], names=[*result.schema.names, *found.schema.names]
            )
    return result


def as_of(case: Case, entity_rows: pa.Table, path: str | None = None) -> pa.Table | None:
    """DuckDB's as-of joins in the input order, as a table or into a file: lawful where no two rows tie."""
    return _joined(case, entity_rows, "ORDER BY e.position", path)


def bare(case: Case, entity_rows: pa.Table, path: str | None = None) -> pa.Table | None:
    """The same in any order."""
    return _joined(case, entity_rows, "", path)


def _joined(case: Case, entity_rows: pa.Table, order: str, path: str | None) -> pa.Table | None:
    columns = [f"{view.name}.{name} AS {view.name}__{name}" for view in case.views for name in view.features]
    joins = [_AS_OF.format(view=view.name, **parts_of(view, view.name)) for view in case.views]
    query = (
        f"SELECT e.* EXCLUDE (position), {', '.join(columns)} FROM entity_rows e {' '.join(joins)} {order}"
    )
    with _connected(entity_rows) as connection:
        if path is None:
            return connection.sql(query).to_arrow_table()
        connection.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet, COMPRESSION snappy)")
        return None


def _connected(entity_rows: pa.Table) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    numbered = entity_rows.append_column("position", pa.arange(0, entity_rows.num_rows))
    connection.register("entity_rows", numbered)
    return connection


def parts_of(view: View, alias: str = "s") -> dict[str, str | int]:
    age = f"e.event_timestamp - s.event_timestamp <= INTERVAL {view.ttl} MINUTE"
    return {
        "source": f"read_parquet('{view.source}')",
        "keys": ", ".join(view.keys),
        "keys_of_s": ", ".join(f"s.{key}" for key in view.keys),
        "same": " AND ".join(f"e.{key} = {alias}.{key}" for key in view.keys),
        "features": ", ".join(view.features),
        "named": ", ".join(f"{name} AS {view.name}__{name}" for name in view.features),
        "delay": view.delay,
        "young": "TRUE" if view.ttl is None else age,
        "best": "arg_max(file_row_number, created_timestamp)" if view.created else "max(file_row_number)",
    }
