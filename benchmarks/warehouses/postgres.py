"""A PostgreSQL server of the benchmark's own, with tables of several sizes.

python -m benchmarks.warehouses.postgres SCALE URL
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from benchmarks.data import FEATURES, SCALES, SEED, Scale, entity_table, feature, source_rows, times

if TYPE_CHECKING:
    import pyarrow as pa

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
ASKED = (1_000, 10_000, 100_000)
WITHOUT_INDEX = 1_000_000
"""How many rows the table at most has that is there a second time, without an index."""
COLUMNS = ("entity_id", "event_timestamp", "created_timestamp", *FEATURES)
_ROWS_OF_AN_ENTITY = 100
_BATCH = 1_000_000


@dataclass(frozen=True, slots=True)
class Warehouse:
    """A database that is filled.

    Attributes:
        url: with its password.
        server: the name and version of the server.
    """

    url: str
    server: str


def sizes(scale: Scale) -> list[int]:
    """How many rows the tables of a scale have; the last one is the whole source."""
    return [size for size in SIZES if size <= scale.source_rows]


def table(rows: int, *, indexed: bool = True) -> str:
    """The table of so many rows, with or without an index on key and event timestamp."""
    return f"rows_{rows}" if indexed else f"unindexed_{rows}"


def without_index(scale: Scale) -> int:
    """How many rows the table without an index has."""
    return max(size for size in sizes(scale) if size <= WITHOUT_INDEX)


def entity_rows(rows: int, asked: int) -> pa.Table:
    """So many entity rows for the table of so many rows."""
    import numpy as np

    return entity_table(np.random.default_rng(SEED + asked), _sized(rows, asked))


@contextmanager
def filled(scale: Scale) -> Iterator[Warehouse]:
    """A server with the tables of a scale; it is gone at the end of the block."""
    from featurestore.testing.servers import PostgresServer

    with PostgresServer.start_new() as server:
        url = server.create_database()
        # In a process of its own: see `harness` on peak memory.
        program = [sys.executable, "-m", "benchmarks.warehouses.postgres", scale.name, url]
        done = subprocess.run(program, check=True, stdout=subprocess.PIPE, text=True)
        yield Warehouse(url, f"PostgreSQL {done.stdout.strip()}")


def fill(url: str, scale: Scale) -> str:
    """Make the tables; returns the server's version."""
    import psycopg
    from adbc_driver_postgresql import dbapi

    with psycopg.connect(url, autocommit=True) as session, dbapi.connect(url, autocommit=True) as loader:
        # Scans begin with the first row, whoever has read before, so that answers compare in their order.
        session.execute(f"ALTER DATABASE {session.info.dbname} SET synchronize_seqscans = off".encode())
        floats = ", ".join(f"{name} float8" for name in FEATURES)
        tables = [(rows, table(rows)) for rows in sizes(scale)]
        last = without_index(scale)
        for rows, name in [*tables, (last, table(last, indexed=False))]:
            session.execute(
                # What they hold need not outlive the server: without a log they are filled in half the time.
                f"CREATE UNLOGGED TABLE {name} (entity_id int8, event_timestamp timestamptz, "
                f"created_timestamp timestamptz, {floats}) WITH (autovacuum_enabled = off)".encode()
            )
            with loader.cursor() as cursor:
                for batch in _batches(rows):
                    cursor.adbc_ingest(name, batch, mode="append")
            if name == table(rows):
                session.execute(f"CREATE INDEX ON {name} (entity_id, event_timestamp)".encode())
            # What the server does by itself in time.
            session.execute(f"VACUUM ANALYZE {name}".encode())
        return str(session.info.parameter_status("server_version")).partition(" ")[0]


def _batches(rows: int) -> Iterator[pa.Table]:
    import numpy as np
    import pyarrow as pa

    keys, events, created = source_rows(_sized(rows))
    for start in range(0, rows, _BATCH):
        some = np.arange(start, min(start + _BATCH, rows))
        columns = {
            "entity_id": keys[some],
            "event_timestamp": times(events[some]),
            "created_timestamp": times(created[some]),
        }
        yield pa.table(columns | {name: feature(some, number) for number, name in enumerate(FEATURES)})


def _sized(rows: int, asked: int = 0) -> Scale:
    entities = rows // _ROWS_OF_AN_ENTITY
    return replace(SCALES["full"], source_rows=rows, entities=entities, entity_rows=asked)


if __name__ == "__main__":
    print(fill(sys.argv[2], SCALES[sys.argv[1]]))
