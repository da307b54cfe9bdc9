"""Results of moderate size: the fetched features are held in Arrow, and picked for one entity row after another.

DuckDB would join and sort whole rows for the same; it does so where there is too much to be held.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from featurestore.definitions.types import FeatureType, List, Vector
from featurestore.engines.duckdb import fetch
from featurestore.engines.duckdb.connection import Session
from featurestore.engines.duckdb.sql import select
from featurestore.engines.duckdb.tables import Tables
from featurestore.frames import batches
from featurestore.protocols.offline import ViewPlan

_CELLS = 2**26


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
    numbered = np.asarray(found.column(0))
    position = np.zeros(numbered.max(initial=0) + 1, np.int64)  # losers of ties leave gaps
    position[numbered] = np.arange(len(numbered))

    def positions(start: int, count: int) -> pa.Array:
        part = wanted.slice(start, count).combine_chunks()
        return pa.array(position[np.asarray(part.fill_null(0))], mask=np.asarray(part.is_null()))

    columns = [(feature.output, feature.dtype) for feature in view.features]
    features = fetch.declared(found.columns[1:], columns)
    return batches.picked(features, len(wanted), positions, session.threads)
