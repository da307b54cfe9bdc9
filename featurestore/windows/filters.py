"""Conditions on rows (``where=``): SQL in DuckDB's dialect over the columns of a source.

A condition is one expression over one row. It is evaluated over Arrow, the same way for every engine.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa
import sqlglot
from sqlglot import exp

from featurestore.errors import SourceError
from featurestore.windows.arrays import Mask

_NOT_OF_A_ROW = (exp.Query, exp.AggFunc, exp.Window, exp.Star, exp.Parameter, exp.Placeholder, exp.Command)


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition that was read.

    Attributes:
        text: as it was written.
        columns: of the source that it reads.
        sql: the same over columns c0, c1 and so on.
    """

    text: str
    columns: tuple[str, ...]
    sql: str


def read_filter(text: str, *, label: str, known: Iterable[str]) -> Filter:
    """Read a condition over a source with the columns `known`; `label` names the view.

    Raises:
        SourceError: if it is not one expression over a row, or names another column.
    """
    try:
        parsed = sqlglot.parse_one(text, dialect="duckdb", into=exp.Condition)
    except sqlglot.errors.SqlglotError as error:
        raise _refused(label, text, str(error).partition("\n")[0]) from error
    wrong = next(iter(parsed.find_all(*_NOT_OF_A_ROW)), None)
    if wrong is not None:
        raise _refused(label, text, f"{wrong.sql(dialect='duckdb')} is nothing that a row has")
    columns: dict[str, str] = {}
    names = set(known)
    for column in list(parsed.find_all(exp.Column)):
        if column.table or column.name not in names:
            raise _refused(label, text, f"the source has no column {column.sql(dialect='duckdb')}")
        renamed = columns.setdefault(column.name, f"c{len(columns)}")
        replacement = exp.column(renamed, quoted=True)
        if column is parsed:
            parsed = replacement
        else:
            column.replace(replacement)
    return Filter(text, tuple(columns), parsed.sql(dialect="duckdb"))


def evaluate(
    filters: Sequence[Filter], columns: Mapping[str, pa.ChunkedArray], rows: int, *, label: str
) -> dict[str, Mask]:
    """By their text, the rows that each filter is true of; null is not true.

    Raises:
        SourceError: if a condition does not suit the types of its columns, or fails on a value.
    """
    return {each.text: _mask(each, columns, rows, label) for each in filters}


def _mask(each: Filter, columns: Mapping[str, pa.ChunkedArray], rows: int, label: str) -> Mask:
    read = {f"c{i}": columns[name] for i, name in enumerate(each.columns)}
    table = pa.table({"row": pa.array(np.arange(rows)), **read})
    with duckdb.connect(":memory:", config={"threads": 1, "python_enable_replacements": False}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("rows", table)
        try:
            query = f"SELECT coalesce(({each.sql})::BOOLEAN, false) AS yes FROM rows ORDER BY row"  # noqa: S608
            found = connection.sql(query)
            mask: Mask = found.to_arrow_table().column("yes").to_numpy()
        except duckdb.Error as error:
            raise _refused(label, each.text, str(error).partition("\n")[0]) from error
    return mask.astype(np.bool_)


def _refused(label: str, text: str, why: str) -> SourceError:
    return SourceError(
        f"View {label!r}: the condition {text!r} cannot be used: {why}.",
        hint="Write one condition over the columns of a row, such as \"amount > 0 AND status = 'ok'\".",
    )
