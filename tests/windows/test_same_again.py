"""Float sums are put together from blocks, whose bounds must not depend on chance: the same run, the same bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import featurestore as fs
from tests.engines.available import ENGINES

EVENTS, CARDS, ASKED = 400_000, 500, 5_000


def at_random(chance: np.random.Generator, count: int) -> dict[str, pa.Array]:
    instants = pa.array(chance.integers(0, 10**9, count)).cast(pa.timestamp("us", "UTC"))
    return {"card": pa.array(chance.integers(0, CARDS, count)), "event_timestamp": instants}


@pytest.mark.parametrize("engine", ENGINES)
def test_the_last_bits_of_long_windows(tmp_path: Path, engine: str) -> None:
    chance = np.random.default_rng(1)
    events = pa.table({**at_random(chance, EVENTS), "amount": chance.random(EVENTS)})
    pq.write_table(events, tmp_path / "events.parquet", row_group_size=10_000)
    view = fs.FeatureView(
        "v",
        entities=[fs.Entity("card", join_keys={"card": fs.Int64})],
        source=fs.ParquetSource(
            "s", path=str(tmp_path / "events.parquet"), event_timestamp="event_timestamp"
        ),
        features=[fs.Aggregation("amount", function, fs.LIFETIME) for function in ("sum", "mean", "var")],
    )
    asked = pa.table(at_random(chance, ASKED))
    with fs.FeatureStore(
        registry=f"sqlite:///{tmp_path}/registry.db", online="memory://", offline=engine
    ) as store:
        first, *others = [store.get_historical_features(asked, view).to_arrow() for _ in range(4)]
    assert all(other.equals(first) for other in others)
