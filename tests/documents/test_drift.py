"""The page on drift can be typed in, and its numbers are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa

import featurestore as fs
from featurestore.statistics.measures import LEAST_SHARE
from featurestore.statistics.thresholds import MEASURES
from tests.store.conftest import HOUR, NOON

PAGE = (Path(__file__).parents[2] / "docs" / "drift.md").read_text(encoding="utf-8")
TAILS = [f"P{number}" for number in range(100)]


def prepared(store: fs.FeatureStore) -> None:
    rows = pa.table(
        {
            "tailnum": TAILS,
            "seen": [NOON - HOUR] * 100,
            "delay": [float(number) for number in range(100)],
            "carrier": ["UA", "DL"] * 50,
        }
    )
    view = fs.FeatureView(
        "flight_state",
        entities=[fs.Entity("plane", join_keys={"tailnum": fs.String})],
        source=fs.InMemorySource("flights", data=rows, event_timestamp="seen"),
        features=[fs.Feature("delay", fs.Float64), fs.Feature("carrier", fs.String)],
    )
    store.apply([view])
    store.materialize(end=NOON)
    entity_df = pa.table({"tailnum": TAILS, "event_timestamp": [NOON] * 100})
    store.create_training_set("departures-2024", "flight_state", entity_df, split={"train": 0.8, "test": 0.2})


def test_the_page_can_be_typed_in(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with fs.FeatureStore(registry="sqlite:///registry.db", online="memory://", project="docs") as store:
        prepared(store)
        names: dict[str, object] = {"store": store, "fs": fs}
        for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
            exec(block, names)
        drift = names["drift"]
        assert isinstance(drift, fs.DriftReport)
        assert not drift.drifted
        assert (tmp_path / "report.html").stat().st_size > 10_000
        for name in ("departures-2024", "flight_state", "flight_state@1#1", "flight_state#2024-01-01.."):
            assert store.detect_drift(name, "flight_state").features


def test_the_thresholds_on_the_page_are_the_defaults() -> None:
    said = dict(re.findall(r"\| `(\w+)` \|.*\| ([\d.]+) \|$", PAGE, re.MULTILINE))
    defaults = fs.FeatureThresholds()
    assert {name: float(value) for name, value in said.items()} == {n: defaults.of(n) for n in MEASURES}
    assert f"empty bins count as {LEAST_SHARE:g}" in PAGE or f"{LEAST_SHARE:.4f}" in PAGE
