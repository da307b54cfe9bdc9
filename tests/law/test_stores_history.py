"""Rule 8 over time: after any history of a source, its pushes and its runs, online is what the law allows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import featurestore as fs
from featurestore.errors import RequestError
from featurestore.frames.types import arrow_type
from featurestore.testing import oracle
from featurestore.testing.compare import exact
from tests.law.histories import (
    FEATURES,
    KEY_TYPES,
    MICROSECOND,
    MINUTE,
    NOON,
    OVERLAP,
    A,
    B,
    Expected,
    Row,
    keys,
    minutes,
    seldom_null,
    ttls,
    values,
    views,
    write,
)
from tests.law.stores import ENGINES, Stores

pytestmark = pytest.mark.timeout(900)
LONG_AGO = NOON + timedelta(days=1)
LATER = (0 * MINUTE, MICROSECOND, MINUTE, MINUTE, 3 * MINUTE, 2000 * MINUTE)


class History:
    """A source that is written, a store that is filled from it and pushed to, and a reader."""

    def __init__(self, data: st.DataObject, store: fs.FeatureStore, path: Path) -> None:
        self.data = data
        self.store = store
        self.path = path
        self.expected = Expected(self.draw("view", views(path)))
        self._pushes = 1000

    def draw(self, label: str, strategy: st.SearchStrategy[Any]) -> Any:
        return self.data.draw(strategy, label=label)

    def begin(self) -> None:
        """Before the first run, created and available times may be anything."""
        times = seldom_null(minutes())
        for row in self.draw("rows", st.lists(_rows(times, times), min_size=1, max_size=6)):
            self.expected.add(row)
        self._write()
        self.store.apply([self.expected.view])
        self._run(NOON + self.draw("end", st.integers(-1, 4)) * MINUTE, full=True)

    # ---------------------------------------------------------------------------------------------- steps

    def materialize(self) -> None:
        """Some rows have come, and there is a run."""
        self._add(self.draw("how many", st.sampled_from([0, 0, 1, 3])))
        self._write()
        end = self.expected.end + self.draw("later by", st.sampled_from(LATER))
        needs_clock = self.expected.view.source.available_at is not None
        if end > LONG_AGO or self.draw("by the clock", st.sampled_from([False] * 5 + [needs_clock] * 2)):
            end = datetime.now(UTC)
        self._run(end, full=self.draw("full", st.sampled_from([False, False, True])))

    def add(self) -> None:
        """Reads see nothing of it before the next run."""
        self._add(1)
        self._write()

    def remove(self) -> None:
        if self.expected.rows:
            self.expected.remove(self.draw("removed", st.sampled_from(list(self.expected.rows))))
            self._write()

    def push(self) -> None:
        view = self.expected.view
        rows = self.draw("pushed", st.lists(_pushed_rows(), min_size=1, max_size=3))
        self._pushes += 1
        named = [{**row, **self._pushed_values(row)} for row in rows]
        if view.schedule is not None or view.source.effective_delay:
            with pytest.raises(RequestError, match="does not take pushes"):
                self.store.push("view", named)
            return
        self.store.push("view", named)
        self.expected.pushed.push(named, now=datetime.now(UTC))

    def delete(self) -> None:
        row = {
            name: self.draw(name, st.sampled_from({"a": A, "b": B}[name][:2])) for name in self._join_keys()
        }
        if row:
            self.store.delete_online("view", [row])
            self.expected.delete(tuple(row.values()))

    def change_the_view(self) -> None:
        more = [fs.Feature("s", fs.String)] if self.draw("more", st.booleans()) else []
        view = fs.FeatureView(
            "view", entities=self.expected.view.entities, source=self.expected.view.source,
            features=[*FEATURES, *more], ttl=self.draw("ttl", ttls()), schedule=self.expected.view.schedule,
        )  # fmt: skip
        newest = self.expected.pending or self.expected.view
        plan = self.store.apply([view])
        assert len(plan.changes) == int(view.values_payload() != newest.values_payload())
        if plan.changes:
            self.expected.pending = view

    def read(self) -> None:
        self.check(self.draw("now", minutes()), self.draw("form", st.sampled_from([list, dict, pa.Table])))

    def train(self) -> None:
        """The file was rewritten under the engine, which must not remember what it held before."""
        view, at = self.expected.view, self.draw("at", minutes())
        entities = [{**row, "event_timestamp": at} for row in self._asked()]
        columns = _key_columns(entities, view)
        columns["event_timestamp"] = pa.array([at] * len(entities), pa.timestamp("us", "UTC"))
        found = self.store.get_historical_features(pa.table(columns), view).to_arrow()
        wanted = oracle.historical(view, list(self.expected.rows.values()), entities)
        names = [feature.name for feature in view.features]
        assert [[exact(row[name]) for name in names] for row in found.to_pylist()] == [
            [exact(row[name]) for name in names] for row in wanted
        ]

    # --------------------------------------------------------------------------------------------- checks

    def check(self, now: datetime, form: type = list) -> None:
        """Every entity's values, statuses and event are among those that the law allows."""
        asked = self._asked()
        answer = self.store.get_online_features("view", self._given(asked, form), now=now)
        found, table, view = answer.to_dict(), answer.to_arrow(), self.expected.view
        assert table.schema.names == [*view.join_keys, *(feature.name for feature in view.features)]
        for feature in view.features:
            assert table.schema.field(feature.name).type == arrow_type(feature.dtype)
            assert exact(table[feature.name].to_pylist()) == exact(found[feature.name])
        for index, row in enumerate(asked):
            event = answer.event_timestamps["view"][index]
            given = _shown(
                {f.name: found[f.name][index] for f in view.features},
                {f.name: answer.statuses[f.name][index] for f in view.features},
                oracle.entity_instant(event),
            )
            allowed = self.expected.answers(tuple(row.values()), now)
            assert given in [_shown(a.values, a.statuses, a.event) for a in allowed], f"{row} at {now}"

    # --------------------------------------------------------------------------------------------- the rest

    def _add(self, count: int) -> None:
        """Rows that are new, late, or correct another one; their times say honestly when they came."""
        source = self.expected.view.source
        told = source.created_timestamp is not None or source.available_at is None
        for _ in range(count):
            ago = self.draw("ago", st.sampled_from([timedelta(0), MINUTE, OVERLAP - 15 * MINUTE]))
            came = datetime.now(UTC) - ago
            available = minutes() if told else st.just(came)
            row = self.draw("row", _rows(seldom_null(st.just(came)), available))
            if self.expected.rows and self.draw("corrects", st.booleans()):
                old = self.draw("corrected", st.sampled_from(list(self.expected.rows.values())))
                row |= {name: old[name] for name in ("a", "b", "at", "id")}
            self.expected.add(row)

    def _run(self, end: datetime, *, full: bool) -> None:
        if full:
            [report] = self.store.materialize(end=end)
        else:
            [report] = self.store.materialize_incremental(end=end, overlap=OVERLAP)
        assert report.end == end
        self.expected.materialize(end=end, full=full)

    def _write(self) -> None:
        write(list(self.expected.rows.values()), self.path)

    def _join_keys(self) -> list[str]:
        return list(self.expected.view.join_keys)

    def _asked(self) -> list[Row]:
        rows: list[Row] = [{}]
        for name in self._join_keys():
            pool: tuple[object, ...] = {"a": (*A, -1), "b": (*B, "unknown")}[name]
            rows = [{**row, name: value} for row in rows for value in pool]
        return rows

    def _given(self, rows: list[Row], form: type) -> Any:
        if form is list or not rows[0]:
            return rows
        if form is dict:
            return {name: [row[name] for row in rows] for name in rows[0]}
        return pa.table(_key_columns(rows, self.expected.view))

    def _pushed_values(self, row: Row) -> Row:
        """Rows with one event and created timestamp are equal: of others the law says which is the newest."""
        number = self._pushes
        if self.expected.view.source.created_timestamp is not None and row["made"] is not None:
            number = (row["made"] - row["at"]) // MICROSECOND
        return {"n": number, "x": float(number), "s": str(number)}


def _key_columns(rows: list[Row], view: fs.FeatureView) -> dict[str, pa.Array]:
    return {
        name: pa.array([row[name] for row in rows], arrow_type(KEY_TYPES[name])) for name in view.join_keys
    }


def _rows(
    created: st.SearchStrategy[datetime | None], available: st.SearchStrategy[datetime | None]
) -> st.SearchStrategy[Row]:
    times = {"at": seldom_null(minutes()), "made": created, "seen": available}
    event_id = st.sampled_from([None, 1, 2])
    columns = st.fixed_dictionaries({**keys(), **times, "id": event_id})
    return st.tuples(columns, values()).map(lambda parts: {**parts[0], **parts[1]})


def _pushed_rows() -> st.SearchStrategy[Row]:
    """The available time of a pushed row says nothing: it is there."""
    created = st.one_of(st.none(), minutes())
    known = {name: strategy.filter(lambda key: key is not None) for name, strategy in keys().items()}
    return st.fixed_dictionaries(
        {**known, "at": minutes(), "made": created, "seen": st.just(NOON), "id": st.just(None)}
    )


def _shown(values: Any, statuses: Any, event: int | None) -> object:
    return [(name, exact(value), str(statuses[name])) for name, value in values.items()], event


STEPS = [
    *[History.materialize] * 5, *[History.push] * 3, History.add, History.remove, History.delete,
    History.change_the_view, History.read, History.train,
]  # fmt: skip


@pytest.mark.parametrize("engine", ENGINES)
@settings(max_examples=15)
@given(data=st.data())
def test_histories(stores: Stores, engine: str, data: st.DataObject) -> None:
    project = stores.new_project()
    with stores.open(engine, project) as store:
        history = History(data, store, stores.folder / f"{project}.parquet")
        history.begin()
        for _ in range(data.draw(st.integers(4, 12), label="steps")):
            step = data.draw(st.sampled_from(STEPS), label="step")
            step(history)
            history.check(history.expected.end)
            history.check(datetime.now(UTC))
