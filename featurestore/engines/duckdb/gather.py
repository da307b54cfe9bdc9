"""Results of moderate size: the fetched features are held in Arrow, and picked for one entity row after another.

DuckDB would join and sort whole rows for the same; it does so where there is too much to be held.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa

from featurestore.definitions.types import FeatureType, List, Vector
from featurestore.engines.duckdb import fetch
from featurestore.engines.duckdb.connection import Session
from featurestore.engines.duckdb.sql import select
from featurestore.engines.duckdb.tables import Tables
from featurestore.frames.places import Int64Array
from featurestore.protocols.offline import ViewPlan

_CELLS = 2**26
_ROWS_AT_ONCE = 2**18


def can_be_held(session: Session, view: ViewPlan, t: Tables, views: int) -> bool:
    """Whether the features of the winners take little memory, in a request of so many views."""
    widths = [_width(feature.dtype) for feature in view.features]
    if None in widths:
        return False
    rows = int(session.row(select(["count(*) AS rows"], f"FROM {t.winners}"))["rows"])
    return rows * sum(width for width in widths if width is not None) * views <= _CELLS


def _width(dtype: FeatureType) -> int | None:
    """In cells of about eight bytes; None where only the values themselves tell."""
    if isinstance(dtype, List):
        return None
    return dtype.length if isinstance(dtype, Vector) else 1


def picked(session: Session, view: ViewPlan, values: str, numbers: str) -> Iterator[pa.RecordBatch]:
    """The features of each entity row, in order.

    Args:
        session: of the tables.
        view: the view.
        values: the query for a number and the features of each row that won.
        numbers: the query for the number of each entity row's features, null where it has none.
    """
    wanted = session.table(numbers).column(0)
    found = session.table(values)
    columns = [(feature.output, feature.dtype) for feature in view.features]
    return _pick(
        np.asarray(found.column(0)), fetch.declared(found.columns[1:], columns), wanted, session.threads
    )


def _pick(
    numbers: Int64Array, values: pa.Table, wanted: pa.ChunkedArray, threads: int
) -> Iterator[pa.RecordBatch]:
    position = np.zeros(numbers.max(initial=0) + 1, np.int64)  # losers of ties leave gaps
    position[numbers] = np.arange(len(numbers))
    with ThreadPoolExecutor(threads) as pool:
        for start in range(0, len(wanted), _ROWS_AT_ONCE):
            part = wanted.slice(start, _ROWS_AT_ONCE).combine_chunks()
            nothing = np.asarray(part.is_null())
            rows = pa.array(position[np.asarray(part.fill_null(0))], mask=nothing)
            columns = list(pool.map(lambda column, rows=rows: column.take(rows), values.columns))
            yield from pa.table(columns, schema=values.schema).to_batches()
