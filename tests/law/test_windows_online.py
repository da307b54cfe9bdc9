"""Rule 8 for aggregations: what is materialized is what a training frame gives, and what the oracle gives."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import assume, given, settings

import featurestore as fs
from featurestore.definitions.instants import from_microseconds
from featurestore.errors import SourceError
from featurestore.frames.types import arrow_type
from featurestore.testing import oracle
from featurestore.testing.compare import exact, same
from featurestore.testing.strategies import Case, window_cases
from tests.law.stores import ENGINES, Stores

pytestmark = pytest.mark.timeout(600)


def whole_view(case: Case) -> fs.FeatureView:
    return case.requests[0].view.model_copy(update={"name": "view", "online": True})


def asked_keys(case: Case, view: fs.FeatureView) -> list[dict[str, Any]]:
    """The entities of the entity rows, those of the source, and one with a null key."""
    keys = list(view.join_keys)
    known = {tuple(row[key] for key in keys) for row in case.rows}
    asked = [{key: row[key] for key in keys} for row in case.entities]
    found = [dict(zip(keys, key, strict=True)) for key in known if None not in key]
    return [*asked, *found, dict.fromkeys(keys)]


def readable(instant: int) -> bool:
    return -62_000_000_000_000_000 < instant < int(datetime.now(UTC).timestamp() * 1e6)


def check(answer: fs.OnlineFeatures, wanted: list[oracle.Answer], view: fs.FeatureView) -> None:
    values, table = answer.to_dict(), answer.to_arrow()
    for name, dtype in ((feature.name, feature.dtype) for feature in view.features):
        assert table[name].type == arrow_type(dtype)
        assert answer.statuses[name] == [one.statuses[name].value for one in wanted], name
        for found in (values[name], table[name].to_pylist()):
            for value, one in zip(found, wanted, strict=True):
                assert same(value, one.values[name]), (name, value, one.values[name])


@pytest.mark.parametrize("engine", ENGINES)
@settings(max_examples=40)
@given(case=window_cases())
def test_online_is_the_oracle_and_the_training_frame(stores: Stores, engine: str, case: Case) -> None:
    assume(case.as_of is None and all(readable(instant) for instant in case.at))
    view, end = whole_view(case), from_microseconds(min(case.at))
    keys = asked_keys(case, view)
    with stores.open(engine, stores.new_project()) as store:
        store.apply([view])
        try:
            wanted = oracle.online(view, case.rows, keys, end=end)
        except oracle.SumOverflowError:
            with pytest.raises(SourceError, match="does not fit into 64 bits"):
                store.materialize(end=end)
            return
        store.materialize(end=end)
        check(store.get_online_features("view", keys, now=end), wanted, view)
        later = from_microseconds(max(case.at))
        answer = store.get_online_features("view", keys, now=later)
        check(answer, oracle.online(view, case.rows, keys, end=end, now=later), view)
        columns = {k: pa.array([row[k] for row in keys], arrow_type(t)) for k, t in view.join_keys.items()}
        times = pa.array([end] * len(keys), pa.timestamp("us", "UTC"))
        frame = store.get_historical_features(pa.table({**columns, "event_timestamp": times}), "view").to_arrow()
        online = store.get_online_features("view", keys, now=end).to_arrow()
        for feature in view.features:
            name = feature.name
            rows = zip(online[name].to_pylist(), frame[name].to_pylist(), wanted, strict=True)
            # A schedule whose lag is longer than values may serve has nothing to serve at all.
            fresh = [(one, other) for one, other, row in rows if row.statuses[name] != oracle.Status.EXPIRED]
            assert all(exact(one) == exact(other) for one, other in fresh), name
