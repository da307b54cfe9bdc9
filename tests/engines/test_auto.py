"""The engine that chooses for each request, and the settings that a name may carry."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import featurestore as fs
from featurestore.adapters import open_engine
from featurestore.engines import auto
from featurestore.errors import ConfigurationError

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def source(tmp_path: Path) -> fs.ParquetSource:
    table = pa.table({"k": [1, 2, 3], "at": pa.array([NOON] * 3), "v": [1.0, 2.0, 3.0]})
    pq.write_table(table, tmp_path / "rows.parquet")
    return fs.ParquetSource("rows", path=str(tmp_path / "rows.parquet"), event_timestamp="at")


def view_over(source: fs.ParquetSource) -> fs.FeatureView:
    entity = fs.Entity("e", join_keys={"k": fs.Int64})
    return fs.FeatureView("view", entities=[entity], source=source, features=[fs.Feature("v", fs.Float64)])


def asked(count: int) -> pa.Table:
    return pa.table({"k": [1 + i % 4 for i in range(count)], "event_timestamp": pa.array([NOON] * count)})


@pytest.mark.parametrize(
    ("few", "count", "engine"),
    [(3, 1, "duckdb"), (3, 2, "polars"), (1, 3, "duckdb"), (1, 4, "polars")],
    ids=["as many source rows as are many", "fewer", "as many, of several entity rows", "fewer, of several"],
)
def test_a_training_frame(
    tmp_path: Path,
    source: fs.ParquetSource,
    few: int,
    count: int,
    engine: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(auto, "FEW_ROWS", few)
    with fs.FeatureStore(registry=f"sqlite:///{tmp_path}/r.db", online="memory://", offline="auto") as store:
        frame = store.get_historical_features(asked(count), view_over(source))
        expected = [1.0, 2.0, 3.0, None][:count]
        assert frame.to_arrow()["v"].to_pylist() == expected
        explained = frame.explain()
    assert f"on engine {engine}: {count} entity rows" in explained
    assert "chosen because the views have" in explained
    assert f"{few} source rows for each" in explained or f"3 source rows, fewer than {few}" in explained


def test_what_would_not_fit_in_memory_is_left_to_duckdb(
    tmp_path: Path, source: fs.ParquetSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auto, "MOST_ROWS", 6)
    with fs.FeatureStore(registry=f"sqlite:///{tmp_path}/r.db", online="memory://", offline="auto") as store:
        fits = store.get_historical_features(asked(3), view_over(source)).explain()
        too_large = store.get_historical_features(asked(4), view_over(source)).explain()
    assert "on engine polars: 3 entity rows" in fits
    assert "on engine duckdb: 4 entity rows" in too_large
    assert "more than 6 rows take less memory" in too_large


def test_the_default(tmp_path: Path, source: fs.ParquetSource) -> None:
    with fs.FeatureStore(registry=f"sqlite:///{tmp_path}/r.db", online="memory://") as store:
        view = view_over(source)
        assert "chosen because" in store.get_historical_features(asked(1), view).explain()
        latest = store.get_latest_features(view, at=NOON + timedelta(hours=1)).to_arrow()
        by_sql = store.get_historical_features('SELECT k, "at" AS event_timestamp FROM rows ORDER BY k', view)
        assert sorted(latest["v"].to_pylist()) == by_sql.to_arrow()["v"].to_pylist() == [1.0, 2.0, 3.0]


def test_settings_follow_the_name(tmp_path: Path, source: fs.ParquetSource) -> None:
    with fs.FeatureStore(
        registry=f"sqlite:///{tmp_path}/r.db",
        online="memory://",
        offline=f"duckdb?memory_limit=200MB&threads=1&temp_directory={tmp_path}",
    ) as store:
        frame = store.get_historical_features(asked(2), view_over(source))
        assert frame.to_arrow()["v"].to_pylist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("duckdb?memory=4GB", "(?s)'memory' is not a setting of the offline engine 'duckdb'.*memory_limit"),
        (
            "polars?threads=2",
            "(?s)'threads' is not a setting of the offline engine 'polars'.*no settings",
        ),
    ],
)
def test_an_unknown_setting(name: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        open_engine(name)
