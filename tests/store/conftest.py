"""A store on real servers: SQLite registry, each online store, each engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

import featurestore as fs

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MICROSECOND = timedelta(microseconds=1)
plane = fs.Entity("plane", join_keys={"tailnum": fs.String})


@pytest.fixture(params=["sqlite", "redis"])
def online_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "redis":
        return str(request.getfixturevalue("redis_url"))
    return f"sqlite:///{tmp_path}/online.db"


@pytest.fixture(params=["duckdb", "polars"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def open_store(tmp_path: Path, online_url: str) -> Iterator[Callable[..., fs.FeatureStore]]:
    opened: list[fs.FeatureStore] = []

    def open_one(engine: str = "duckdb", project: str = "flights") -> fs.FeatureStore:
        store = fs.FeatureStore(
            registry=f"sqlite:///{tmp_path}/registry.db", online=online_url, offline=engine, project=project
        )
        opened.append(store)
        return store

    yield open_one
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: Callable[..., fs.FeatureStore], engine: str) -> fs.FeatureStore:
    return open_store(engine)


class Arrivals:
    """A Parquet file of arrivals that tests rewrite, and the view over it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rows: list[tuple[str, datetime, datetime | None, float | None]] = []

    def add(
        self, tailnum: str, event: datetime, value: float | None, created: datetime | None = None
    ) -> None:
        self._rows.append((tailnum, event, created or event, value))
        self.write()

    def remove(self, tailnum: str) -> None:
        self._rows = [row for row in self._rows if row[0] != tailnum]
        self.write()

    def write(self) -> None:
        columns = list(zip(*self._rows, strict=True)) or [(), (), (), ()]
        instant = pa.timestamp("us", "UTC")
        table = pa.table(
            {
                "tailnum": pa.array(columns[0], pa.string()),
                "arrived_at": pa.array(columns[1], instant),
                "loaded_at": pa.array(columns[2], instant),
                "delay": pa.array(columns[3], pa.float64()),
            }
        )
        pa.parquet.write_table(table, self.path)

    def view(self, **changes: object) -> fs.FeatureView:
        source = fs.ParquetSource(
            "arrivals", path=str(self.path), event_timestamp="arrived_at", created_timestamp="loaded_at"
        )
        fields: dict[str, object] = {
            "name": "punctuality", "entities": [plane], "source": source,
            "features": [fs.Feature("delay", fs.Float64)],
        }  # fmt: skip
        return fs.FeatureView(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.fixture
def arrivals(tmp_path: Path) -> Arrivals:
    import pyarrow.parquet  # noqa: F401 (makes pa.parquet)

    made = Arrivals(tmp_path / "arrivals.parquet")
    made.write()
    return made


def online_values(
    store: fs.FeatureStore, tails: list[str], now: datetime, features: object = "punctuality"
) -> list[object]:
    answer = store.get_online_features(features, [{"tailnum": t} for t in tails], now=now)  # type: ignore[arg-type]
    return [
        value if status is fs.Status.PRESENT else status.value
        for value, status in zip(answer.to_dict()["delay"], answer.statuses["delay"], strict=True)
    ]
