"""The page for those who come from Feast: its code runs."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

import featurestore as fs

if TYPE_CHECKING:
    import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "from_feast.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_the_small_repository_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    now = datetime.now(UTC)
    times = {"event_timestamp": [now - timedelta(hours=1)], "created": [now]}
    rates = {"conv_rate": [0.5], "acc_rate": [0.75]}
    pl.DataFrame({"driver_id": [1001], **times, **rates}).with_columns(
        pl.col("conv_rate", "acc_rate").cast(pl.Float32)
    ).write_parquet("driver_stats.parquet")
    entity_df = pl.DataFrame({"driver_id": [1001, 1002], "event_timestamp": [now, now]}).to_pandas()
    with fs.FeatureStore(registry="sqlite:///registry.db", online="sqlite:///online.db") as store:
        names: dict[str, Any] = {"fs": fs, "timedelta": timedelta, "store": store, "entity_df": entity_df}
        (block,) = BLOCKS
        exec(compile(block, "from_feast.md", "exec"), names)
    assert names["online"] == {"driver_id": [1001], "conv_rate": [0.5], "acc_rate": [0.75]}
    assert names["training"]["conv_rate"].tolist()[0] == 0.5
    assert names["training"]["driver_id"].tolist() == [1001, 1002]
