"""What only the Polars engine has to mind."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pytest

import featurestore as fs
from featurestore.engines.polars import PolarsEngine
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
