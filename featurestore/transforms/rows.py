"""The rows of a source after some steps, as Arrow tables: their columns, and the rows themselves.

Columns that a step leaves alone do not pass through SQL: they are taken from its input by row number, so that no
value changes on the way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from featurestore.definitions.source import Source
from featurestore.definitions.steps import Call, Conditions, Rename, Select, Shape, Step
from featurestore.protocols.sources import EVERY_ROW, WantedRows
from featurestore.sources.arrow import read_table, source_rows
from featurestore.sources.remote_parquet import Looked
from featurestore.transforms import call, rename, select, shape
from featurestore.transforms.table import Rows

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class RowSchema:
    """The columns of rows.

    Attributes:
        arrow: names and Arrow types.
        text: columns that are text to be read as the declared type (of CSV files and folder names).
        looked: what the source's files in object storage had when their columns were found out.
    """

    arrow: pa.Schema
    text: frozenset[str]
    looked: Looked = field(default_factory=Looked)


def row_schema(source: Source, steps: Sequence[Step]) -> RowSchema:
    """The columns that rows have after all steps; no data are read.

    Raises:
        SourceError: if the source cannot be read.
        TransformError: if a step does not fit the columns.
    """
    looked = Looked()
    schema, text = source_rows(source, looked)
    rows = run_steps(Rows(schema.empty_table(), text), steps, source, wanted=None)
    return RowSchema(rows.table.schema, rows.text, looked)


def read_rows(
    source: Source,
    steps: Sequence[Step],
    columns: Mapping[str, pa.DataType | None],
    *,
    rows: WantedRows = EVERY_ROW,
    expected: pa.Schema | None = None,
) -> pa.Table:
    """Columns of the rows after all steps, in the order of the source where the steps keep it.

    Args:
        source: with absolute paths.
        steps: none for the rows of the source as they are.
        columns: names to the types that fields of CSV files are parsed as; with steps, these are text.
        rows: which rows of the source are wanted.
        expected: the columns of the source, where there are no steps; see `external_rows`.

    Raises:
        SourceError: if the source cannot be read.
        TransformError: if a step fails.
    """
    if not steps:
        return read_table(source, columns, rows=rows, expected=expected)
    schema, text = source_rows(source)
    needed = columns_needed(steps, columns, schema)
    wanted = dict.fromkeys(name for name in schema.names if name in needed)
    base = read_table(source, wanted, rows=rows, expected=schema)
    return run_steps(Rows(base, text & needed), steps, source, wanted=list(columns)).table.select(
        list(columns)
    )


def read_numbered(
    base: pa.Table,
    text: frozenset[str],
    source: Source,
    steps: Sequence[Step],
    columns: Sequence[str],
    number: str,
) -> pa.Table:
    """Columns of the rows after steps that keep rows, made from some of the source's rows, each with its number.

    Args:
        base: rows of the source with the columns that `columns_needed` names, and their numbers.
        text: see `RowSchema`.
        source: names the rows in errors.
        steps: `keeps_rows` is true of them.
        columns: of the result.
        number: the column of numbers, which the result has too.
    """
    carrying = [
        replace(step, time_columns=(*step.time_columns, number))
        if isinstance(step, Select | Rename)
        else step
        for step in steps
    ]
    rows = run_steps(Rows(base, text), carrying, source, wanted=[*columns, number])
    return rows.table.select([*columns, number])


def run_steps(rows: Rows, steps: Sequence[Step], source: Source, wanted: Iterable[str] | None) -> Rows:
    """The rows after all steps.

    Args:
        rows: of the source, with all columns that the steps need.
        steps: the steps.
        source: names the rows in errors.
        wanted: the columns of the result that are needed; None for all.
    """
    if not steps:
        return rows
    demands: list[frozenset[str] | None] = [None if wanted is None else _folded(wanted)]
    for step in reversed(steps[1:]):
        demands.append(_inputs(step, demands[-1]))
    for step, demand in zip(steps, reversed(demands), strict=True):
        rows = _run(step, rows, demand, source)
    return rows


def columns_needed(steps: Sequence[Step], wanted: Iterable[str], schema: pa.Schema) -> frozenset[str]:
    """The columns of the source that some columns of the result are made from: their lineage."""
    needed: frozenset[str] | None = _folded(wanted)
    for step in reversed(steps):
        needed = _inputs(step, needed)
    present = frozenset(schema.names)
    if needed is None:
        return present
    return frozenset(name for name in present if name.lower() in needed)


def _folded(names: Iterable[str]) -> frozenset[str]:
    return frozenset(name.lower() for name in names)


def _inputs(step: Step, wanted: frozenset[str] | None) -> frozenset[str] | None:
    """The columns that a step needs for some columns of its result; None: all, or not known."""
    if wanted is None or isinstance(step, Call):
        return None
    if isinstance(step, Shape):
        return shape.inputs(step, wanted)
    if isinstance(step, Conditions):
        return shape.inputs(Shape(computed=step.columns), wanted)
    if isinstance(step, Rename):
        return rename.inputs(step, wanted)
    return select.inputs(step, wanted)


def _run(step: Step, rows: Rows, wanted: frozenset[str] | None, source: Source) -> Rows:
    what = f"source {source.name!r}"
    if isinstance(step, Shape):
        return shape.apply(step, rows, wanted, what=what)
    if isinstance(step, Conditions):
        told = f"where {' and where '.join(map(repr, step.columns.values()))}: {what}"
        return shape.apply(Shape(computed=step.columns), rows, wanted, what=told)
    if isinstance(step, Rename):
        return rename.apply(step, rows, wanted, what=what)
    if isinstance(step, Select):
        return select.apply(step, rows, wanted, what=what)
    return call.apply(step, rows, what=what)
