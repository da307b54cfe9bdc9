"""Training frames: entity rows completed by features, computed when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from featurestore.definitions.base import some_names
from featurestore.definitions.steps import in_words
from featurestore.definitions.types import FeatureType
from featurestore.definitions.windows import duration_text
from featurestore.frames.atomic_file import atomic_path
from featurestore.frames.convert import to_pandas, to_polars
from featurestore.frames.parquet import write_parquet
from featurestore.frames.types import arrow_type, feature_type
from featurestore.planning.table_engine import engine_of_tables
from featurestore.progress import Progress
from featurestore.protocols.offline import ChoosesEngine, OfflineEngine, ViewPlan
from featurestore.statistics.slices import MINIMUM_GROUP

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

    from featurestore.frames.entity_rows import EntityRows
    from featurestore.statistics.collect import Collector, EventTimes
    from featurestore.statistics.profile import Profile


class TrainingFrame:
    """The rows of an entity dataframe, in its order, with all its columns, plus the requested features.

    Nothing is computed until one of the ``to_…`` methods is called; each call computes anew, and
    `to_batches` and `to_parquet` stream.
    """

    def __init__(
        self,
        *,
        rows: EntityRows,
        entities: Callable[[], pa.Table],
        views: tuple[ViewPlan, ...],
        outputs: tuple[str, ...],
        engine: OfflineEngine,
        event_times: EventTimes,
        personal: Callable[[], Collection[str]],
    ) -> None:
        self._rows = rows
        self._entities = entities
        self._views = views
        self._outputs = outputs
        self._engine = engine
        self._event_times = event_times
        self._personal = personal

    @property
    def schema(self) -> pa.Schema:
        """Columns and Arrow types of the frame."""
        types = {f.output: arrow_type(f.dtype) for view in self._views for f in view.features}
        fields = [*self._rows.schema, *(pa.field(name, types[name]) for name in self._outputs)]
        return pa.schema(fields)

    @property
    def num_rows(self) -> int:
        """How many rows the frame has: as many as the entity dataframe."""
        return self._rows.num_rows

    def to_batches(self) -> Iterator[pa.RecordBatch]:
        """The frame batch by batch, in order.

        Raises:
            SourceError: if a source cannot be read or contradicts its declaration.
        """
        rows = _Rechunked(self._rows.batches())
        features = self._engine.historical_features(views=self._views, entities=self._entities())
        with Progress("Point-in-time join", total=self.num_rows, unit="rows") as progress:
            for batch in filter(len, features):
                its_rows = rows.take(batch.num_rows)
                columns = [*its_rows.columns, *(batch.column(name) for name in self._outputs)]
                yield from pa.table(columns, schema=self.schema).to_batches()
                progress.advance(batch.num_rows)
        rows.finish()

    def to_arrow(self) -> pa.Table:
        """The frame as an Arrow table."""
        return pa.Table.from_batches(self.to_batches(), schema=self.schema)

    def to_polars(self) -> pl.DataFrame:
        """The frame as a Polars data frame."""
        return to_polars(self.to_arrow())

    def to_pandas(self) -> pd.DataFrame:
        """The frame as a pandas data frame with Arrow-backed types, so that no value changes.

        It has the index of the entity dataframe, if that came from pandas.
        """
        return to_pandas(self.to_arrow(), self._rows.index)

    def to_parquet(self, path: str | Path, **options: Any) -> None:
        """Write the frame to one Parquet file, batch by batch; the file appears when it is whole.

        Args:
            path: the file to write.
            **options: for `pyarrow.parquet.ParquetWriter`, e.g. ``compression="zstd"``; without
                ``use_dictionary`` columns of floats have no dictionaries, which makes writing twice as fast.
        """
        with atomic_path(Path(path)) as unfinished:
            write_parquet(unfinished, self.schema, self.to_batches(), **options)

    def to_table(self, name: str, *, replace: bool = False) -> None:
        """Leave the frame in the database that all its views read, as a table; its rows do not come here.

        Args:
            name: of the table, as in a source: ``"frame"`` or ``"schema.frame"``.
            replace: an existing table of that name; without it that is an error.

        Raises:
            RequestError: if the views read several places, or one that joins cannot run in.
            SourceError: if the database refuses.
        """
        engine = engine_of_tables(self._engine, self._views)
        engine.write_table(
            views=self._views,
            entities=self._entities(),
            rows=pa.Table.from_batches(self._rows.batches(), self._rows.schema),
            outputs=self._outputs,
            name=name,
            replace=replace,
        )

    def profile(self, *, slices: Sequence[str] = (), minimum_group: int = MINIMUM_GROUP) -> Profile:
        """What the features' values are like: counts, extremes, quantiles, frequent values, in one pass.

        Args:
            slices: columns of the frame by whose values it is told too, such as ``["gender"]``.
            minimum_group: smaller groups are not shown by themselves.

        Raises:
            NotFoundError: if there is no column to slice by.
            RequestError: if a column to slice by is personal (tag ``pii``), or has too many values.
        """
        collector = self.collector(slices=slices, minimum_group=minimum_group)
        for batch in self.to_batches():
            collector.add(batch)
        return collector.result()

    def collector(self, *, slices: Sequence[str] = (), minimum_group: int = MINIMUM_GROUP) -> Collector:
        """What profiles batches of this frame as they come; see `profile`."""
        return frame_collector(
            {f.output: f.dtype for view in self._views for f in view.features},
            self._rows.schema,
            outputs=self._outputs,
            personal=self._personal(),
            event_times=self._event_times,
            slices=slices,
            minimum_group=minimum_group,
        )

    def explain(self) -> str:
        """The plan of each view, and the query that the engine runs for it."""
        engine, why = self._engine, []
        if isinstance(engine, ChoosesEngine):
            choice = engine.choose(views=self._views, entity_rows=self.num_rows)
            engine, why = choice.engine, [f"    chosen because {choice.reason}"]
        lines = [f"Point-in-time join on engine {engine.name}: {self.num_rows:,} entity rows", *why]
        lines += [_describe(view) for view in self._views]
        return "\n".join([*lines, "", engine.explain(views=self._views)])

    def __repr__(self) -> str:
        return f"TrainingFrame({self.num_rows:,} rows, features: {some_names(self._outputs)})"


def frame_collector(
    features: Mapping[str, FeatureType],
    schema: pa.Schema,
    *,
    outputs: Sequence[str],
    personal: Collection[str],
    event_times: EventTimes,
    slices: Sequence[str] = (),
    minimum_group: int = MINIMUM_GROUP,
) -> Collector:
    """What profiles the rows of a frame.

    Args:
        features: column to type.
        schema: of the other columns, by which rows can be sliced too; may hold the features.
        outputs: the features in their order.
        personal: columns of which no values are kept.
        event_times: gives the times of rows.
        slices: columns by whose values the rows are divided.
        minimum_group: smaller groups are not shown by themselves.

    Raises:
        NotFoundError: if there is no column to slice by.
        RequestError: if a column to slice by is personal, or has too many values.
    """
    from featurestore.statistics.collect import Collector, ProfiledColumn, chosen_columns

    found = {field.name: feature_type(field.type) for field in schema} | dict(features)
    columns = {
        name: ProfiledColumn(name, dtype, name in personal)
        for name, dtype in found.items()
        if dtype is not None
    }
    return Collector(
        [columns[name] for name in outputs],
        event=event_times,
        slices=chosen_columns(slices, list(columns.values()), where="the frame"),
        minimum_group=minimum_group,
    )


def _describe(view: ViewPlan) -> str:
    keys = ", ".join(f"{k.name} = {k.entity_column}" for k in view.keys) or "one row for all"
    features = ", ".join(f.output for f in view.features)
    rules = [f"{view.source.event_timestamp} <= time"]
    rules += [f"delay {_duration(view.delay)}"] if view.delay else []
    rules += [f"{view.source.available_at} <= time"] if view.source.available_at else []
    rules += [f"every {_duration(view.grid.every)}"] if view.grid else []
    rules += [f"ttl {_duration(view.ttl)}"] if view.ttl is not None else []
    rules += ["as of a past state"] if view.as_of is not None else []
    rules += [f"windows up to {_longest(view)}"] if view.windows else []
    line = f"- {view.label}: {features}\n    by {keys}; {', '.join(rules)}; source {view.source.name}"
    return "\n".join([line, *(f"    then {in_words(step)}" for step in view.steps)])


def _longest(view: ViewPlan) -> str:
    spans = [None if w.window is None else w.window + w.offset for w in view.windows]
    finite = [span for span in spans if span is not None]
    return "a lifetime" if len(finite) < len(spans) else _duration(max(finite))


def _duration(microseconds: int) -> str:
    return duration_text(timedelta(microseconds=microseconds))


FEW_PIECES = 4


class _Rechunked:
    """The entity rows in batches of any size."""

    def __init__(self, batches: Iterator[pa.RecordBatch]) -> None:
        self._batches = batches
        self._pending: pa.Table | None = None

    def take(self, count: int) -> pa.Table:
        parts = [] if self._pending is None else [self._pending]
        have = sum(part.num_rows for part in parts)
        while have < count:
            batch = next(self._batches, None)
            if batch is None:
                raise AssertionError(
                    f"The engine returned {count - have} rows more than there are entity rows."
                )
            parts.append(pa.Table.from_batches([batch]))
            have += batch.num_rows
        table = pa.concat_tables(parts)
        self._pending = table.slice(count)
        taken = table.slice(0, count)
        # A copy is worth it only where the rows came in very small pieces.
        return taken.combine_chunks() if len(parts) > FEW_PIECES else taken

    def finish(self) -> None:
        left = sum(batch.num_rows for batch in self._batches)
        left += self._pending.num_rows if self._pending is not None else 0
        if left:
            raise AssertionError(f"The engine returned {left} rows fewer than there are entity rows.")
