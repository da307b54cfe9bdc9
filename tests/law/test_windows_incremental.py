"""Rule 8 for aggregations: after any runs over a source that changes, incremental is full, and both the law's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import featurestore as fs
from featurestore.testing.compare import exact
from tests.law.histories import (
    KEY_TYPES,
    MINUTE,
    NOON,
    OVERLAP,
    A,
    B,
    Row,
    keys,
    minutes,
    seldom_null,
    values,
    write,
)
from tests.law.stores import ENGINES, Stores

pytestmark = pytest.mark.timeout(900)
LATER = (0 * MINUTE, timedelta(microseconds=1), MINUTE, 2 * MINUTE, 3 * MINUTE)
WINDOWS: tuple[Any, ...] = (timedelta(microseconds=1), MINUTE, 2 * MINUTE, fs.LIFETIME)
FUNCTIONS = {"n": ("sum", "max", "last", "count_distinct"), "x": ("count", "min", "mean", "last_n(2)")}


@st.composite
def aggregations(draw: st.DrawFn, number: int) -> fs.Aggregation:
    column = draw(st.sampled_from(["*", *FUNCTIONS]))
    return fs.Aggregation(
        column,
        "count" if column == "*" else draw(st.sampled_from(FUNCTIONS[column])),
        draw(st.sampled_from(WINDOWS)),
        name=f"f{number}",
        where=draw(st.sampled_from([None, None, "n > 0", "x IS NULL"])),
        offset=draw(st.sampled_from([0 * MINUTE, 0 * MINUTE, MINUTE])),
    )


@st.composite
def views(draw: st.DrawFn, path: Path) -> fs.FeatureView:
    names = draw(st.sampled_from([["a"], ["a"], ["a", "b"], []]))
    source = fs.ParquetSource(
        "source",
        path=str(path),
        event_timestamp="at",
        created_timestamp=draw(st.sampled_from([None, "made", "made"])),
        available_at=draw(st.sampled_from([None, None, "seen"])),
        event_id=draw(st.sampled_from([None, None, "id"])),
        delay=draw(st.sampled_from([None, None, MINUTE])),
    )
    return fs.FeatureView(
        "view",
        entities=[fs.Entity("e", join_keys={k: KEY_TYPES[k] for k in names})] if names else [],
        source=source,
        features=[draw(aggregations(number)) for number in range(draw(st.integers(1, 3)))],
        schedule=draw(st.sampled_from([None, None, None, fs.Schedule(every=2 * MINUTE, lag=MINUTE)])),
        max_staleness=draw(st.sampled_from([None, 3 * MINUTE])),
    )


@st.composite
def rows_at(draw: st.DrawFn, came: datetime | None) -> Row:
    """A row; `came` is when it was written, if its times are to say so."""
    times = seldom_null(minutes()) if came is None else seldom_null(st.just(came))
    available = times if came is None else st.just(came)
    columns = {**keys(), "at": seldom_null(minutes()), "made": times, "seen": available}
    row: Row = draw(st.fixed_dictionaries({**columns, "id": st.sampled_from([None, 1, 2])}))
    return {**row, **draw(values())}


def asked(view: fs.FeatureView) -> list[Row]:
    rows: list[Row] = [{}]
    for name in view.join_keys:
        rows = [{**row, name: key} for row in rows for key in {"a": (*A, -1), "b": (*B, "unknown")}[name]]
    return rows


def everything(store: fs.FeatureStore, view: fs.FeatureView, now: datetime) -> object:
    answer = store.get_online_features("view", asked(view), now=now)
    columns = [(name, exact(column)) for name, column in answer.to_dict().items()]
    return columns, answer.statuses, answer.event_timestamps


@pytest.mark.parametrize("engine", ENGINES)
@settings(max_examples=8)
@given(data=st.data())
def test_incremental_is_full(stores: Stores, engine: str, data: st.DataObject) -> None:
    projects = [stores.new_project(), stores.new_project()]
    path = stores.folder / f"{projects[0]}.parquet"
    view, rows = data.draw(views(path)), data.draw(st.lists(rows_at(None), min_size=1, max_size=8))
    write(rows, path)
    end = NOON + data.draw(st.integers(-1, 4)) * MINUTE
    with stores.open(engine, projects[0]) as store, stores.open(engine, projects[1]) as fresh:
        store.apply([view])
        fresh.apply([view])
        store.materialize(end=end)
        for _ in range(data.draw(st.integers(1, 5), label="runs")):
            told = view.source.created_timestamp is not None or view.source.available_at is None
            came = datetime.now(UTC) - data.draw(st.sampled_from([timedelta(0), OVERLAP - 15 * MINUTE]))
            for row in data.draw(st.lists(rows_at(came), max_size=3)):
                if rows and data.draw(st.sampled_from([True, False]), label="corrects"):
                    row |= {name: data.draw(st.sampled_from(rows))[name] for name in ("a", "b", "at", "id")}
                if told and view.source.available_at is not None:
                    row["seen"] = data.draw(minutes(), label="seen")
                rows.append(row)
            write(rows, path)
            end += data.draw(st.sampled_from(LATER), label="later by")
            store.materialize_incremental(end=end, overlap=OVERLAP)
            fresh.materialize(end=end)
            for now in (end, end + data.draw(st.sampled_from(LATER), label="read later by")):
                assert everything(store, view, now) == everything(fresh, view, now)
