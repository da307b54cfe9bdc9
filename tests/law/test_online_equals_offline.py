"""Rule 8 on real stores: after a materialization, online is offline is the oracle, for generated cases."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import assume, given, settings

import featurestore as fs
from featurestore.definitions.instants import from_microseconds
from featurestore.frames.types import arrow_type
from featurestore.testing import oracle
from featurestore.testing.compare import exact
from featurestore.testing.strategies import Case, cases

pytestmark = pytest.mark.timeout(600)
_numbers = itertools.count()
OpenStore = Callable[[str], fs.FeatureStore]


@pytest.fixture(params=["sqlite", "redis"], scope="module")
def open_store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> OpenStore:
    folder: Path = tmp_path_factory.mktemp("stores")
    online = f"sqlite:///{folder}/online.db"
    if request.param == "redis":
        online = request.getfixturevalue("redis_server").url

    def open_one(engine: str) -> fs.FeatureStore:
        project = f"equal_{next(_numbers)}"  # others count cases too, in the same Redis
        return fs.FeatureStore(
            registry=f"sqlite:///{folder}/registry.db", online=online, offline=engine, project=project
        )

    return open_one


def whole_view(case: Case) -> fs.FeatureView:
    view = case.requests[0].view
    return view.model_copy(update={"name": "view", "online": True})


def asked_keys(case: Case, view: fs.FeatureView) -> list[dict[str, Any]]:
    """The entities of the entity rows, those of the source, and one with a null key."""
    renamed = case.requests[0].join_keys
    rows = [{key: row[renamed.get(key, key)] for key in view.join_keys} for row in case.entities]
    known = [
        dict(zip(view.join_keys, key, strict=True)) for key in oracle.latest(view, case.rows, datetime.max)
    ]
    return [*rows, *known, dict.fromkeys(view.join_keys)]


def readable(instant: int) -> bool:
    clock = int(datetime.now(UTC).timestamp() * 1e6)
    return -62_000_000_000_000_000 < instant < clock


@pytest.mark.parametrize("engine", ["duckdb", "polars"])
@settings(max_examples=15)
@given(case=cases())
def test_online_is_the_oracle(open_store: OpenStore, engine: str, case: Case) -> None:
    assume(all(readable(instant) for instant in case.at))
    view = whole_view(case)
    keys = asked_keys(case, view)
    end = from_microseconds(min(case.at))
    with open_store(engine) as store:
        store.apply([view])
        store.materialize(end=end)
        for now in sorted({*case.at, min(case.at) - 1}):
            instant = from_microseconds(now)
            answer = store.get_online_features("view", keys, now=instant)
            wanted = oracle.online(view, case.rows, keys, end=end, now=instant)
            check(answer, wanted, view)
        check_training(store, view, keys, end)


def check(answer: fs.OnlineFeatures, wanted: list[oracle.Answer], view: fs.FeatureView) -> None:
    values, table = answer.to_dict(), answer.to_arrow()
    for feature in view.features:
        name = feature.name
        assert table[name].type == arrow_type(feature.dtype)
        assert answer.statuses[name] == [one.statuses[name].value for one in wanted], name
        expected = [exact(one.values[name]) for one in wanted]
        assert [exact(value) for value in values[name]] == expected, name
        assert [exact(value) for value in table[name].to_pylist()] == expected, name


def exact_rows(table: pa.Table) -> list[list[object]]:
    return [[exact(value) for value in row.values()] for row in table.to_pylist()]


def check_training(
    store: fs.FeatureStore, view: fs.FeatureView, keys: list[dict[str, Any]], end: datetime
) -> None:
    """The training frame at the same instant, from entity rows and for every entity there is."""
    columns = {k: pa.array([row[k] for row in keys], arrow_type(t)) for k, t in view.join_keys.items()}
    times = pa.array([end] * len(keys), pa.timestamp("us", "UTC"))
    frame = store.get_historical_features(pa.table({**columns, "event_timestamp": times}), "view").to_arrow()
    online = store.get_online_features("view", keys, now=end).to_arrow()
    names = [feature.name for feature in view.features]
    assert exact_rows(online.select(names)) == exact_rows(frame.select(names))
    latest = store.get_latest_features("view", at=end).to_arrow().drop_columns(["event_timestamp"])
    again = store.get_online_features("view", latest.select(list(view.join_keys)), now=end)
    if view.join_keys:
        assert exact_rows(again.to_arrow()) == exact_rows(latest)


@pytest.mark.parametrize("engine", ["duckdb", "polars"])
@settings(max_examples=15)
@given(case=cases())
def test_an_incremental_run_gives_what_a_full_one_gives(
    open_store: OpenStore, engine: str, case: Case
) -> None:
    """Half of the rows, a run, all of the rows, an incremental run: the same as a full run over all of them.

    The times of a generated case are made up, so its created and available times say nothing about when a row
    was there to be read: the overlap is as long as the whole past.
    """
    assume(all(readable(instant) for instant in case.at))
    view = whole_view(case)
    keys = asked_keys(case, view)
    first, last = (from_microseconds(instant) for instant in sorted(case.at))
    early = replace(case, table=case.table.slice(0, case.table.num_rows // 2))
    with open_store(engine) as store:
        store.apply([over(view, early.table)])
        store.materialize(end=first)
        store.apply([over(view, case.table)])
        store.materialize_incremental(end=last, overlap=datetime.now(UTC) - from_microseconds(-(10**16)))
        answer = store.get_online_features("view", keys, now=last)
        check(answer, oracle.online(view, case.rows, keys, end=last), view)


def over(view: fs.FeatureView, table: pa.Table) -> fs.FeatureView:
    source = view.source
    assert isinstance(source, fs.InMemorySource)
    fields = {**source.__dict__, "data": table}
    return view.model_copy(update={"source": fs.InMemorySource(**fields)})
