"""The columns that only rows that tie need, of sources that are read again for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import pyarrow as pa

from featurestore.engines.duckdb.connection import Session
from featurestore.engines.duckdb.scan import LATER, Relation, converted
from featurestore.engines.duckdb.sql import SOURCE, nested, numbered, select

_NUMBER = "__fs_number"


def completed(session: Session, relation: Relation, rows: str, table: str) -> Relation:
    """The source with the columns that have not been read yet: of some of its rows, null in all others.

    Args:
        session: where it is read.
        relation: the source.
        rows: the query for the identities (rid) of the rows.
        table: a name that is free.

    Raises:
        SourceError: if it cannot be read.
        SourceUnavailableError: if it was rewritten since the other columns were read.
    """
    deferred = relation.deferred
    if deferred is None:
        return relation
    found = session.table(select(["rid"], f"FROM {nested(rows, 'r')}", "ORDER BY rid")).column(0)
    types = [relation.columns[name].type for name in deferred.schema.names]
    later = numbered(LATER, len(types))
    fields = pa.schema(list(zip(later, types, strict=True)))
    batches = _under_numbers(converted(deferred.read(np.asarray(found)), fields), found)
    stored = fields.insert(0, pa.field("rid", pa.int64()))
    session.store(table, pa.RecordBatchReader.from_batches(stored, batches))
    wide = select(
        [f"{SOURCE}.*", f"{relation.rid} AS {_NUMBER}", *(f"l.{name}" for name in later)],
        relation.from_clause(),
        f"LEFT JOIN {table} l ON {relation.same_row.format('l.rid')}",
    )
    rid = f"{SOURCE}.{_NUMBER}"
    return replace(
        relation, table=nested(wide, "").rstrip(), rid=rid, same_row=f"{rid} = {{0}}", deferred=None
    )


def _under_numbers(batches: Iterable[pa.RecordBatch], rows: pa.ChunkedArray) -> Iterator[pa.RecordBatch]:
    """The batches with the identities of their rows before the other columns."""
    begin = 0
    for batch in batches:
        numbers = rows.slice(begin, batch.num_rows).combine_chunks()
        begin += batch.num_rows
        yield batch.add_column(0, "rid", numbers)
