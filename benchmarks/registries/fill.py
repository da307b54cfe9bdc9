"""Filling a registry in bulk: the tables are made by the library, the rows go in past it, faster than it could.

python -m benchmarks.registries.fill SIZE URL
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from itertools import islice

from benchmarks.registries.rows import SIZES, Row, Rows
from featurestore_registry import SQLRegistry

_BATCH = 50_000


def fill(url: str, rows: Rows) -> None:
    """Make a registry at a URL and fill it."""
    SQLRegistry.from_url(url).close()
    if url.startswith("sqlite"):
        _fill_sqlite(url.removeprefix("sqlite:///"), rows)
    else:
        _fill_postgresql(url, rows)


def megabytes(url: str) -> float:
    """How much room the tables and indexes of a registry take."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            pages, size = (
                connection.execute(f"PRAGMA page_{what}").fetchone()[0] for what in ("count", "size")
            )
            return float(pages * size / 1e6)
    import psycopg

    with psycopg.connect(url) as server:
        found = server.execute("SELECT pg_database_size(current_database())").fetchone()
        return float(found[0] / 1e6) if found else 0.0


def _fill_sqlite(path: str, rows: Rows) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = off")
        for table, columns, made in rows.tables():
            places = ", ".join("?" * len(columns))
            statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})"
            connection.execute("BEGIN")
            for batch in _batches(made):
                connection.executemany(statement, batch)
            connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _fill_postgresql(url: str, rows: Rows) -> None:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        # The rows fit together: keys are not looked up one by one.
        connection.execute("SET session_replication_role = replica")
        for table, columns, made in rows.tables():
            with connection.cursor() as cursor:
                with cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
                    for row in made:
                        copy.write_row(row)
                if "id" in columns:
                    cursor.execute(
                        f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))"
                    )
        # What the server does by itself in time.
        connection.execute("VACUUM ANALYZE")


def _batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while batch := list(islice(rows, _BATCH)):
        yield batch


if __name__ == "__main__":
    fill(sys.argv[2], Rows(SIZES[sys.argv[1]]))
