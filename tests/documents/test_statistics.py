"""The page on statistics: its code runs, and its numbers are those of the code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

import featurestore as fs
from featurestore.statistics import columns, quantiles, sketches, slices
from featurestore.statistics.collect import MOST_GROUPS

PAGE = (Path(__file__).parents[2] / "docs" / "statistics.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
NOW = datetime.now(UTC)


@pytest.fixture
def names(tmp_path: Path) -> Iterator[dict[str, object]]:
    """What the page takes as given."""
    card = fs.Entity("card", join_keys={"card_id": fs.Int64})
    rows = pa.table(
        {
            "card_id": [number % 50 for number in range(500)],
            "event_timestamp": [NOW - timedelta(hours=number) for number in range(500)],
            "amount": [float(number) for number in range(500)],
            "email": [f"{number}@example.org" for number in range(500)],
        }
    )
    source = fs.InMemorySource("payments_rows", data=rows, event_timestamp="event_timestamp")
    features = [fs.Feature("amount", fs.Float64), fs.Feature("email", fs.String, tags={"pii": "contact"})]
    view = fs.FeatureView("payments", entities=[card], source=source, features=features)
    store = fs.FeatureStore(registry=f"sqlite:///{tmp_path}/registry.db", online="memory://")
    store.apply([view, fs.FeatureService("fraud_score", features=[view])])
    store.materialize()
    entities = pa.table(
        {
            "card_id": [number % 50 for number in range(300)],
            "event_timestamp": [NOW] * 300,
            "country": ["fr", "de", "it"] * 100,
        }
    )
    training_set = store.create_training_set(
        "fraud", "fraud_score", entities, split={"train": 0.8, "test": 0.2}, folder=tmp_path / "sets"
    )
    frame = store.get_historical_features(entities, "fraud_score")
    yield {
        "fs": fs, "store": store, "training_set": training_set, "frame": frame, "month_ago": NOW - timedelta(days=30)
    }  # fmt: skip
    store.close()


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_the_code_runs(names: dict[str, object], number: int, capsys: pytest.CaptureFixture[str]) -> None:
    exec(BLOCKS[number], names)
    if "print" in BLOCKS[number]:
        assert capsys.readouterr().out.strip()


def test_who_is_personal_there(names: dict[str, object]) -> None:
    assert eval(BLOCKS[-1], names) == ("email",)


@pytest.mark.parametrize(
    "said",
    [
        f"KLL, k = {quantiles.K}",
        f"Theta, {sketches.MOST_HASHES:,} hashes",
        f"at most {sketches.MOST_FREQUENT} values differ",
        f"cut to {columns.LONGEST} characters",
        f"at most {MOST_GROUPS} values",
        f"`minimum_group` ({slices.MINIMUM_GROUP})",
    ],
)
def test_the_numbers_are_those_of_the_code(said: str) -> None:
    assert said in PAGE.replace("\n", " ")
