"""A week of the lake read by somebody who knows which folders hold it, and joined by hand with Polars."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from pyarrow import fs

from benchmarks.warehouses.lake import BUCKET

if TYPE_CHECKING:
    from benchmarks.cases import Case

_EVENT, _CREATED = "event_timestamp", "created_timestamp"


def lawful(case: Case, entity_rows: pa.Table) -> pl.DataFrame:
    """Each entity row with the features known at its time: input order, ties settled by created time."""
    (view,) = case.views
    ttl = timedelta(minutes=view.ttl or 0)
    first = (pc.min(entity_rows[_EVENT]).as_py() - ttl).date().isoformat()
    store = fs.S3FileSystem(endpoint_override=os.environ["AWS_ENDPOINT_URL"], region=os.environ["AWS_REGION"])
    files = ds.dataset(
        f"{BUCKET}/rows", filesystem=store, partitioning=ds.partitioning(pa.schema({"day": pa.string()}), flavor="hive")
    )  # fmt: skip
    wanted = [*view.keys, _EVENT, _CREATED, *view.features]
    rows = pl.DataFrame(files.to_table(columns=wanted, filter=ds.field("day") >= first))
    named = rows.sort(_EVENT, _CREATED).rename({name: f"{view.name}__{name}" for name in view.features})
    # Of rows that tie the last one is taken.
    joined = (
        pl.DataFrame(entity_rows)
        .with_row_index("position")
        .sort(_EVENT)
        .join_asof(named, on=_EVENT, by=list(view.keys), tolerance=ttl, check_sortedness=False)
    )
    return joined.sort("position").drop("position", _CREATED)
