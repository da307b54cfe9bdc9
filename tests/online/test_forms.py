"""All forms of an answer hold the same values, for a handful of rows (which are read one by one) and for more."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import featurestore as fs
from featurestore.errors import RequestError

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ENTITY = fs.Entity("e", join_keys={"k": fs.Int64})
ROWS = pa.table(
    {
        "k": [1, 2, 3, 4, 5],
        "at": pa.array([NOON, NOON - 2 * HOUR, NOON, NOON - HOUR, NOON + HOUR], pa.timestamp("us", "UTC")),
        "a": pa.array([1.5, 2.5, None, 4.5, 5.5]),
        "b": pa.array([10, 20, 30, 40, 50]),
        "t": pa.array(["x", "y", None, "", "z"]),
    }
)
SOURCE = fs.InMemorySource("rows", data=ROWS, event_timestamp="at")
NUMBERS = fs.FeatureView(
    "numbers", entities=[ENTITY], source=SOURCE, ttl=HOUR,
    features=[fs.Feature("b", fs.Int64), fs.Feature("a", fs.Float64)],
)  # fmt: skip
TEXTS = fs.FeatureView("texts", entities=[ENTITY], source=SOURCE, features=[fs.Feature("t", fs.String)])
COUNTS = fs.FeatureView(
    "counts", entities=[ENTITY], source=SOURCE,
    features=[fs.Aggregation("*", "count", window=HOUR, name="n"), fs.Aggregation("a", "max", window=HOUR, name="m")],
)  # fmt: skip
EXPECTED: dict[int, dict[str, Any]] = {
    1: {"a": 1.5, "b": 10, "t": "x", "n": 1, "m": 1.5},
    2: {"a": None, "b": None, "t": "y", "n": 0, "m": None},  # expired, and out of the window
    3: {"a": None, "b": 30, "t": None, "n": 1, "m": None},
    4: {"a": 4.5, "b": 40, "t": "", "n": 0, "m": None},  # exactly as old as it may be
    5: {"a": None, "b": None, "t": None, "n": 0, "m": None},  # later than the run
    9: {"a": None, "b": None, "t": None, "n": 0, "m": None},
}
REQUESTS: dict[str, list[Any]] = {
    "plain": [NUMBERS],
    "in another order": ["numbers:a", "numbers:b"],
    "one": ["numbers:a"],
    "windows": [COUNTS],
    "texts": [TEXTS],
    "mixed": ["counts:n", "numbers:b", "texts:t", "counts:m", "numbers:a"],
}


@pytest.fixture(scope="module", params=["sqlite", "memory"])
def store(request, tmp_path_factory) -> Iterator[fs.FeatureStore]:
    folder = tmp_path_factory.mktemp("forms")
    online = f"sqlite:///{folder}/online.db" if request.param == "sqlite" else "memory://"
    with fs.FeatureStore(registry=f"sqlite:///{folder}/registry.db", online=online) as opened:
        opened.apply([ENTITY, SOURCE, NUMBERS, TEXTS, COUNTS])
        opened.materialize(end=NOON)
        yield opened


@pytest.mark.parametrize("features", REQUESTS.values(), ids=REQUESTS)
@pytest.mark.parametrize(
    "keys", [[1], [4], [2], [3], [5], [9], [1, 4], [4, 1, 1], [1, 2, 3, 4, 5, 9], [1, 4] * 5, [9, 3, 1] * 4], ids=str
)  # fmt: skip
def test_forms_hold_the_same_values(store: fs.FeatureStore, features: list[Any], keys: list[int]):
    answer = store.get_online_features(features, [{"k": key} for key in keys], now=NOON)
    names = list(answer.statuses)
    expected = [{"k": key} | {name: EXPECTED[key][name] for name in names} for key in keys]
    assert answer.to_dicts() == expected
    assert [list(row) for row in answer.to_dicts()] == [["k", *names]] * len(keys)
    assert answer.to_dict() == {name: [row[name] for row in expected] for name in ("k", *names)}
    assert answer.to_arrow().to_pylist() == expected
    if "t" in names:
        with pytest.raises(RequestError, match="'t' is string"):
            answer.to_numpy()
    else:
        wanted = [[np.nan if row[name] is None else row[name] for name in names] for row in expected]
        np.testing.assert_array_equal(answer.to_numpy(), np.array(wanted, np.float64))


def test_the_same_view_under_other_keys(store: fs.FeatureStore):
    features = [
        NUMBERS.alias("first"),
        NUMBERS.with_join_keys({"k": "other"}).alias("second"),
    ]
    (row,) = store.get_online_features(
        features, [{"k": 1, "other": 4}], full_feature_names=True, now=NOON
    ).to_dicts()
    assert row == {"k": 1, "other": 4, "first__b": 10, "first__a": 1.5, "second__b": 40, "second__a": 4.5}


def test_rows_that_lie_after_now_or_too_far_back_are_not_used(store: fs.FeatureStore):
    def read(now: datetime) -> list[Any]:
        (row,) = store.get_online_features([NUMBERS, COUNTS], [{"k": 1}], now=now).to_dicts()
        return [row["b"], row["n"]]

    microsecond = timedelta(microseconds=1)
    assert read(NOON - microsecond) == [None, 0]
    assert read(NOON + HOUR) == [10, 1]
    assert read(NOON + HOUR + microsecond) == [None, 0]
