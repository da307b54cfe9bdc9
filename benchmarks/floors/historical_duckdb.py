"""The point-in-time join written by hand for DuckDB."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa

from benchmarks.data import FEATURES

_COLUMNS = ", ".join(FEATURES)

# ASOF picks any one of the rows that tie on the event timestamp, so it only finds which event timestamp is
# used; a second narrow scan takes the last created of the (few) rows with it. Only then are features read.
_LAWFUL = (
    """
    CREATE TEMP TABLE matched AS
    SELECT e.position, s.entity_id, s.event_timestamp
    FROM entity_rows e ASOF LEFT JOIN (SELECT entity_id, event_timestamp FROM {source}) s
      ON e.entity_id = s.entity_id AND e.event_timestamp >= s.event_timestamp
    """,
    """
    CREATE TEMP TABLE winner AS
    SELECT entity_id, event_timestamp, arg_max(file_row_number, created_timestamp) AS row
    FROM {source} SEMI JOIN matched USING (entity_id, event_timestamp)
    GROUP BY ALL
    """,
    """
    CREATE TEMP TABLE chosen AS
    SELECT m.position, w.row FROM matched m LEFT JOIN winner w USING (entity_id, event_timestamp)
    """,
)
_FETCH = """
    SELECT e.* EXCLUDE (position), {columns}
    FROM chosen c JOIN entity_rows e USING (position)
    LEFT JOIN (SELECT file_row_number, {columns} FROM {source}) s ON s.file_row_number = c.row
    ORDER BY position
"""

_BARE = """
    SELECT e.*, {columns}
    FROM entity_rows e ASOF LEFT JOIN (SELECT entity_id, event_timestamp, {columns} FROM {source}) s
      ON e.entity_id = s.entity_id AND e.event_timestamp >= s.event_timestamp
"""


def lawful(source: Path, entity_rows: pa.Table) -> pa.Table:
    """Each entity row with the features known at its time: input order, ties settled by created time."""
    scan = f"read_parquet('{source}')"
    numbered = entity_rows.append_column("position", pa.arange(0, entity_rows.num_rows))
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("entity_rows", numbered)
        for statement in _LAWFUL:
            connection.execute(statement.format(source=scan))
        return connection.sql(_FETCH.format(source=scan, columns=_COLUMNS)).to_arrow_table()


def bare(source: Path, entity_rows: pa.Table) -> pa.Table:
    """DuckDB's own as-of join: rows in any order, any one of the rows that tie."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("entity_rows", entity_rows)
        query = _BARE.format(source=f"read_parquet('{source}')", columns=_COLUMNS)
        return connection.sql(query).to_arrow_table()
