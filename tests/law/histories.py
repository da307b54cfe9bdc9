"""A view whose source changes, and what may be read from it online: the oracle's side of a history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

import featurestore as fs
from featurestore.testing import oracle
from featurestore.testing.oracle.history import effective_time, existing_rows
from featurestore.testing.oracle.times import microseconds

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MICROSECOND = timedelta(microseconds=1)
OVERLAP = timedelta(hours=1)
Key = tuple[object, ...]
Row = dict[str, Any]

_INSTANT = pa.timestamp("us", "UTC")
COLUMNS = {
    "a": pa.int64(), "b": pa.string(), "at": _INSTANT, "made": _INSTANT, "seen": _INSTANT, "id": pa.int64(),
    "n": pa.int64(), "x": pa.float64(), "s": pa.string(),
}  # fmt: skip
KEY_TYPES = {"a": fs.Int64, "b": fs.String}
A, B = (1, 2**53 + 1, None), ("", "5", None)
FEATURES = (fs.Feature("n", fs.Int64), fs.Feature("x", fs.Float64))


def minutes() -> st.SearchStrategy[datetime]:
    """Few instants, so that events, runs and reads meet at the same one."""
    shift = st.sampled_from([timedelta(0)] * 4 + [MICROSECOND, -MICROSECOND])
    return st.builds(lambda minute, by: NOON + minute * MINUTE + by, st.integers(0, 7), shift)


def keys() -> dict[str, st.SearchStrategy[Any]]:
    """The join keys' columns: few entities, most rows belong to the first."""
    return {"a": st.sampled_from([A[0], A[0], *A]), "b": st.sampled_from([B[0], B[0], *B])}


def seldom_null(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.sampled_from([True] * 7 + [False]).flatmap(lambda given: strategy if given else st.none())


def values() -> st.SearchStrategy[Row]:
    """The features' columns."""
    return st.fixed_dictionaries(
        {
            "n": st.sampled_from([None, 0, 7, 2**53 + 1]),
            "x": st.sampled_from([None, 0.0, -0.0, float("nan"), 1.5]),
            "s": st.sampled_from([None, "", "late"]),
        }
    )


@st.composite
def views(draw: st.DrawFn, path: Path) -> fs.FeatureView:
    """A view over the file, with any mixture of what decides which row it shows, and when."""
    names = draw(st.sampled_from([["a"], ["a"], ["a", "b"], []]))
    source = fs.ParquetSource(
        "source",
        path=str(path),
        event_timestamp="at",
        created_timestamp=draw(st.sampled_from([None, "made", "made"])),
        available_at=draw(st.sampled_from([None, None, "seen"])),
        event_id=draw(st.sampled_from([None, None, "id"])),
        delay=draw(st.sampled_from([None, None, None, MINUTE])),
    )
    return fs.FeatureView(
        "view",
        entities=[fs.Entity("e", join_keys={k: KEY_TYPES[k] for k in names})] if names else [],
        source=source,
        features=FEATURES,
        ttl=draw(ttls()),
        schedule=draw(st.sampled_from([None, None, None, None, fs.Schedule(every=3 * MINUTE, lag=MINUTE)])),
    )


def ttls() -> st.SearchStrategy[timedelta | None]:
    return st.sampled_from([None, MICROSECOND, 2 * MINUTE, timedelta(days=10_000)])


def write(rows: Sequence[Row], path: Path) -> None:
    """The rows as the source's file."""
    table = pa.table({name: pa.array([row[name] for row in rows], t) for name, t in COLUMNS.items()})
    pq.write_table(table, path)


@dataclass
class Expected:
    """What may be read online, by the law of time, after each step of a history.

    Rows that are removed from the source, and deletions, need not be noticed by an incremental run: then
    an entity may have any of several materialized rows.

    Attributes:
        end: of the last run.
        rows: of the source, by number; numbers are never used again.
        pending: a version that is applied and not yet filled.
    """

    view: fs.FeatureView
    rows: dict[int, Row] = field(default_factory=dict)
    pending: fs.FeatureView | None = None
    end: datetime = NOON
    pushed: oracle.PushedView = field(init=False)
    _possible: dict[Key, list[oracle.Latest | None]] = field(default_factory=dict)
    _unsure: set[Key] = field(default_factory=set)
    _seen: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.pushed = oracle.PushedView(self.view)

    def add(self, row: Row) -> None:
        self.rows[max(self.rows, default=0) + 1] = row

    def remove(self, number: int) -> None:
        self._unsure.add(self.key(self.rows.pop(number)))

    def delete(self, key: Key) -> None:
        self.pushed.pushed.pop(key, None)
        self._possible[key] = [None]
        self._unsure.add(key)

    def key(self, row: Row) -> Key:
        return tuple(row[name] for name in self.view.join_keys)

    def materialize(self, *, end: datetime, full: bool) -> None:
        """A run from its begin to its end, with nothing in between."""
        full = full or self.pending is not None
        if self.pending is not None:
            self.view, self.pending = self.pending, None
            self.pushed = oracle.PushedView(self.view)
        must = self._must_be_noticed(end)
        run = self.pushed.begin(list(self.rows.values()), end=end)
        self.pushed.publish(run)
        if full:
            self._possible, self._unsure = {}, set()
        for key in {*run.rows, *self._possible}:
            row = run.rows.get(key)
            noticed = key in must or key not in self._unsure
            self._possible[key] = [row] if noticed else [*self._possible.get(key, [None]), row]
        self._seen = set(self.rows)
        self.end = end

    def answers(self, key: Key, now: datetime) -> list[oracle.Answer]:
        """All answers that a read may give."""
        asked = dict(zip(self.view.join_keys, key, strict=True))
        found = []
        for row in self._possible.get(key, [None]):
            self.pushed.materialized = {} if row is None else {key: row}
            found += self.pushed.read([asked], now=now)
        return found

    def _must_be_noticed(self, end: datetime) -> set[Key]:
        """Entities with a row that is new, or was not yet visible at the end of the last run, and is now."""
        delay = microseconds(self.view.source.effective_delay)
        before, after = (
            effective_time(self.view.schedule, oracle.entity_instant(t) or 0) for t in (self.end, end)
        )
        changed = set()
        for number, row in self.rows.items():
            for read in existing_rows(self.view, [row], None):
                visible_from = read.visible_from(delay)
                if visible_from <= after and (number not in self._seen or visible_from > before):
                    changed.add(read.key)
        return changed
