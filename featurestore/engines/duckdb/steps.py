"""The steps of a view as one query over its files, where they are row-local SQL: DuckDB reads what it needs."""

from __future__ import annotations

from collections.abc import Sequence

from featurestore.definitions.row_sql import TABLE
from featurestore.definitions.source import Source
from featurestore.definitions.steps import Conditions, Rename, Select, Shape, Step
from featurestore.engines.duckdb.sql import name, nested, select
from featurestore.engines.duckdb.times import Column
from featurestore.engines.duckdb.types import value
from featurestore.transforms import shape
from featurestore.transforms.rename import has_times
from featurestore.transforms.rows import RowSchema, row_schema
from featurestore.transforms.select import output_names, parsed, untouched_columns


def inlined(source: Source, steps: Sequence[Step], base: str, numbers: Sequence[str]) -> str:
    """The query for the rows after all steps.

    Args:
        source: whose rows they are.
        steps: `keeps_rows` is true of them.
        base: the query for all columns of the source, and `numbers`.
        numbers: columns that tell rows apart, which the result has too.
    """
    query = base
    for i, step in enumerate(steps):
        rows = row_schema(source, steps[:i])
        if isinstance(step, Shape):
            query = _shaped(step, query, rows, numbers, what=f"source {source.name!r}")
        elif isinstance(step, Conditions):
            query = shape.sql(Shape(computed=step.columns), nested(query, "s"))
        elif isinstance(step, Rename):
            query = _renamed(step, query, rows, numbers, source.timezone)
        elif isinstance(step, Select):
            query = _selected(step, query, rows, numbers, what=f"SQL over source {source.name!r}")
    return query


def _shaped(step: Shape, query: str, rows: RowSchema, numbers: Sequence[str], *, what: str) -> str:
    columns = shape.renamed(step, rows.arrow.names, what=what)
    listed = [name(old) if old == new else f"{name(old)} AS {name(new)}" for new, old in columns.items()]
    return shape.sql(step, nested(select([*listed, *numbers], f"FROM {nested(query, 'r')}"), "s"))


def _selected(step: Select, query: str, rows: RowSchema, numbers: Sequence[str], *, what: str) -> str:
    statement, names = parsed(step.sql), rows.arrow.names
    untouched_columns(statement, step.time_columns, names, what=what)
    own = set(output_names(statement, (), names))
    times = [name(column) for column in step.time_columns if column not in own]
    with_times = statement.with_columns([*times, *([] if statement.star else numbers)])
    return f"WITH {TABLE} AS NOT MATERIALIZED {nested(query, '')}\n{with_times}"


def _renamed(step: Rename, query: str, rows: RowSchema, numbers: Sequence[str], zone: str) -> str:
    listed = []
    for new, old, dtype in step.columns:
        column = Column(name(old), rows.arrow.field(old).type, zone, text=old in rows.text)
        listed.append(f"{name(old) if has_times(dtype) else value(column, dtype)} AS {name(new)}")
    taken = {new for new, _, _ in step.columns}
    times = [name(column) for column in step.time_columns if column not in taken]
    return select([*listed, *times, *numbers], f"FROM {nested(query, 'r')}")
