"""A table of PostgreSQL as Arrow: the library's reader, and the driver's own fetch of the same columns."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from adbc_driver_postgresql import dbapi

import featurestore as fs
from benchmarks import answer
from benchmarks.data import FEATURES
from benchmarks.protocol import Job, Measurement, Run, timed
from benchmarks.warehouses.postgres import COLUMNS
from featurestore.adapters import open_source_reader
from featurestore.sources.arrow import read_table, stream_rows

if TYPE_CHECKING:
    import pyarrow as pa

_CHECKED = 1_000_000  # rows; the checksum of all takes longer than reading them


def source(job: Job) -> fs.PostgresSource:
    """The table of the job."""
    os.environ["WAREHOUSE_URL"] = job["url"]
    return fs.PostgresSource(
        job["table"],
        url="${WAREHOUSE_URL}",
        table=job["table"],
        event_timestamp="event_timestamp",
        created_timestamp="created_timestamp",
    )


def prepare(job: Job) -> Run:
    """Import what is needed; the run connects, reads, and leaves."""
    rows, columns = source(job), dict.fromkeys(COLUMNS)
    open_source_reader(rows.kind)
    if job["form"] == "table":
        table = (lambda: read_table(rows, columns)) if job["kind"] == "ours" else (lambda: _fetched(job))

        def run(_: Job) -> Measurement:
            found, measured = timed(table)
            first = found.slice(0, _CHECKED)
            answered = answer.of_columns([first[name].combine_chunks() for name in FEATURES])
            return measured | {"rows": found.num_rows, "answer": answered}
    else:
        batches = (lambda: stream_rows(rows, columns)) if job["kind"] == "ours" else (lambda: _streamed(job))

        def run(_: Job) -> Measurement:
            count, measured = timed(lambda: sum(batch.num_rows for batch in batches()))
            return measured | {"rows": count, "answer": str(count)}

    return run


def _fetched(job: Job) -> pa.Table:
    with _executed(job) as cursor:
        return cursor.fetch_arrow_table()


def _streamed(job: Job) -> Iterator[pa.RecordBatch]:
    with _executed(job) as cursor:
        yield from cursor.fetch_record_batch()


@contextmanager
def _executed(job: Job) -> Iterator[Any]:
    with dbapi.connect(job["url"]) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(COLUMNS)} FROM {job['table']}")
        yield cursor
