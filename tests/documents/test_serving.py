"""The page on serving: its code runs, and its numbers are those of the code."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import featurestore as fs
from featurestore.configuration import Configuration
from featurestore.online.serving import STALE_SECONDS
from featurestore_connectors.redis import url

PAGE = (Path(__file__).parents[2] / "docs" / "serving.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
NOW = datetime.now(UTC)


@pytest.fixture
def names(tmp_path: Path) -> Iterator[dict[str, Any]]:
    """What the page takes as given, and what its first block makes."""
    urls = {"registry": f"sqlite:///{tmp_path}/registry.db", "online": f"sqlite:///{tmp_path}/online.db"}
    plane = fs.Entity("plane", join_keys={"tailnum": fs.String})
    rows = [{"tailnum": "N14228", "arrived_at": NOW - timedelta(hours=1), "last_delay": -4.0}]
    source = fs.InMemorySource("arrivals", data=rows, event_timestamp="arrived_at")
    view = fs.FeatureView(
        "punctuality", entities=[plane], source=source, features=[fs.Feature("last_delay", fs.Float64)]
    )
    with fs.FeatureStore(project="flights", **urls) as store:
        store.apply([fs.FeatureService("departure_delay", features=[view])])
        store.materialize()
    made: dict[str, Any] = {"fs": fs, "REGISTRY": urls["registry"], "ONLINE": urls["online"]}
    exec(compile(BLOCKS[0], "serving.md", "exec"), made)
    yield made
    made["store"].close()


def test_the_answer_is_what_the_page_says(names: dict[str, Any]) -> None:
    answer = names["answer"]
    assert answer.to_dicts()[0] == {"tailnum": "N14228", "last_delay": -4.0}
    matrix = answer.to_numpy()
    assert (matrix.shape, matrix[0, 0]) == ((2, 1), -4.0)
    assert math.isnan(matrix[1, 0])
    assert answer.statuses == {"last_delay": [fs.Status.PRESENT, fs.Status.NOT_FOUND]}
    assert answer.event_timestamps == {"punctuality": [NOW - timedelta(hours=1), None]}


def test_the_other_blocks_run(names: dict[str, Any]) -> None:
    for block in BLOCKS[1:]:
        exec(compile(block, "serving.md", "exec"), names)
    assert asyncio.run(names["handle"]("N14228"))["last_delay"] == -4.0


def test_the_numbers_are_those_of_the_code() -> None:
    options = url.parse("redis://localhost")
    assert (options.threads["max_connections"], options.threads["timeout"]) == (32, 5.0)
    assert options.threads["socket_timeout"] == 5.0
    given = url.parse("redis://host:6379/0?max_connections=100&timeout=0.5&socket_timeout=0.05").threads
    assert (given["max_connections"], given["timeout"], given["socket_timeout"]) == (100, 0.5, 0.05)
    assert Configuration.refresh_seconds == 5
    assert STALE_SECONDS == 60
