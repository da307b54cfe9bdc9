"""Rows between two steps."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from featurestore.errors import TransformError
from featurestore.transforms.duckdb_sql import run_sql

ROW = "__fs_row"


@dataclass(frozen=True, slots=True)
class Rows:
    """A table, and which of its columns are text to be read as the type that a view declares."""

    table: pa.Table
    text: frozenset[str]


def with_results(
    rows: Rows,
    untouched: Mapping[str, str],
    statement: str,
    order: Iterable[str],
    *,
    what: str,
    inputs: Collection[str],
) -> Rows:
    """The columns of a row-local query, beside columns that are taken as they are.

    Args:
        rows: what the query reads.
        untouched: columns of the result, and the columns of `rows` that they are.
        statement: the query; its last column is `ROW`, the number of the row that each row comes from.
        order: the names of the result's columns.
        what: names the rows in errors.
        inputs: the columns that the query needs.
    """
    table = rows.table
    read = [name for name in table.schema.names if name in inputs]
    numbers = pa.array(np.arange(table.num_rows))
    found = run_sql(table.select(read).append_column(ROW, numbers), statement, what=what)
    origin = found.column(found.num_columns - 1)
    same = len(origin) == table.num_rows and bool((np.asarray(origin) == np.asarray(numbers)).all())
    columns = {}
    for name in order:
        if name in untouched:
            column = table.column(untouched[name])
            columns[name] = column if same else column.take(origin)
        else:
            columns[name] = found.column(name)
    text = frozenset(name for name, before in untouched.items() if before in rows.text)
    return Rows(pa.table(columns), text)


def taken_as_they_are(rows: Rows, untouched: Mapping[str, str], order: Iterable[str]) -> Rows:
    """Columns under other names, of all rows."""
    columns = {name: rows.table.column(untouched[name]) for name in order}
    text = frozenset(name for name, before in untouched.items() if before in rows.text)
    return Rows(pa.table(columns), text)


def resolve(name: str, names: Iterable[str]) -> str | None:
    """The column that SQL means by a name: the case of letters does not matter."""
    names = list(names)
    if name in names:
        return name
    return next((other for other in names if other.lower() == name.lower()), None)


def missing(name: str, names: Collection[str], *, what: str) -> TransformError:
    """The error for a column that is not there."""
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    hint = f"Did you mean {near[0]!r}?" if near else None
    return TransformError(f"{what} has no column {name!r}; it has: {', '.join(names)}.", hint=hint)


def quoted(name: str) -> str:
    """A name in SQL."""
    return '"' + name.replace('"', '""') + '"'
