"""What cannot matter is not read: its bytes are destroyed, and the answer is still there."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import featurestore as fs
from featurestore.errors import SourceError
from featurestore.testing.plans import entity_table, plan_view, run_historical, run_latest
from tests.engines.available import ENGINES, make_engine

FIRST = date(2024, 1, 1)
DAY = timedelta(days=1)
entity = fs.Entity("plane", join_keys={"tailnum": fs.Int64})


def noon(day: int) -> datetime:
    return datetime(2024, 1, 1, 12, tzinfo=UTC) + day * DAY


@pytest.fixture
def source(tmp_path: Path) -> fs.ParquetSource:
    """A folder for each of ten days; in each the rows of a hundred planes at noon."""
    for day in range(10):
        folder = tmp_path / f"day={FIRST + day * DAY}"
        folder.mkdir()
        at = pa.array([noon(day)] * 100, pa.timestamp("us", "UTC"))
        columns = {
            "tailnum": pa.array(range(100)),
            "at": at,
            "delay": [float(day)] * 100,
            "wide": ["x" * 99] * 100,
        }
        pq.write_table(pa.table(columns), folder / "rows.parquet")
    return fs.ParquetSource(
        "arrivals", path=f"{tmp_path}/*/*.parquet", event_timestamp="at", hive_partitioning=True
    )


def destroy(file: Path, column: str | None = None, *, group: int = 0) -> None:
    """Overwrite the values of a file's row group, or of one of its columns; the footer stays."""
    found = pq.read_metadata(file).row_group(group)
    with file.open("r+b") as opened:
        for chunk in (found.column(i) for i in range(found.num_columns)):
            if column in (None, chunk.path_in_schema):
                opened.seek(chunk.dictionary_page_offset or chunk.data_page_offset)
                opened.write(b"\xff" * chunk.total_compressed_size)


def files(source: fs.ParquetSource) -> list[Path]:
    return sorted(Path(source.path[0]).parent.parent.glob("*/*.parquet"))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("aggregated", [False, True])
def test_days_out_of_reach(engine: str, source: fs.ParquetSource, aggregated: bool) -> None:
    for day, file in enumerate(files(source)):
        if day not in (4, 5, 6):
            destroy(file)
    feature = (
        fs.Aggregation("delay", "max", window=2 * DAY, name="delay")
        if aggregated
        else fs.Feature("delay", fs.Float64)
    )
    view = fs.FeatureView(
        "punctuality", entities=[entity], source=source, ttl=None if aggregated else DAY, features=[feature]
    )
    plan = plan_view(view)
    rows = [{"tailnum": 7, "event_timestamp": noon(day) + timedelta(hours=3)} for day in (5, 6)]
    found = run_historical(make_engine(engine), [plan], entity_table([plan], rows))
    assert found["delay"].to_pylist() == [5.0, 6.0]


@pytest.mark.parametrize("engine", ENGINES)
def test_without_a_ttl_the_oldest_day_matters(engine: str, source: fs.ParquetSource) -> None:
    destroy(files(source)[0])
    plan = plan_view(
        fs.FeatureView("p", entities=[entity], source=source, features=[fs.Feature("delay", fs.Float64)])
    )
    rows = entity_table([plan], [{"tailnum": 7, "event_timestamp": noon(5)}])
    with pytest.raises(SourceError, match="arrivals"):
        run_historical(make_engine(engine), [plan], rows)


@pytest.mark.parametrize("engine", ENGINES)
def test_features_that_nobody_asks_for(engine: str, source: fs.ParquetSource) -> None:
    for file in files(source):
        destroy(file, "wide")
    features = [fs.Feature("delay", fs.Float64), fs.Feature("wide", fs.String)]
    plan = plan_view(
        fs.FeatureView("p", entities=[entity], source=source, features=features), features=["delay"]
    )
    found = run_historical(
        make_engine(engine), [plan], entity_table([plan], [{"tailnum": 7, "event_timestamp": noon(5)}])
    )
    assert found["delay"].to_pylist() == [5.0]


def latest(engine: str, path: Path, rows: list[tuple[int, int]], whole: set[int]) -> dict[int, float]:
    """The latest delay of each plane, of planes and days in row groups of ten; only some are `whole`."""
    table = pa.table(
        {
            "tailnum": [plane for plane, _ in rows],
            "at": pa.array([noon(day) for _, day in rows], pa.timestamp("us", "UTC")),
            "delay": [float(day) for _, day in rows],
        }
    )
    pq.write_table(table, path, row_group_size=10)
    for group in range(len(rows) // 10):
        if group not in whole:
            destroy(path, "delay", group=group)
    source = fs.ParquetSource("arrivals", path=str(path), event_timestamp="at")
    view = fs.FeatureView("p", entities=[entity], source=source, features=[fs.Feature("delay", fs.Float64)])
    found = run_latest(make_engine(engine), plan_view(view), at=int(noon(99).timestamp() * 1e6))
    return dict(zip(found["tailnum"].to_pylist(), found["delay"].to_pylist(), strict=True))


@pytest.mark.parametrize("engine", ENGINES)
def test_features_of_row_groups_without_a_latest_row(engine: str, tmp_path: Path) -> None:
    rows = [(plane, day) for day in range(10) for plane in range(20)]
    found = latest(engine, tmp_path / "rows.parquet", rows, whole={18, 19})
    assert found == dict.fromkeys(range(20), 9.0)


def test_features_between_row_groups_with_a_latest_row(tmp_path: Path) -> None:
    """A plane that was seen in the beginning only: what lies in between is not read for it."""
    rows = [(99, 0), *((plane, 0) for plane in range(1, 20))]
    rows += [(plane, day) for day in range(1, 10) for plane in range(20)]
    found = latest("polars", tmp_path / "rows.parquet", rows, whole={0, 18, 19})
    assert found == dict.fromkeys(range(20), 9.0) | {99: 0.0}
