"""A training frame from file to file within a limit of memory, written by hand for DuckDB."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from benchmarks.floors.frames_duckdb import MATCH, parts_of

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.cases import Case

_ROWS = "CREATE VIEW entity_rows AS SELECT *, file_row_number AS position FROM read_parquet('{file}')"
_COPY = """
    COPY (
      SELECT e.* EXCLUDE (position), {named}
      FROM chosen c JOIN entity_rows e USING (position)
      LEFT JOIN (SELECT file_row_number, {features} FROM {source}) s ON s.file_row_number = c.row
      ORDER BY position
    ) TO '{path}' (FORMAT parquet, COMPRESSION snappy)
"""


def lawful(case: Case, path: Path, memory_limit: str) -> None:
    """Each entity row with the features known at its time: input order, ties settled by created time."""
    (view,) = case.views
    parts = parts_of(view)
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": memory_limit,
        "temp_directory": str(path.parent),
    }
    with duckdb.connect(config=settings) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(_ROWS.format(file=case.entity_rows))
        for statement in MATCH:
            connection.execute(statement.format(**parts))
        connection.execute(_COPY.format(**parts, path=path))
