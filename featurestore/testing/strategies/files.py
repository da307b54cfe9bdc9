"""The rows of a case as Parquet or CSV files."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from featurestore.definitions.source import CSVSource, ParquetSource
from featurestore.definitions.types import List, Vector
from featurestore.testing.strategies.cases import Case


def as_parquet(case: Case, folder: Path, *, files: int, row_group_size: int) -> Case:
    """The case over `files` Parquet files of small row groups, some of them empty."""
    for index, part in enumerate(_parts(case.table, files)):
        pq.write_table(part, folder / f"part-{index}.parquet", row_group_size=row_group_size)
    source = case.source
    return case.with_source(
        ParquetSource(
            source.name, path=str(folder / "*.parquet"), event_timestamp=source.event_timestamp,
            created_timestamp=source.created_timestamp, available_at=source.available_at,
            event_id=source.event_id, delay=source.delay, timezone=source.timezone,
        )
    )  # fmt: skip


def csv_can_hold(case: Case) -> bool:
    """Whether CSV can: lists and bytes have no text form, and dictionaries and views no writer."""
    declared = [f.dtype for request in case.requests for f in request.view.features]
    return not any(isinstance(dtype, List | Vector) for dtype in declared) and not any(
        pa.types.is_nested(t) or _is_bytes(t) or pa.types.is_dictionary(t) or pa.types.is_string_view(t)
        or pa.types.is_float16(t) or (pa.types.is_string(t) and _has_nul(case.table.column(i)))
        for i, t in enumerate(case.table.schema.types)
    )  # fmt: skip


def as_csv(case: Case, folder: Path, *, files: int) -> Case:
    """The case over CSV files."""
    paths = []
    for index, part in enumerate(_parts(case.table, files)):
        paths.append(str(folder / f"part-{index}.csv"))
        pa.csv.write_csv(part, paths[-1])
    source = case.source
    return case.with_source(
        CSVSource(
            source.name, path=paths, event_timestamp=source.event_timestamp,
            created_timestamp=source.created_timestamp, available_at=source.available_at,
            event_id=source.event_id, delay=source.delay, timezone=source.timezone,
        )
    )  # fmt: skip


def _parts(table: pa.Table, files: int) -> list[pa.Table]:
    size = -(-table.num_rows // files)
    return [table.slice(index * size, size) for index in range(files)]


def _is_bytes(dtype: pa.DataType) -> bool:
    binary = (
        pa.types.is_binary,
        pa.types.is_large_binary,
        pa.types.is_fixed_size_binary,
        pa.types.is_binary_view,
    )
    return any(check(dtype) for check in binary)


def _has_nul(column: pa.ChunkedArray) -> bool:
    return any(value is not None and "\x00" in value for value in column.to_pylist())
