"""An offline engine in a database: only entity rows go in, only results come out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from featurestore.definitions.database import DatabaseSource
from featurestore.definitions.source import Source
from featurestore.definitions.steps import Conditions
from featurestore.definitions.types import FeatureType
from featurestore.errors import RequestError
from featurestore.frames.batches import side_by_side
from featurestore.frames.types import arrow_type, converts
from featurestore.protocols.offline import (
    CREATED_COLUMN,
    EVENT_COLUMN,
    VISIBLE_COLUMN,
    Changes,
    Suits,
    ViewPlan,
)
from featurestore.protocols.sources import EVERY_ROW, WantedRows
from featurestore_connectors.names import quoted
from featurestore_connectors.push_down import match, tables, windows
from featurestore_connectors.push_down.checks import check_columns, renames
from featurestore_connectors.push_down.conditions import conditions_of, uncertain
from featurestore_connectors.push_down.dialect import (
    ENTITIES,
    GIVEN,
    Column,
    Columns,
    Dialect,
    Lookup,
    Session,
)
from featurestore_connectors.push_down.inputs import overflows_told
from featurestore_connectors.push_down.keys import key_names
from featurestore_connectors.push_down.rows import effective, given_keys, sent_rows


class PushDownEngine(ABC):
    """Base of the engines in databases, over one kind of source.

    Attributes:
        small: fewer rows are read and joined here before a database has taken in the entity rows.
    """

    name: str
    system: ClassVar[str]
    source: ClassVar[type[DatabaseSource]]
    dialect: ClassVar[Dialect]
    small: ClassVar[int] = 100_000

    @abstractmethod
    def session(self, source: Any) -> Session:
        """A connection to the database of a source, which can make temporary tables."""

    @abstractmethod
    def columns(self, session: Any, source: Any) -> Sequence[Column]:
        """The columns of a source."""

    @abstractmethod
    def declared(self, found: pa.Array, dtype: FeatureType, *, source: str, what: str) -> pa.Array:
        """A returned column in the Arrow type of `dtype`."""

    @abstractmethod
    def estimated_rows(self, session: Any, source: Any) -> int | None:
        """How many rows a source has, as the database knows without counting; None if it does not."""

    def refusal(self, session: Any) -> str | None:  # noqa: ARG002 (most need no more than to read)
        """Why joins cannot run in this database; None if they can."""
        return None

    def lookup(self, session: Any, view: ViewPlan, columns: Columns) -> Lookup | None:  # noqa: ARG002
        """How an index leads to the rows of an entity before a time; None if none does, or none is needed."""
        return None

    def better_read(
        self,
        session: Any,  # noqa: ARG002
        views: Sequence[ViewPlan],  # noqa: ARG002
        rows: Sequence[int],
        entity_rows: int,
    ) -> str | None:
        """Why so many rows of each view's source are better read than joined there; None if they are not.

        Of windows, `windows.better_read` has been asked before.
        """
        if sum(rows) < self.small:
            return f"the sources have about {sum(rows):,} rows, which are read quickly"
        if entity_rows > sum(rows):
            return f"there are more entity rows than the sources' rows, about {sum(rows):,}"
        return None

    def suits(self, *, views: Sequence[ViewPlan], entity_rows: int) -> Suits:
        """Whether a training frame of so many rows is better made here; see `JoinsInPlace`."""
        for view in views:
            against = self.reason_against(view) or self._doubt(view)
            if against is not None:
                return Suits(False, f"view {view.label!r} {against}")
        if len({self.place(view.source) for view in views}) > 1:
            return Suits(False, "the views read several databases")
        session = self.session(views[0].source)
        try:
            refusals = (self.refusal(session), *(self._uncertain(session, view) for view in views))
            for refusal in filter(None, refusals):
                return Suits(False, refusal)
            counts = [self.estimated_rows(session, view.source) for view in views]
            rows = [count for count in counts if count is not None]
            if len(rows) < len(views):
                return Suits(False, "how many rows the sources have is not known beforehand")
            why = windows.better_read(views, sum(rows), entity_rows)
            why = why or self.better_read(session, views, rows, entity_rows)
            if why is not None:
                return Suits(False, why)
        finally:
            session.close()
        return Suits(
            True, f"all views read one {self.system} database, where about {sum(rows):,} rows can stay"
        )

    def historical_features(
        self, *, views: Sequence[ViewPlan], entities: pa.Table
    ) -> Iterator[pa.RecordBatch]:
        """The features of all `views` for each entity row; see `OfflineEngine`."""
        for view in views:
            self._check(view)
        yield from side_by_side([self._historical(view, entities) for view in views])

    def latest_features(
        self, *, view: ViewPlan, at: int, changes: Changes | None = None, keys: pa.Table | None = None
    ) -> Iterator[pa.RecordBatch]:
        """The row that each entity has at the instant `at`; see `OfflineEngine`."""
        self._check(view)
        with self._opened(view) as (session, columns):
            if keys is not None:
                session.ingest(GIVEN, given_keys(view, keys, self.dialect))
            rows, until, condition = self._rows_at(view, columns, at, changes, given=keys is not None)
            if view.windows:
                with overflows_told():
                    yield from self._aggregated(session, view, until, windows.latest(rows, until, condition))
            else:
                yield from self._latest(session, view, match.latest(rows, until, condition))

    def visible_rows(
        self, *, view: ViewPlan, at: int, changes: Changes | None = None
    ) -> Iterator[pa.RecordBatch]:
        """The rows that are visible at the instant `at`, without their features; see `OfflineEngine`."""
        self._check(view)
        with self._opened(view) as (session, columns):
            rows, until, condition = self._rows_at(view, columns, at, changes, given=False)
            query = match.visible_rows(rows.without_features(), until, condition)
            for batch in session.batches(query):
                times = (EVENT_COLUMN, CREATED_COLUMN, VISIBLE_COLUMN)
                found = zip(times, batch.columns[-3:], strict=True)
                yield pa.RecordBatch.from_pydict(
                    self._keys(view, batch) | {name: column.cast(pa.int64()) for name, column in found}
                )

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
        """Make a table of the frame; see `WritesTables`."""
        for view in views:
            self._check(view)
            if (doubt := self._doubt(view)) is not None:
                raise RequestError(
                    f"View {view.label!r} {doubt}, and a table shows no ties.",
                    hint="Use to_parquet: it looks at the rows as they come.",
                )
        if len({self.place(view.source) for view in views}) > 1:
            raise RequestError(
                "The views of the frame read several databases.",
                hint="Use to_parquet, or frames of one database.",
            )
        session = self.session(views[0].source)
        try:
            found = [
                (view, columns := self._wanted_columns(session, view), self.lookup(session, view, columns))
                for view in views
            ]
            with overflows_told():
                tables.store(
                    session,
                    self.dialect,
                    found,
                    entities=entities,
                    rows=rows,
                    outputs=outputs,
                    name=name,
                    replace=replace,
                )
        finally:
            session.close()

    def explain(self, *, views: Sequence[ViewPlan]) -> str:
        """The statement that `historical_features` runs for each view."""
        plans = []
        for view in views:
            self._check(view)
            with self._opened(view) as (session, columns):
                lookup = self.lookup(session, view, columns)
                sql = _training_frame(match.Rows(view, columns, EVERY_ROW, self.dialect, lookup=lookup))
            keys = ", ".join(key_names(view))
            more = "in microseconds" if view.windows else "and oldest (what has not expired)"
            plans.append(
                f"-- View {view.label}: in {self.system}\n"
                f"-- {ENTITIES} is a temporary table of the entity rows: nr, {keys}, until (what each sees)\n"
                f"-- {more}. Rows later than the last until are left out too.\n{sql};"
            )
        return "\n\n".join(plans)

    def query(self, *, sql: str, sources: Mapping[str, Source]) -> pa.Table:
        """Run a user's SQL over the sources (by name); see `OfflineEngine`."""
        found = [source for source in sources.values() if isinstance(source, self.source)]
        if len(found) < len(sources) or len({self.place(source) for source in found}) != 1:
            raise RequestError(
                f"The engine {self.name!r} runs SQL over the sources of one {self.system} database.",
                hint="Give the entity rows as a frame, or ask another engine.",
            )
        named = ",\n".join(
            f"{self.table_name(name)} AS (SELECT * FROM {self.dialect.rows_of(source)})"
            for name, source in zip(sources, found, strict=True)
        )
        session = self.session(found[0])
        try:
            return session.table(
                f"WITH {named}\nSELECT * FROM (\n{sql.strip().removesuffix(';')}\n) AS asked"
            )
        finally:
            session.close()

    def table_name(self, name: str) -> str:
        """What a source is called in a user's SQL."""
        return quoted(name)

    def place(self, source: Any) -> str:
        """Where a source is: sources of one place are read in one session."""
        return str(source.url)

    def _check(self, view: ViewPlan) -> None:
        """Check that a view is one that can be answered here.

        Raises:
            RequestError: if it reads something else, transforms its rows, or aggregates them as the database cannot.
        """
        what = self.reason_against(view)
        if what is not None:
            raise RequestError(
                f"View {view.label!r} {what}, which the engine {self.name!r} does not do in {self.system}.",
                hint=f"Ask with engine='duckdb' or engine='polars': they read {self.system} too.",
            )

    def reason_against(self, view: ViewPlan) -> str | None:
        """Why a view cannot be answered here; None if it can."""
        if not isinstance(view.source, self.source):
            return f"reads a source of kind {view.source.kind!r}"
        if any(not isinstance(s, Conditions) and not renames(s) for s in view.steps):
            return "transforms its rows"
        if view.windows:
            return windows.reason_against(view, self.dialect)
        return self.dialect.refused([feature.dtype for feature in view.inputs])

    def reads(self, column: Any, dtype: FeatureType) -> bool:
        """Whether a column can be read as a type."""
        return bool(column.text or converts(column.type, dtype))

    def _doubt(self, view: ViewPlan) -> str | None:
        """What may keep this database from telling which of two rows at one instant is the greater one."""
        if view.windows:
            return None
        lists = [f.output for f in view.tie_breakers if not self.dialect.orders(f.dtype)]
        return f"has lists ({', '.join(lists)}), which {self.system} cannot order" if lists else None

    def _uncertain(self, session: Session, view: ViewPlan) -> str | None:
        """Why conditions may mean something else there, as far as that depends on the types of columns."""
        if not conditions_of(view):
            return None
        return uncertain(view, self._wanted_columns(session, view), self.dialect)

    @contextmanager
    def _opened(self, view: ViewPlan) -> Iterator[tuple[Session, Columns]]:
        """A session for a view and the columns that the view wants, checked."""
        session, columns = self._open(view)
        try:
            yield session, columns
        finally:
            session.close()

    def _open(self, view: ViewPlan) -> tuple[Session, Columns]:
        session = self.session(view.source)
        try:
            return session, self._wanted_columns(session, view)
        except BaseException:
            session.close()
            raise

    def _wanted_columns(self, session: Session, view: ViewPlan) -> Columns:
        mapping = {old: new for new, old in view.source.mapping.items()}
        found = self.columns(session, view.source)
        columns = {mapping.get(column.name, column.name): column for column in found}
        check_columns(view, columns, self.reads)
        return columns

    def _historical(self, view: ViewPlan, entities: pa.Table) -> Iterator[pa.RecordBatch]:
        session, columns = self._open(view)
        try:
            lookup = self.lookup(session, view, columns)
            asked, wanted = sent_rows(view, entities, self.dialect)
            session.ingest(ENTITIES, asked)
            query = _training_frame(match.Rows(view, columns, wanted, self.dialect, lookup=lookup))
        except BaseException:
            session.close()
            raise
        schema = pa.schema([(f.output, arrow_type(f.dtype)) for f in view.features])
        with overflows_told():
            for batch in session.batches(query):
                yield pa.RecordBatch.from_arrays(self._features(view, batch.columns), schema=schema)

    def _features(self, view: ViewPlan, found: Sequence[pa.Array]) -> list[pa.Array]:
        """Features as they are declared; after them there may be whether the rows were tied."""
        if (doubt := self._doubt(view)) is not None and pc.any(found[len(view.features)]).as_py():
            raise RequestError(
                f"View {view.label!r} {doubt}: two rows of one entity have the same event and created time, and "
                "differ in them.",
                hint=f"Ask with engine='duckdb' or engine='polars': they read {self.system} too, and order lists.",
            )
        return [
            self.declared(column, feature.dtype, source=view.source.name, what=f"column {feature.column!r}")
            for column, feature in zip(found, view.features, strict=False)
        ]

    def _rows_at(
        self, view: ViewPlan, columns: Columns, at: int, changes: Changes | None, *, given: bool
    ) -> tuple[match.Rows, int, str]:
        """The source's rows that matter at an instant, its effective time, and the condition on them."""
        until = effective(at, view.grid)
        latest = None if changes is not None else until - view.delay
        rows = match.Rows(view, columns, WantedRows(latest=latest), self.dialect)
        changed = None
        if changes is not None:
            since = effective(changes.since, view.grid)
            moving = windows.moving(rows, since=since, until=until)
            changed = rows.changed(until, since, changes, moving)
        return rows, until, match.restricted(rows, changed, given=given)

    def _keys(self, view: ViewPlan, batch: pa.RecordBatch) -> dict[str, pa.Array]:
        return {
            key.name: self.declared(column, key.dtype, source=view.source.name, what=f"join key {key.name!r}")
            for key, column in zip(view.keys, batch.columns, strict=False)
        }

    def _aggregated(
        self, session: Session, view: ViewPlan, until: int, query: str
    ) -> Iterator[pa.RecordBatch]:
        keys = max(1, len(view.keys))
        for batch in session.batches(query):
            columns = self._keys(view, batch)
            columns[EVENT_COLUMN] = pa.repeat(pa.scalar(until, pa.int64()), batch.num_rows)
            columns[CREATED_COLUMN] = pa.nulls(batch.num_rows, pa.int64())
            values = self._features(view, batch.columns[keys:])
            columns |= {f.output: value for f, value in zip(view.features, values, strict=True)}
            yield pa.RecordBatch.from_pydict(columns)

    def _latest(self, session: Session, view: ViewPlan, query: str) -> Iterator[pa.RecordBatch]:
        keys = max(1, len(view.keys))
        for batch in session.batches(query):
            columns = self._keys(view, batch)
            columns[EVENT_COLUMN] = batch.column(keys).cast(pa.int64())
            columns[CREATED_COLUMN] = batch.column(keys + 1).cast(pa.int64())
            values = self._features(view, batch.columns[keys + 2 :])
            columns |= {f.output: value for f, value in zip(view.features, values, strict=True)}
            yield pa.RecordBatch.from_pydict(columns)


def _training_frame(rows: match.Rows) -> str:
    return windows.training_frame(rows) if rows.view.windows else match.training_frame(rows)
