"""A view's transform in Python, over Arrow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from featurestore.definitions.steps import Call
from featurestore.errors import FeatureStoreError, TransformError
from featurestore.frames.convert import to_arrow_table, to_polars
from featurestore.transforms.table import Rows

ROWS_AT_ONCE = 2**20


def apply(step: Call, rows: Rows, *, what: str, rows_at_once: int = ROWS_AT_ONCE) -> Rows:
    """The rows that the function returns; a row-local one gets them in batches.

    Raises:
        TransformError: if the function fails, or returns something else than rows with the time columns.
    """
    what = f"Transform {step.transform.path!r} over {what}"
    parts = _batches(rows.table, rows_at_once) if step.row_local else iter([rows.table])
    tables = [_called(step, part, what) for part in parts]
    table = pa.concat_tables(tables, promote_options="permissive") if len(tables) > 1 else tables[0]
    for name in step.time_columns:
        if name not in table.schema.names:
            raise TransformError(
                f"{what}: the result has no time column {name!r}; it has: {', '.join(table.schema.names)}.",
                hint="Return the times of the rows with them.",
            )
    return Rows(table, frozenset())


def _called(step: Call, part: pa.Table, what: str) -> pa.Table:
    import polars as pl

    try:
        found: Any = step.transform(to_polars(part).lazy())
        collected = found.collect() if isinstance(found, pl.LazyFrame) else None
    except FeatureStoreError:
        raise
    except Exception as error:  # whatever a user's function raises is that function's failure
        raise TransformError(f"{what} failed: {type(error).__name__}: {error}") from error
    if collected is None:
        raise TransformError(
            f"{what} returned a {type(found).__name__}, expected a polars.LazyFrame.",
            hint="Return the LazyFrame; it is collected afterwards.",
        )
    return to_arrow_table(collected, what=what)


def _batches(table: pa.Table, rows_at_once: int) -> Iterator[pa.Table]:
    if not table.num_rows:
        yield table
    for start in range(0, table.num_rows, rows_at_once):
        yield table.slice(start, rows_at_once)
