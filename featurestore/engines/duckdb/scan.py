"""Sources as SQL relations: only the needed columns, times as microseconds, and an identity for each row.

Parquet files are read by DuckDB itself. CSV files and frames in memory are registered as Arrow tables, under
column names of our own; what connectors read is streamed into a table of DuckDB's, which can spill to disk.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from featurestore.definitions.source import ParquetSource, Source
from featurestore.definitions.steps import Step, keeps_rows
from featurestore.definitions.types import FeatureType
from featurestore.engines.duckdb.connection import Session
from featurestore.engines.duckdb.sql import SOURCE, aliased, name, nested, numbered, select, text, where
from featurestore.engines.duckdb.steps import inlined
from featurestore.engines.duckdb.times import EVERY_TIME, MAX_INSTANT, Bounds, Column, instant, near, no_later
from featurestore.engines.duckdb.types import value
from featurestore.frames.types import arrow_type, is_text
from featurestore.protocols.offline import FeatureColumn, ViewPlan
from featurestore.protocols.sources import EVERY_ROW, WantedRows
from featurestore.sources.arrow import defer_columns, source_schema, streams
from featurestore.sources.check import check_columns
from featurestore.sources.deferred import Deferred
from featurestore.sources.files import list_files, on_disk
from featurestore.transforms.deferred import defer_rows
from featurestore.transforms.duckdb_sql import for_duckdb
from featurestore.transforms.rows import RowSchema, row_schema

LATER = "d"
"""What the columns are called in SQL that are only read for some rows: d0, d1 and so on; see `completed`."""

_ROW, _FILE = "__fs_row", "__fs_file"
_ROW_BITS = 40
_VIRTUAL = {"file_index", "file_row_number"}
_ONE_FOR_ALL = Column("0", pa.int8())


@dataclass(frozen=True, slots=True)
class Relation:
    """A source that SQL can read.

    Attributes:
        table: what stands after FROM.
        columns: by the names that the source gives them.
        rid: an expression that identifies a row.
        same_row: the condition that a row has the identity ``{}``.
        prunes: whether conditions on its raw columns skip parts of it.
        raw: what stands after FROM where all rows are counted: steps in between can only leave some out.
        deferred: columns that have not been read; see `completed`.
    """

    table: str
    columns: Mapping[str, Column]
    rid: str
    same_row: str
    prunes: bool
    raw: str
    deferred: Deferred | None = None

    def from_clause(self) -> str:
        """FROM, with the alias that the columns use."""
        return f"FROM {self.table} AS {SOURCE}"


def open_relation(session: Session, view: ViewPlan, table: str, rows: WantedRows = EVERY_ROW) -> Relation:
    """The source of a view, checked and ready to be read; it is called `table` if it comes through Arrow.

    Args:
        session: where it is read.
        view: the view.
        table: a name that is free.
        rows: which rows of the source can matter.

    Raises:
        SourceError: if it cannot be read, lacks a column or has one of another type.
    """
    wanted = dict(_wanted(view))
    schema = row_schema(view.source, view.steps)
    check_columns(view.label, view.source, schema.arrow, schema.text, wanted.items())
    if on_disk(view.source) and keeps_rows(view.steps):
        stored = schema.arrow if not view.steps else source_schema(view.source)
        if _readable(session, view.source, stored):
            return _parquet(view.source, view.steps, schema)
    return _through_arrow(session, view, schema, table, rows)


def _wanted(view: ViewPlan) -> Iterable[tuple[str, FeatureType]]:
    yield from ((key.name, key.dtype) for key in view.keys)
    yield from ((feature.column, feature.dtype) for feature in view.inputs)


def _readable(session: Session, source: ParquetSource, schema: pa.Schema) -> bool:
    """Whether DuckDB can tell all columns of the files apart and keeps all of their nanoseconds."""
    folded = [column.lower() for column in schema.names]
    if len(set(folded)) < len(folded) or _VIRTUAL & set(folded):
        return False
    zoned = [f.name for f in schema if pa.types.is_timestamp(f.type) and f.type.unit == "ns" and f.type.tz]
    if not zoned:
        return True
    described = f"DESCRIBE {select(map(name, zoned), f'FROM {parquet_table(source)}')}"
    kept = session.row(select(["bool_and(column_type = 'TIMESTAMPTZ_NS') AS kept"], f"FROM ({described})"))
    return bool(kept["kept"])


def parquet_table(source: ParquetSource) -> str:
    """The table function that reads the files."""
    files = list_files(source)
    listed = ", ".join(text(_no_glob(file)) for file in files)
    options = [f"[{listed}]" if len(files) > 1 else listed]
    options += ["union_by_name = true"] if len(files) > 1 else []
    options += [f"hive_partitioning = {str(source.hive_partitioning).lower()}"]
    options += ["hive_types_autocast = false"] if source.hive_partitioning else []
    return f"read_parquet({', '.join(options)})"


def _no_glob(file: str) -> str:
    """The name of a file such that DuckDB takes no part of it for a wildcard."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in file)


def _parquet(source: ParquetSource, steps: Sequence[Step], rows: RowSchema) -> Relation:
    columns = {
        field.name: Column(
            sql=f"{SOURCE}.{name(field.name)}",
            type=pa.string() if field.name in rows.text else field.type,
            zone=source.timezone,
            text=field.name in rows.text,
        )
        for field in rows.arrow
    }
    table = raw = parquet_table(source)
    row, index = "file_row_number", "file_index"
    if steps:
        base = select(["*", f"file_row_number AS {_ROW}", f"file_index AS {_FILE}"], f"FROM {table}")
        row, index = _ROW, _FILE
        table = f"({inlined(source, steps, base, [row, index])})"
    row, index = f"{SOURCE}.{row}", f"{SOURCE}.{index}"
    if len(list_files(source)) == 1:
        return Relation(table, columns, rid=row, same_row=f"{row} = {{0}}", prunes=True, raw=raw)
    return Relation(
        table,
        columns,
        rid=f"({index}::BIGINT << {_ROW_BITS}) + {row}",
        # Bare columns on this side, so that the join's filters reach the scan.
        same_row=f"{row} = ({{0}} & {2**_ROW_BITS - 1}) AND {index} = ({{0}} >> {_ROW_BITS})::UBIGINT",
        prunes=True,
        raw=raw,
    )


def _through_arrow(
    session: Session, view: ViewPlan, schema: RowSchema, table: str, rows: WantedRows
) -> Relation:
    read = {**dict.fromkeys(view.source.time_columns), **dict(_wanted(view))}
    types = {column: None if dtype is None else arrow_type(dtype) for column, dtype in read.items()}
    later = {column: types.pop(column) for column in list(types) if column in view.only_for_ties}
    if streams(view.source) and not view.steps:
        reader, deferred = defer_columns(
            view.source, types, later, rows=rows, expected=schema.arrow, looked=schema.looked
        )
        columns = _columns(view.source, reader.schema, schema.text, "c")
        fields = pa.schema([(f"c{i}", columns[name].type) for i, name in enumerate(reader.schema.names)])
        session.store(table, pa.RecordBatchReader.from_batches(fields, converted(reader, fields)))
        rid = f"{SOURCE}.rowid"
    else:
        found, deferred = defer_rows(view.source, view.steps, types, later, rows=rows, looked=schema.looked)
        columns = _columns(view.source, found.schema, schema.text, "c")
        _register(session, table, found, columns)
        rid = f"{SOURCE}.{_ROW}"
    if deferred is not None:
        # DuckDB 2.0 cannot join tables once more whose arrays of a fixed length are missing after an outer join.
        listed = pa.schema([field.with_type(_of_any_length(field.type)) for field in deferred.schema])
        columns |= _columns(view.source, listed, schema.text, LATER)
    return Relation(
        table, columns, rid=rid, same_row=f"{rid} = {{0}}", prunes=False, raw=table, deferred=deferred
    )


def _columns(source: Source, schema: pa.Schema, text: frozenset[str], prefix: str) -> dict[str, Column]:
    """Columns that come through Arrow, under names of our own and in types that DuckDB takes."""
    columns = {}
    for i, field in enumerate(schema):
        found, zone = _without_zone(for_duckdb(pa.chunked_array([], field.type)), source.timezone)
        # Fields of a CSV file come in their types, if no step saw them before.
        as_text = field.name in text and is_text(found.type)
        columns[field.name] = Column(f"{SOURCE}.{prefix}{i}", found.type, zone, text=as_text)
    return columns


def _register(session: Session, table: str, rows: pa.Table, columns: Mapping[str, Column]) -> None:
    data = {f"c{i}": rows.column(name).cast(columns[name].type) for i, name in enumerate(rows.schema.names)}
    data[_ROW] = pa.chunked_array([pa.array(np.arange(rows.num_rows, dtype=np.int64))])
    session.register(table, pa.table(data))


def _of_any_length(found: pa.DataType) -> pa.DataType:
    """The type with lists of any length instead of those of a fixed one."""
    if pa.types.is_fixed_size_list(found):
        return pa.list_(_of_any_length(found.value_type))
    if pa.types.is_list(found) or pa.types.is_large_list(found):
        item = _of_any_length(found.value_type)
        return found if item == found.value_type else pa.large_list(item)
    return found


def converted(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The batches with columns of these types."""
    for batch in batches:
        arrays = [
            column if column.type == field.type else column.cast(field.type)
            for column, field in zip(batch.columns, schema, strict=True)
        ]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _without_zone(column: pa.ChunkedArray, zone: str) -> tuple[pa.ChunkedArray, str]:
    """Zoned times as naive ones of UTC: DuckDB before 2.0 keeps their nanoseconds only so."""
    if pa.types.is_timestamp(column.type) and column.type.tz is not None:
        return column.cast(pa.timestamp(column.type.unit)), "UTC"
    return column, zone


def narrow_rows(
    view: ViewPlan, relation: Relation, bounds: Bounds = EVERY_TIME, *, extra: Mapping[str, str] = {}
) -> str:
    """The rows of a source without their features, as far as they exist as of the view's `as_of`.

    Columns: k0, k1, … (a constant where there are no keys), event, created, rid and, where the source
    declares them, available and id; and `extra` ones, name to expression.
    """
    source = view.source
    latest_event = MAX_INSTANT - view.delay
    event = relation.columns[source.event_timestamp]
    columns = [*aliased(key_values(view, relation), "k")]
    columns.append(f"{_role(view, relation, 'event_timestamp', up=True)} AS event")
    columns.append(f"{_role(view, relation, 'created_timestamp', up=False)} AS created")
    if source.available_at is not None:
        columns.append(f"{_role(view, relation, 'available_at', up=True)} AS available")
    if source.event_id is not None:
        columns.append(f"{relation.columns[source.event_id].sql} AS id")
    columns.append(f"{relation.rid} AS rid")
    columns += [f"{expression} AS {label}" for label, expression in extra.items()]
    near_event = near(event, bounds, limit=latest_event) if relation.prunes else None
    return _checked(view, select(columns, relation.from_clause(), where(near_event)), latest_event, extra)


def _checked(view: ViewPlan, rows: str, latest_event: int, extra: Iterable[str]) -> str:
    """The rows with their times checked against the delay, and without those unknown at `as_of`."""
    source = view.source
    event = "s.event"
    if view.delay:
        what = f"event_timestamp {source.event_timestamp!r} plus the delay"
        event = no_later(event, latest_event, what=what)
    columns = [f"s.{key}" for key in key_names(view)]
    columns += [f"{event} AS event", "s.created", "s.rid"]
    if source.available_at is not None:
        columns.append("s.available")
    if source.event_id is not None:
        columns.append("s.id")
    columns += [f"s.{label}" for label in extra]
    known = "s.created" if source.available_at is None else "s.available"
    as_of = None if view.as_of is None else f"{known} <= {view.as_of}"
    return select(columns, f"FROM {nested(rows, 's')}", where(as_of))


def visible_from(view: ViewPlan, rows: str) -> str:
    """The instant from which a row of `narrow_rows` is visible; null for never."""
    event = f"{rows}.event + {view.delay}" if view.delay else f"{rows}.event"
    if view.source.available_at is None:
        return event
    available = f"{rows}.available"
    return f"CASE WHEN {available} > {event} THEN {available} WHEN {available} IS NOT NULL THEN {event} END"


def _role(view: ViewPlan, relation: Relation, role: str, *, up: bool) -> str:
    column = getattr(view.source, role)
    if column is None:
        return "NULL::BIGINT"
    return instant(relation.columns[column], up=up, what=f"{role} {column!r}")


def key_values(view: ViewPlan, relation: Relation) -> list[str]:
    """The join keys of a row of the source, of the declared types."""
    if not view.keys:
        return [_ONE_FOR_ALL.sql]
    return [value(relation.columns[key.name], key.dtype) for key in view.keys]


def key_names(view: ViewPlan) -> list[str]:
    """What the keys are called in SQL: k0, k1, …; one constant where the view has none."""
    return numbered("k", max(1, len(view.keys)))


def entity_names(views: Iterable[ViewPlan]) -> dict[str, str]:
    """What the key columns of the entity rows are called in SQL, by their own names: e0, e1 and so on."""
    columns = dict.fromkeys(key.entity_column for view in views for key in view.keys)
    return {column: f"e{i}" for i, column in enumerate(columns)}


def entity_columns(views: Iterable[ViewPlan], view: ViewPlan) -> list[str]:
    """The join keys of one view among the entity rows, in SQL."""
    names = entity_names(views)
    return [names[key.entity_column] for key in view.keys] or [_ONE_FOR_ALL.sql]


def wide_rows(
    relation: Relation,
    winners: str,
    columns: Iterable[str],
    features: Mapping[str, FeatureColumn],
    *,
    extra: Iterable[str] = (),
) -> str:
    """The values of features, by their names in SQL, for the rows whose identity is in `winners.rid`.

    Args:
        relation: the source.
        winners: the table.
        columns: of that table, to be returned too.
        features: to be read.
        extra: more columns, as they stand in SQL.
    """
    values = (f"{value(relation.columns[f.column], f.dtype)} AS {label}" for label, f in features.items())
    return select(
        [*extra, *(f"w.{column}" for column in columns), *values],
        relation.from_clause(),
        f"JOIN {winners} w ON {relation.same_row.format('w.rid')}",
    )
