"""Aggregations over time windows, as DuckDB queries written by hand.

The first two are the obvious ones. The third takes differences of running totals: floats lose digits that way
(`Aggregation` does not allow itself to), there is no minimum or maximum, and values of equal times are one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is computed: each function of each column over each window, in days."""

    columns: tuple[str, ...]
    functions: tuple[str, ...]
    days: tuple[int, ...]

    def names(self) -> list[str]:
        """The results, as the library names them; counts are of rows."""
        return [_name(*each) for each in self.each()]

    def each(self) -> list[tuple[str, str, int]]:
        """Column, function and window of each result."""
        return [(c, f, d) for d in self.days for f in self.functions for c in _columns_of(f, self.columns)]


def _columns_of(function: str, columns: Sequence[str]) -> Sequence[str]:
    return ("*",) if function == "count" else columns


def _name(column: str, function: str, days: int) -> str:
    return f"{'' if column == '*' else column + '_'}{function}_{days}d"


def _nothing(function: str, expression: str) -> str:
    return f"coalesce({expression}, 0)" if function == "sum" else expression


def range_join(source: Path, entity_rows: pa.Table, wanted: Wanted) -> pa.Table:
    """Every entity row beside all events of its longest window, grouped."""
    results = []
    for column, function, days in wanted.each():
        counted = "s.entity_id" if column == "*" else f"s.{column}"
        value = f"{function}({counted}) FILTER (s.moment > e.moment - INTERVAL {days} DAY)"
        results.append(f"{_nothing(function, value)} AS {_name(column, function, days)}")
    query = f"""
        SELECT e.position, {", ".join(results)}
        FROM asked e LEFT JOIN (SELECT * RENAME (event_timestamp AS moment) FROM read_parquet('{source}')) s
          ON s.entity_id = e.entity_id
          AND s.moment <= e.moment AND s.moment > e.moment - INTERVAL {max(wanted.days)} DAY
        GROUP BY e.position ORDER BY e.position
    """
    return _run(query, entity_rows).drop_columns(["position"])


def window_frames(source: Path, entity_rows: pa.Table, wanted: Wanted) -> pa.Table:
    """Events and entity rows in one table, and a frame of each window over the rows of an entity."""
    results = []
    for column, function, days in wanted.each():
        value = f"{function}({'event' if column == '*' else column}) OVER d{days}"
        results.append(f"{_nothing(function, value)} AS {_name(column, function, days)}")
    frames = [
        f"d{days} AS (PARTITION BY entity_id ORDER BY moment RANGE BETWEEN "
        f"INTERVAL '{days * 86_400 - 1} seconds 999999 microseconds' PRECEDING AND CURRENT ROW)"
        for days in wanted.days
    ]
    columns = ", ".join(wanted.columns)
    nulls = ", ".join(f"NULL AS {column}" for column in wanted.columns)
    query = f"""
        WITH events_and_asked AS (
          SELECT entity_id, event_timestamp AS moment, {columns}, 1 AS event, NULL AS position
          FROM read_parquet('{source}')
          UNION ALL SELECT entity_id, moment, {nulls}, NULL, position FROM asked
        ), answered AS (SELECT position, {", ".join(results)} FROM events_and_asked WINDOW {", ".join(frames)})
        SELECT * EXCLUDE (position) FROM answered WHERE position IS NOT NULL ORDER BY position
    """
    return _run(query, entity_rows)


def prefix_sums(source: Path, entity_rows: pa.Table, wanted: Wanted) -> pa.Table:
    """Differences of running totals at both ends of each window, found by as-of joins: counts and sums only."""
    totals = ["count(*) OVER w AS count", *(f"sum({c}) OVER w AS {c}_sum" for c in wanted.columns)]
    joins = ["ASOF LEFT JOIN totals t ON t.entity_id = e.entity_id AND t.moment <= e.moment"]
    results = []
    for days in wanted.days:
        joins.append(
            f"ASOF LEFT JOIN totals t{days} ON t{days}.entity_id = e.entity_id "
            f"AND t{days}.moment <= e.moment - INTERVAL {days} DAY"
        )
        results += [
            f"coalesce(t.{name}, 0) - coalesce(t{days}.{name}, 0) AS {name}_{days}d"
            for name in ("count", *(f"{c}_sum" for c in wanted.columns))
        ]
    query = f"""
        WITH totals AS MATERIALIZED (
          SELECT entity_id, event_timestamp AS moment, {", ".join(totals)} FROM read_parquet('{source}')
          WINDOW w AS (PARTITION BY entity_id ORDER BY event_timestamp)
        )
        SELECT {", ".join(results)} FROM asked e {" ".join(joins)} ORDER BY e.position
    """
    return _run(query, entity_rows)


def _run(query: str, entity_rows: pa.Table) -> pa.Table:
    asked = entity_rows.rename_columns(["entity_id", "moment"]).append_column(
        "position", pa.array(range(entity_rows.num_rows))
    )
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("asked", asked)
        return connection.sql(query).to_arrow_table()
