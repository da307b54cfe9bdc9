"""What is expected of a source's rows as such: that some arrived, that they are fresh, that none is there twice."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from featurestore.definitions.expectation import Expectation
from featurestore.definitions.expectations import Freshness, RowsArrived, UniqueKeys
from featurestore.definitions.instants import duration_to_microseconds, from_microseconds
from featurestore.expectations.kept import MOST_KEPT, KeptRows, RowShape
from featurestore.expectations.result import outcome, skipped
from featurestore.protocols.expectations import CheckResult
from featurestore.protocols.offline import (
    EVENT_COLUMN,
    VISIBLE_COLUMN,
    Changes,
    OfflineEngine,
    ViewPlan,
)
from featurestore.sources.wanted import effective

if TYPE_CHECKING:
    import polars as pl

_LOOKED_AT: Final = 10_000
"""So many hashes that come twice are looked up, to count the rows exactly."""
_COUNT: Final = "__fs_count"


@dataclass(frozen=True)
class Instant:
    """When a view is looked at.

    Attributes:
        at: microseconds.
        since: the instant of the last successful run, None before the first.
        changes: of an incremental run, which entities it looks at.
    """

    at: int
    since: int | None = None
    changes: Changes | None = None


@dataclass
class _Found:
    rows: int = 0
    arrived: int = 0
    latest: int | None = None
    hashes: list[npt.NDArray[np.uint64]] = field(default_factory=list)


class RowChecks:
    """Carries them out, in one pass over the keys and times of the visible rows.

    Args:
        engine: reads them.
        plan: of the view.
        instant: when.
        kept: where failing rows go.
        personal: join keys that are not kept.
    """

    def __init__(
        self,
        engine: OfflineEngine,
        plan: ViewPlan,
        instant: Instant,
        kept: KeptRows,
        personal: Collection[str] = (),
    ) -> None:
        self._engine = engine
        self._plan = plan.without_features()
        self._instant = instant
        self._kept = kept
        self._shape = RowShape(
            {key.name: key.name for key in plan.keys if key.name not in personal}, EVENT_COLUMN, {}
        )

    def results(self, expectations: list[Expectation]) -> list[CheckResult]:
        """How they came out.

        Raises:
            SourceError: if the source cannot be read.
        """
        if not expectations:
            return []
        hashed = any(isinstance(expectation, UniqueKeys) for expectation in expectations)
        found = self._scan(self._instant.changes, hashed=hashed)
        return [self._result(expectation, found) for expectation in expectations]

    def _result(self, expectation: Expectation, found: _Found) -> CheckResult:
        if isinstance(expectation, RowsArrived):
            return self._arrived(expectation, found)
        if isinstance(expectation, Freshness):
            latest = found.latest
            if self._instant.changes is not None and not is_fresh(expectation, latest, self._instant.at):
                # Entities that have not changed may have the latest event.
                latest = self._scan(None, hashed=False).latest
            return freshness(expectation, latest, self._instant.at)
        return self._unique(expectation, found)

    def _batches(self, changes: Changes | None) -> Iterator[pa.RecordBatch]:
        return self._engine.visible_rows(view=self._plan, at=self._instant.at, changes=changes)

    def _scan(self, changes: Changes | None, *, hashed: bool) -> _Found:
        found, since = _Found(), self._since()
        for batch in self._batches(changes):
            if not batch.num_rows:
                continue
            found.rows += batch.num_rows
            if since is not None:
                found.arrived += pc.sum(pc.greater(batch.column(VISIBLE_COLUMN), since)).as_py()
            latest = pc.max(batch.column(EVENT_COLUMN)).as_py()
            found.latest = latest if found.latest is None else max(found.latest, latest)
            if hashed:
                found.hashes.append(self._hashes(batch))
        return found

    def _since(self) -> int | None:
        return None if self._instant.since is None else effective(self._instant.since, self._plan.grid)

    def _arrived(self, expectation: RowsArrived, found: _Found) -> CheckResult:
        since, until = self._since(), effective(self._instant.at, self._plan.grid)
        if since is None:
            return outcome(
                expectation, found.rows >= expectation.at_least, f"{found.rows:,} rows", rows=found.rows
            )
        if since == until:
            what = "instant" if self._plan.grid is None else "instant of the schedule"
            return skipped(expectation, f"the last run was for the same {what}")
        when = from_microseconds(since).isoformat()
        text = f"{found.arrived:,} new rows since {when}"
        return outcome(expectation, found.arrived >= expectation.at_least, text, rows=found.arrived)

    def _unique(self, expectation: Expectation, found: _Found) -> CheckResult:
        hashes = np.sort(np.concatenate(found.hashes)) if found.hashes else np.empty(0, np.uint64)
        twice = hashes[1:][hashes[1:] == hashes[:-1]]
        several = np.unique(twice)
        failing = 0
        if len(several):
            groups = self._groups(several[:_LOOKED_AT])
            self._keep(expectation, groups)
            counted = pc.sum(groups.column(_COUNT)).as_py() or 0
            # Beyond what was looked up, rows with equal hashes are taken as equal.
            failing = counted if len(several) <= _LOOKED_AT else len(twice) + len(several)
        text = f"{failing:,} of {found.rows:,} rows share them with another one"
        return outcome(expectation, not failing, text, rows=found.rows, failing=failing)

    def _groups(self, several: npt.NDArray[np.uint64]) -> pa.Table:
        """Rows that are there more than once, each of them once, and how often."""
        import polars as pl

        tables = []
        for batch in self._batches(self._instant.changes):
            hashes = self._hashes(batch)
            places = np.minimum(np.searchsorted(several, hashes), len(several) - 1)
            rows = batch.filter(pa.array(several[places] == hashes)).drop_columns(VISIBLE_COLUMN)
            tables.append(pa.Table.from_batches([rows]))
        table = pa.concat_tables(tables)
        frame = pl.DataFrame(pl.from_arrow(table))
        counted = frame.group_by(pl.all(), maintain_order=True).agg(pl.len().cast(pl.Int64).alias(_COUNT))
        found = counted.filter(pl.col(_COUNT) > 1).to_arrow()
        return found.cast(table.schema.append(pa.field(_COUNT, pa.int64())))

    def _keep(self, expectation: Expectation, groups: pa.Table) -> None:
        for batch in groups.slice(0, MOST_KEPT).combine_chunks().to_batches():
            rows = self._shape.of(batch, None, self._kept.column("event_timestamp"))
            self._kept.add(
                expectation.name, rows.append_column(self._kept.column("rows"), batch.column(_COUNT))
            )

    def _hashes(self, batch: pa.RecordBatch) -> npt.NDArray[np.uint64]:
        found: Any = _to_frame(batch.drop_columns(VISIBLE_COLUMN)).hash_rows(seed=0).to_numpy()
        return np.asarray(found, np.uint64)


def _to_frame(batch: pa.RecordBatch) -> pl.DataFrame:
    # Not at the top: a process that only serves does without Polars.
    import polars as pl

    return pl.DataFrame(pl.from_arrow(pa.Table.from_batches([batch])))


def is_fresh(expectation: Freshness, latest: int | None, at: int) -> bool:
    """Whether the latest event is young enough."""
    return latest is not None and at - latest <= duration_to_microseconds(expectation.at_most)


def freshness(expectation: Freshness, latest: int | None, at: int) -> CheckResult:
    """How fresh the latest event is."""
    if latest is None:
        return outcome(expectation, False, "no event at all")
    text = f"one {age_text(at - latest)} old ({from_microseconds(latest).isoformat()})"
    return outcome(expectation, is_fresh(expectation, latest, at), text)


def age_text(microseconds: int) -> str:
    """An age in its two largest units: ``3d 4h``."""
    seconds = max(microseconds // 1_000_000, 0)
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, whole = divmod(rest, 60)
    units = [(days, "d"), (hours, "h"), (minutes, "m"), (whole, "s")]
    start = next((place for place, (count, _) in enumerate(units) if count), None)
    if start is None:
        return "less than 1s"
    return " ".join(f"{count}{unit}" for count, unit in units[start : start + 2] if count)
