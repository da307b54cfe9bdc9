"""The seam to offline engines: the engine-neutral plan of a request, and who carries it out.

All instants in a plan are whole microseconds since 1970-01-01T00:00Z (UTC).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from featurestore.definitions.functions import Empty
from featurestore.definitions.source import Source
from featurestore.definitions.steps import Step
from featurestore.definitions.types import FeatureType

if TYPE_CHECKING:
    import pyarrow as pa

TIME_COLUMN = "__fs_time"
EVENT_COLUMN = "__fs_event"
CREATED_COLUMN = "__fs_created"
VISIBLE_COLUMN = "__fs_visible"


@dataclass(frozen=True, slots=True)
class KeyColumn:
    """One join key: its column in the source, its column among the entity rows, its type."""

    name: str
    entity_column: str
    dtype: FeatureType


@dataclass(frozen=True, slots=True)
class FeatureColumn:
    """One feature: its column in the result, its column in the source, its type."""

    output: str
    column: str
    dtype: FeatureType


@dataclass(frozen=True, slots=True)
class Grid:
    """A schedule in microseconds: the effective time of t is the last ``offset + n·every`` with ``+ lag <= t``."""

    every: int
    offset: int
    lag: int


@dataclass(frozen=True, slots=True)
class WindowColumn:
    """One aggregation: its column in the result, and what it is made of.

    Attributes:
        output: its column in the result.
        column: of the source; None counts rows.
        input: the type of that column; None where it does not matter.
        function: a name of `featurestore.definitions.functions.FUNCTIONS`.
        argument: of the function, or None; a duration in microseconds.
        window: microseconds, None for a lifetime.
        offset: microseconds between the end of the window and the instant.
        where: a column of bools that says which rows count; None for all.
        dtype: of the values.
        empty: the value without any input; of a series those of all its windows.
        series: how many windows, one before the other, a list has a value of; None for one window's value.
        by: the column whose values are the keys of a map, or None.
        keys: how many keys a map has at most.
    """

    output: str
    column: str | None
    input: FeatureType | None
    function: str
    argument: int | float | None
    window: int | None
    offset: int
    where: str | None
    dtype: FeatureType
    empty: Empty
    series: int | None = None
    by: str | None = None
    keys: int | None = None


@dataclass(frozen=True, slots=True)
class ViewPlan:
    """One feature view as one request uses it.

    Attributes:
        label: the view's alias or name, for messages and `explain`.
        source: with absolute paths.
        keys: empty for a view of one row for all.
        features: the requested ones, in the order of the result.
        tie_breakers: all declared features of the view in name order (law of time, rule 3).
        ttl: None for no limit.
        grid: None for a view without schedule.
        delay: of the source.
        as_of: rows with ``available_at`` (else ``created_timestamp``) later than this, or null, do not exist.
        windows: the aggregations that make the features, one for each in order; empty for plain features.
        steps: by which the source's rows become those that keys, times and features are read from.
    """

    label: str
    source: Source
    keys: tuple[KeyColumn, ...]
    features: tuple[FeatureColumn, ...]
    tie_breakers: tuple[FeatureColumn, ...]
    ttl: int | None
    grid: Grid | None
    delay: int
    as_of: int | None = None
    windows: tuple[WindowColumn, ...] = ()
    steps: tuple[Step, ...] = ()

    @property
    def in_order(self) -> bool:
        """Whether rows come in the order of their events and never go: then the nearest one is the latest."""
        return self.source.available_at is None and self.source.event_id is None

    @property
    def inputs(self) -> tuple[FeatureColumn, ...]:
        """The columns of the rows, with their types, that values are made of."""
        return self.tie_breakers if self.windows else (*self.tie_breakers, *self.features)

    @property
    def only_for_ties(self) -> frozenset[str]:
        """The columns of declared features that are not asked for: only rows that tie need them."""
        if self.windows:
            return frozenset()
        always = {
            *self.source.time_columns,
            *(key.name for key in self.keys),
            *(f.column for f in self.features),
        }
        return frozenset(feature.column for feature in self.tie_breakers) - always

    def without_features(self) -> ViewPlan:
        """The same rows, of which nothing but keys and times is read."""
        return replace(self, features=(), tie_breakers=(), windows=())


@dataclass(frozen=True, slots=True)
class Changes:
    """Which entities an incremental run looks at.

    Those with a row that became visible after the effective time of `since` (and up to that of the run's
    end), or that entered or left a window meanwhile, or whose created time (where the source has one) is later
    than `known_after` or null, or whose `available_at` (where the source has one) is later than `known_after`.
    """

    since: int
    known_after: int


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """The engine that one request goes to, and why."""

    engine: OfflineEngine
    reason: str


@runtime_checkable
class ChoosesEngine(Protocol):
    """An engine that hands each request to another one."""

    def choose(self, *, views: Sequence[ViewPlan], entity_rows: int) -> EngineChoice:
        """The engine for a training frame of so many rows, and why."""
        ...


@dataclass(frozen=True, slots=True)
class Suits:
    """Whether a request is better carried out by an engine than elsewhere, and why (not)."""

    better: bool
    reason: str


@runtime_checkable
class JoinsInPlace(Protocol):
    """An engine in the database that sources of one kind are in; it has the name of the kind."""

    def suits(self, *, views: Sequence[ViewPlan], entity_rows: int) -> Suits:
        """Whether a training frame of so many rows is better made there than by reading the sources.

        Raises:
            SourceError: if the database cannot be reached.
        """
        ...


@runtime_checkable
class WritesTables(Protocol):
    """An engine that can leave a training frame where it was made."""

    def write_table(
        self,
        *,
        views: Sequence[ViewPlan],
        entities: pa.Table,
        rows: pa.Table,
        outputs: Sequence[str],
        name: str,
        replace: bool,
    ) -> None:
        """Make a table of the frame, all of it or none.

        Args:
            views: as for `historical_features`; all read one database.
            entities: likewise.
            rows: the entity rows with all their columns.
            outputs: the feature columns in the order of the frame.
            name: of the table, as definitions write it.
            replace: an existing table of the name.

        Raises:
            RequestError: if the views cannot be answered there, or a column of the entity rows has a type that the
                database has not.
            SourceError: if the database refuses, e.g. because the table exists.
        """
        ...


class OfflineEngine(Protocol):
    """Carries out plans over the sources; stateless between calls, safe to use from several threads."""

    name: str

    def historical_features(
        self, *, views: Sequence[ViewPlan], entities: pa.Table
    ) -> Iterator[pa.RecordBatch]:
        """The features of all `views` for each entity row, by the law of time.

        Args:
            views: at least one; all output names are distinct.
            entities: the views' key columns (under their `entity_column`, already of the declared types)
                and `TIME_COLUMN` (int64, microseconds); any of them may be null.

        Returns:
            Batches with one row per entity row, in order: the feature columns of all views in order, in
            the Arrow types of `featurestore.frames.types.arrow_type`.

        Raises:
            SourceError: if a source cannot be read, lacks a column, or holds values of another type.
        """
        ...

    def latest_features(
        self, *, view: ViewPlan, at: int, changes: Changes | None = None, keys: pa.Table | None = None
    ) -> Iterator[pa.RecordBatch]:
        """The row that each entity has at the instant `at` (rules 1 to 3; the ttl is not applied).

        Args:
            view: the view; its grid is applied to `at`.
            at: the instant.
            changes: only entities that may have changed (united with `keys`).
            keys: only these entities (key columns by name). Both None: every entity.

        Returns:
            Batches in any order, one row per entity that has a visible row: key columns by name,
            `EVENT_COLUMN` (int64), `CREATED_COLUMN` (int64, nullable), then the view's features. For
            aggregations the event is the effective time of `at`, and created is null.

        Raises:
            SourceError: as for `historical_features`.
        """
        ...

    def visible_rows(
        self, *, view: ViewPlan, at: int, changes: Changes | None = None
    ) -> Iterator[pa.RecordBatch]:
        """The rows that are visible at the instant `at` (rule 2), without their features.

        Rows of which a key is null are left out, and of rows with one event id only the last is
        there, of equal ones any one.

        Args:
            view: the view; its grid is applied to `at`.
            at: the instant.
            changes: only rows of entities that may have changed.

        Returns:
            Batches in any order: key columns by name, `EVENT_COLUMN` (int64), `CREATED_COLUMN` (int64, nullable)
            and `VISIBLE_COLUMN` (int64), the instant from which the row was visible.

        Raises:
            SourceError: as for `historical_features`.
        """
        ...

    def explain(self, *, views: Sequence[ViewPlan]) -> str:
        """The query that `historical_features` would run, as text (SQL or a Polars query plan)."""
        ...

    def query(self, *, sql: str, sources: Mapping[str, Source]) -> pa.Table:
        """Run a user's SQL over the sources (by name) and over files; its order of rows is kept.

        Raises:
            SourceError: if the SQL is refused by the engine.
        """
        ...
