"""What only the Polars engine has to mind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import featurestore as fs
from featurestore.engines.polars import PolarsEngine
from featurestore.engines.polars.scan import open_columns
from featurestore.frames.declared import as_declared
from featurestore.testing.plans import plan_view, run_latest


@pytest.mark.parametrize("chunked", [False, True])
def test_a_slice_of_vectors_with_nulls(chunked: bool) -> None:
    noon = datetime(2024, 5, 1, 12, tzinfo=UTC)
    table = pa.table(
        {
            "k": [1, 2, 3, 4],
            "at": pa.array([noon] * 4, pa.timestamp("us", "UTC")),
            "v": pa.array([None, [1.0, 2.0], None, [3.0, 4.0]], pa.list_(pa.float32(), 2)),
        }
    )
    slices = pa.concat_tables([table.slice(1, 1), table.slice(2, 1)]) if chunked else table.slice(1, 2)
    source = fs.InMemorySource("s", data=slices, event_timestamp="at")
    entity = fs.Entity("e", join_keys={"k": fs.Int64})
    view = fs.FeatureView("view", entities=[entity], source=source, features=[fs.Feature("v", fs.Vector(2))])
    found = run_latest(PolarsEngine(), plan_view(view), at=int(noon.timestamp() * 1e6))
    assert sorted(zip(found["k"].to_pylist(), found["v"].to_pylist(), strict=True)) == [
        (2, [1.0, 2.0]),
        (3, None),
    ]


def test_a_vector_that_is_too_short_is_told_by_its_own_length() -> None:
    column = pa.chunked_array([pa.array([[1.0, 2.0], [3.0], [4.0, 5.0]], pa.list_(pa.float32()))])
    with pytest.raises(pa.ArrowInvalid, match="a vector has 1 items"):
        as_declared(column, fs.Vector(2), "UTC", "v")


def test_empty_lists_in_several_row_groups(tmp_path: Path) -> None:
    """Of rows that tie, the list is taken from parts of a column whose items are all in other parts."""
    noon, instant = datetime(2024, 5, 1, 12, tzinfo=UTC), pa.timestamp("us", "UTC")
    lists: list[list[int | None] | None] = [[], [None], [], [], [], [], [], None]
    later = {2, 7}
    table = pa.table(
        {
            "k": [1] * 8,
            "at": pa.array([noon + timedelta(microseconds=2 * (i in later)) for i in range(8)], instant),
            "seen": pa.array([None if i == 5 else noon for i in range(8)], instant),
            "x": pa.array(lists, pa.list_(pa.int64())),
        }
    )
    pq.write_table(table, tmp_path / "rows.parquet", row_group_size=3)
    source = fs.ParquetSource(
        "s", path=str(tmp_path / "rows.parquet"), event_timestamp="at", available_at="seen"
    )
    entity = fs.Entity("e", join_keys={"k": fs.Int64})
    view = fs.FeatureView(
        "v", entities=[entity], source=source, features=[fs.Feature("x", fs.List(fs.Int64))]
    )
    at = int(noon.timestamp() * 1e6)
    found = [run_latest(PolarsEngine(), plan_view(view), at=at + by)["x"].to_pylist() for by in (0, 2)]
    assert found == [[[None]], [[]]]


@pytest.mark.parametrize("share", [0.0, 0.01, 0.2, 0.9, 1.0])
def test_rows_are_gathered_as_they_are(tmp_path: Path, share: float) -> None:
    """Values of every layout, over several row groups and pages."""
    rows, random = 20_000, np.random.default_rng(7)

    def holes(values: list[object]) -> list[object]:
        return [
            None if hole else value for value, hole in zip(values, random.random(rows) < 0.3, strict=True)
        ]

    numbers = random.integers(0, 50, rows)
    table = pa.table(
        {
            "at": pa.array(numbers * 1_000_000, pa.timestamp("us", "UTC")),
            "x": pa.array(holes(random.random(rows).tolist())),
            "flag": pa.array(holes((numbers > 20).tolist())),
            "s": pa.array(holes([str(n) * (n % 4) for n in numbers.tolist()])),
            "list": pa.array(holes([list(range(n % 5)) for n in numbers.tolist()]), pa.list_(pa.int64())),
            "vector": pa.array(holes([[n, 0.5] for n in numbers.tolist()]), pa.list_(pa.float32(), 2)),
        }
    )
    for i, part in enumerate((table.slice(0, 12_000), table.slice(12_000))):
        pq.write_table(part, tmp_path / f"{i}.parquet", row_group_size=1_500, data_page_size=2_000)
    source = open_columns(fs.ParquetSource("s", path=f"{tmp_path}/*.parquet", event_timestamp="at"))
    used = random.random(rows) < share
    used[3_000:9_000] = False
    found = source.gather(table.column_names, pl.Series(used))
    assert found.equals(pl.DataFrame(table).filter(pl.Series(used)))
