"""One table in every kind of source, and a store on each engine: what training sees is what serving reads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

import featurestore as fs

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
PLANE = fs.Entity("plane", join_keys={"tailnum": fs.String})
TABLE = pa.table(
    {
        "TAIL": ["A", "A", "B", "B", "C", None],
        "at": [NOON, NOON + HOUR, NOON, NOON + 2 * HOUR, None, NOON],
        "made": [NOON] * 6,
        "a": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        "b": pa.array([1, 1, None, 2, 2, 1], pa.int64()),
        "l": [[1, 2], [3], [], None, [4], [5]],
    }
)


@pytest.fixture(params=["duckdb", "polars"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    with fs.FeatureStore(
        registry=f"sqlite:///{tmp_path}/r.db", online=f"sqlite:///{tmp_path}/o.db", offline=request.param
    ) as opened:
        yield opened


@pytest.fixture(params=["one file", "two files", "csv", "memory", "hive"])
def make_source(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    times: dict[str, Any] = {
        "event_timestamp": "at",
        "created_timestamp": "made",
        "mapping": {"tailnum": "TAIL"},
    }

    def make(**arguments: Any) -> fs.Source:
        if request.param == "memory":
            return fs.InMemorySource("s", data=TABLE, **times, **arguments)
        if request.param == "csv":
            pyarrow.csv.write_csv(TABLE.drop_columns(["l"]), tmp_path / "s.csv")
            return fs.CSVSource("s", path=str(tmp_path / "s.csv"), **times, **arguments)
        if request.param == "hive":
            for name in ("A", "B", "C"):
                (tmp_path / f"TAIL={name}").mkdir(exist_ok=True)
                part = TABLE.filter(pa.compute.equal(TABLE.column("TAIL"), name)).drop_columns(["TAIL"])
                pq.write_table(part, tmp_path / f"TAIL={name}" / "s.parquet")
            return fs.ParquetSource(
                "s", path=str(tmp_path / "*" / "*.parquet"), hive_partitioning=True, **times, **arguments
            )
        parts = [TABLE] if request.param == "one file" else [TABLE.slice(0, 2), TABLE.slice(2)]
        for i, part in enumerate(parts):
            pq.write_table(part, tmp_path / f"s{i}.parquet")
        return fs.ParquetSource("s", path=str(tmp_path / "s?.parquet"), **times, **arguments)

    make.text = request.param == "csv"  # type: ignore[attr-defined]
    return make


def asked() -> list[dict[str, Any]]:
    return [{"tailnum": key, "event_timestamp": NOON + i * HOUR} for key in "ABC" for i in range(3)]


def values(store: fs.FeatureStore, view: fs.FeatureView, feature: str = "m") -> list[Any]:
    """Of the entity rows; and what training sees is what serving reads."""
    offline: list[Any] = store.get_historical_features(asked(), [view]).to_arrow().column(feature).to_pylist()
    store.apply([view])
    for i in range(3):
        store.materialize(end=NOON + i * HOUR, views=[view.name])
        keys = [{"tailnum": key} for key in "ABC"]
        online = store.get_online_features([view.name], keys, now=NOON + i * HOUR).to_dict()[feature]
        assert online == offline[i::3]
    return offline
