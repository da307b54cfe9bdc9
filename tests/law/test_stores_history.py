"""Rule 8 over time: after any history of a source, its pushes and its runs, online is what the law allows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import featurestore as fs
from featurestore.frames.types import arrow_type
from featurestore.testing import oracle
from featurestore.testing.compare import exact
from tests.law.histories import (
    KEY_TYPES,
    MINUTE,
    NOON,
    OVERLAP,
    A,
    B,
    Expected,
    Row,
    minutes,
    ttls,
    values,
    views,
    write,
)
from tests.law.stores import ENGINES, ONLINE, Stores

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(params=ONLINE, scope="module")
def stores(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Stores:
    folder = tmp_path_factory.mktemp("history")
    online = f"sqlite:///{folder}/online.db"
    if request.param == "redis":
        online = request.getfixturevalue("redis_server").url
    return Stores(folder, online)


class History(RuleBasedStateMachine):
    """A source that is written, a store that is filled from it and pushed to, and a reader."""

    def __init__(self, stores: Stores, engine: str) -> None:
        super().__init__()
        project = stores.new_project()
        self.store = stores.open(engine, project)
        self.path = stores.folder / f"{project}.parquet"
        self.expected: Expected

    def teardown(self) -> None:
        self.store.close()
        self.path.unlink(missing_ok=True)

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        """Before the first run, created and available times may be anything."""
        self.expected = Expected(data.draw(views(self.path), label="view"))
        some = st.one_of(st.none(), minutes())
        for row in data.draw(st.lists(self._rows(some, some), max_size=6), label="rows"):
            self.expected.add(row)
        self._write()
        self.store.apply([self.expected.view])
        if data.draw(st.integers(0, 9), label="materialized") > 0:
            self._run(data.draw(minutes(), label="end"), full=True)

    @rule(data=st.data())
    def add(self, data: st.DataObject) -> None:
        self._add(data, most=1)
        self._write()

    @precondition(lambda self: self.expected.rows)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        self.expected.remove(data.draw(st.sampled_from(list(self.expected.rows))))
        self._write()

    @rule(
        data=st.data(),
        full=st.sampled_from([False, False, True]),
        by_the_clock=st.sampled_from([False, False, False, True]),
    )
    def materialize(self, data: st.DataObject, full: bool, by_the_clock: bool) -> None:
        """Some rows have come, often, and then there is a run."""
        self._add(data, most=3)
        self._write()
        if self.expected.view.source.available_at is not None:
            by_the_clock = data.draw(st.booleans(), label="by the clock")
        end = data.draw(minutes(), label="end")
        end = max(end, self.expected.end or end)
        self._run(datetime.now(UTC) if by_the_clock or end > NOON + timedelta(days=1) else end, full=full)

    @precondition(lambda self: self.expected.end is not None)
    @rule(data=st.data())
    def push(self, data: st.DataObject) -> None:
        view = self.expected.view
        rows = data.draw(
            st.lists(self._pushed_rows(), min_size=1, max_size=3, unique_by=repr), label="pushed"
        )
        number = next(_counter)
        named = [{**row, **self._values(row, number)} for row in rows]
        if view.schedule is not None or view.source.effective_delay:
            with pytest.raises(fs.errors.RequestError, match="does not take pushes"):
                self.store.push("view", named)
            return
        self.store.push("view", named)
        self.expected.pushed.push(named, now=datetime.now(UTC))

    @precondition(lambda self: self.expected.end is not None)
    @rule(a=st.sampled_from(A[:2]), b=st.sampled_from(B[:2]))
    def delete(self, a: int, b: str) -> None:
        row = {name: {"a": a, "b": b}[name] for name in self.expected.view.join_keys}
        if row:
            self.store.delete_online("view", [row])
            self.expected.delete([tuple(row.values())])

    @precondition(lambda self: self.expected.end is not None)
    @rule(ttl=ttls(), more=st.booleans())
    def new_version(self, ttl: timedelta | None, more: bool) -> None:
        features = [fs.Feature("n", fs.Int64), fs.Feature("x", fs.Float64)]
        features += [fs.Feature("s", fs.String)] if more else []
        view = fs.FeatureView(
            "view", entities=self.expected.view.entities, source=self.expected.view.source,
            features=features, ttl=ttl, schedule=self.expected.view.schedule,
        )  # fmt: skip
        plan = self.store.apply([view])
        newest = self.expected.pending or self.expected.view
        assert len(plan.changes) == int(view.values_payload() != newest.values_payload())
        if plan.changes:
            self.expected.pending = view

    @precondition(lambda self: self.expected.end is not None)
    @rule(now=minutes(), form=st.sampled_from([list, dict, pa.Table]))
    def read(self, now: datetime, form: type) -> None:
        self._check(now, form)

    @rule(at=minutes())
    def train(self, at: datetime) -> None:
        """The file was rewritten under the engine, which must not remember what it held before."""
        view = self.expected.view
        entities = [{**row, "event_timestamp": at} for row in self._asked(with_null=True)]
        types = {name: arrow_type(KEY_TYPES[name]) for name in view.join_keys}
        columns = {name: pa.array([row[name] for row in entities], t) for name, t in types.items()}
        columns["event_timestamp"] = pa.array([at] * len(entities), pa.timestamp("us", "UTC"))
        found = self.store.get_historical_features(pa.table(columns), view).to_arrow()
        wanted = oracle.historical(view, list(self.expected.rows.values()), entities)
        assert [exact(list(row.values())) for row in found.select(list(wanted[0])).to_pylist()] == [
            exact(list(row.values())) for row in wanted
        ]

    @invariant()
    def online_is_what_the_law_allows(self) -> None:
        if self.expected.end is not None:
            self._check(self.expected.end, list)
            self._check(datetime.now(UTC), dict)

    # ------------------------------------------------------------------------------------------- the rest

    def _add(self, data: st.DataObject, *, most: int) -> None:
        """Rows that are new, late, or correct another one; their times say honestly when they came."""
        source = self.expected.view.source
        told = source.created_timestamp is not None or source.available_at is None
        for _ in range(data.draw(st.integers(1, most), label="how many")):
            ago = data.draw(st.sampled_from([timedelta(0), MINUTE, OVERLAP - 15 * MINUTE]), label="ago")
            came = datetime.now(UTC) - ago
            available = minutes() if told else st.just(came)
            row = data.draw(self._rows(st.sampled_from([None, came, came]), available), label="row")
            if self.expected.rows and data.draw(st.booleans(), label="corrects"):
                old = data.draw(st.sampled_from(list(self.expected.rows.values())), label="corrected")
                row |= {name: old[name] for name in ("a", "b", "at", "id")}
            self.expected.add(row)

    def _run(self, end: datetime, *, full: bool) -> None:
        if full:
            [report] = self.store.materialize(end=end)
        else:
            [report] = self.store.materialize_incremental(end=end, overlap=OVERLAP)
        assert report.end == end
        self.expected.materialize(end=end, full=full)

    def _check(self, now: datetime, form: type) -> None:
        asked = self._asked(with_null=True)
        answer = self.store.get_online_features("view", self._given(asked, form), now=now)
        found, table = answer.to_dict(), answer.to_arrow()
        view = self.expected.view
        assert table.schema.names == [*view.join_keys, *(feature.name for feature in view.features)]
        assert [table.schema.field(f.name).type for f in view.features] == [
            arrow_type(f.dtype) for f in view.features
        ]
        for index, row in enumerate(asked):
            events = answer.event_timestamps["view"][index]
            got = _shown(
                {f.name: found[f.name][index] for f in view.features},
                {f.name: answer.statuses[f.name][index] for f in view.features},
                oracle.entity_instant(events),
            )
            arrow = {f.name: table[f.name][index].as_py() for f in view.features}
            assert exact(list(arrow.values())) == exact([found[name][index] for name in arrow])
            allowed = self.expected.answers(tuple(row.values()), now)
            assert got in [_shown(a.values, a.statuses, a.event) for a in allowed], f"{row} at {now}"

    def _asked(self, *, with_null: bool) -> list[Row]:
        rows: list[Row] = [{}]
        for name in self.expected.view.join_keys:
            pool: tuple[object, ...] = {"a": (*A, -1), "b": (*B, "unknown")}[name]
            rows = [{**row, name: value} for row in rows for value in pool]
        return rows

    def _given(self, rows: list[Row], form: type) -> Any:
        if form is list or not rows[0]:
            return rows
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        if form is dict:
            return columns
        return pa.table({name: pa.array(v, arrow_type(KEY_TYPES[name])) for name, v in columns.items()})

    def _rows(
        self, created: st.SearchStrategy[datetime | None], available: st.SearchStrategy[datetime | None]
    ) -> st.SearchStrategy[Row]:
        times = {"at": st.one_of(minutes(), minutes(), st.none()), "made": created, "seen": available}
        keys = {"a": st.sampled_from(A), "b": st.sampled_from(B), "id": st.sampled_from([None, 1, 2])}
        return st.tuples(st.fixed_dictionaries({**keys, **times}), values()).map(lambda p: {**p[0], **p[1]})

    def _pushed_rows(self) -> st.SearchStrategy[Row]:
        a, b = st.sampled_from(A[:2]), st.sampled_from(B[:2])
        created = st.one_of(st.none(), minutes())
        # The available time of a pushed row says nothing: it is there.
        return st.fixed_dictionaries(
            {"a": a, "b": b, "at": minutes(), "made": created, "seen": st.just(NOON), "id": st.just(None)}
        )

    def _values(self, row: Row, number: int) -> Row:
        """Rows with one event and created timestamp are equal: of others the law says which is the newest."""
        if self.expected.view.source.created_timestamp is not None and row["made"] is not None:
            number = hash((row["at"], row["made"])) % 1000
        return {"n": number, "x": float(number), "s": str(number)}

    def _write(self) -> None:
        write(list(self.expected.rows.values()), self.path)


_counter = iter(range(1000, 10**9))


def _shown(values: Any, statuses: Any, event: int | None) -> object:
    return [(name, exact(value), str(statuses[name])) for name, value in values.items()], event


@pytest.mark.parametrize("engine", ENGINES)
def test_histories(stores: Stores, engine: str) -> None:
    machine: Any = partial(History, stores, engine)
    run_state_machine_as_test(machine, settings=settings(max_examples=25, stateful_step_count=12))
