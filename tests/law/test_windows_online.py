"""Rule 8 for aggregations: what is materialized is what a training frame gives, and what the oracle gives."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
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
    asked = [{key: row[key] for key in keys} for row in case.entities]
    # Keys only: a sum over everything may overflow.
    known = oracle.latest(view, case.rows, datetime.max, features=["none"])
    return [*asked, *(dict(zip(keys, key, strict=True)) for key in known), dict.fromkeys(keys)]


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
@settings(max_examples=10)
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
        frame = store.get_historical_features(
            pa.table({**columns, "event_timestamp": times}), "view"
        ).to_arrow()
        online = store.get_online_features("view", keys, now=end).to_arrow()
        for feature in view.features:
            name = feature.name
            assert exact(online[name].to_pylist()) == exact(frame[name].to_pylist()), name


@pytest.mark.parametrize("engine", ENGINES)
@settings(max_examples=10)
@given(case=window_cases())
def test_an_incremental_run_gives_what_a_full_one_gives(stores: Stores, engine: str, case: Case) -> None:
    """Half of the rows, a run, all of the rows, an incremental run at a later time: what the oracle gives then.

    The times of a generated case are made up, so its created and available times say nothing about when a row
    was there to be read: the overlap is as long as the whole past.
    """
    assume(case.as_of is None and all(readable(instant) for instant in case.at))
    assume(not any(a.function == "sum" for a in case.requests[0].view.aggregations))
    view, keys = whole_view(case), asked_keys(case, whole_view(case))
    first, last = (from_microseconds(instant) for instant in sorted(case.at))
    past = datetime.now(UTC) - from_microseconds(-(10**16))
    with stores.open(engine, stores.new_project()) as store:
        store.apply([over(view, case.table.slice(0, case.table.num_rows // 2))])
        store.materialize(end=first)
        store.apply([over(view, case.table)])
        store.materialize_incremental(end=last, overlap=past)
        answer = store.get_online_features("view", keys, now=last)
        check(answer, oracle.online(view, case.rows, keys, end=last), view)


def over(view: fs.FeatureView, table: pa.Table) -> fs.FeatureView:
    source = view.source
    assert isinstance(source, fs.InMemorySource)
    return view.model_copy(update={"source": fs.InMemorySource(**{**source.__dict__, "data": table})})


@pytest.mark.parametrize("engine", ENGINES)
def test_values_that_only_fade_or_move_are_written_again(stores: Stores, engine: str) -> None:
    """No row is new and none enters or leaves: decayed values and the windows of a series move all the same.

    The created times make the run look for what has changed, and say that it is no row.
    """
    noon, hour = datetime(2024, 5, 1, 12, tzinfo=UTC), timedelta(hours=1)
    instants = pa.array([noon], pa.timestamp("us", "UTC"))
    table = pa.table({"k": [1], "at": instants, "made": instants, "x": [8.0]})
    view = fs.FeatureView(
        "view",
        entities=[fs.Entity("e", join_keys={"k": fs.Int64})],
        source=fs.InMemorySource("s", data=table, event_timestamp="at", created_timestamp="made"),
        features=[
            fs.Aggregation("x", "decayed_sum(1h)", ["10h", fs.LIFETIME]),
            fs.Aggregation("x", "sum", "1h", series=3),
        ],
    )
    with stores.open(engine, stores.new_project()) as store:
        store.apply([view])
        store.materialize(end=noon)
        for hours, faded, series in (
            (1, 4.0, [0.0, 8.0, 0.0]),
            (2, 2.0, [8.0, 0.0, 0.0]),
            (3, 1.0, [0.0] * 3),
        ):
            store.materialize_incremental(end=noon + hours * hour, overlap=timedelta(0))
            (row,) = store.get_online_features("view", [{"k": 1}], now=noon + hours * hour).to_dicts()
            assert row["x_decayed_sum_1h_10h"] == row["x_decayed_sum_1h_lifetime"] == faded
            assert row["x_sum_1h_series_3"] == series
