"""A view's SQL, over Arrow."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence

from featurestore.definitions.row_sql import PLACEHOLDER, TABLE, RowSelect, parse_select
from featurestore.definitions.steps import Select
from featurestore.errors import TransformError
from featurestore.transforms.duckdb_sql import run_sql
from featurestore.transforms.table import ROW, Rows, missing, quoted, resolve, taken_as_they_are, with_results

parsed = functools.cache(parse_select)


def inputs(step: Select, wanted: frozenset[str]) -> frozenset[str] | None:
    """The columns that these columns of the result are made from, in lower case as they are; None: not known."""
    if not step.row_local:
        return None
    select = parsed(step.sql)
    made = {name.lower() for name in select.outputs}
    return frozenset(
        name.lower() for name in (*select.inputs, *(name for name in wanted if name not in made))
    )


def apply(step: Select, rows: Rows, wanted: frozenset[str] | None, *, what: str) -> Rows:
    """The rows of the result."""
    what = f"SQL over {what}"
    if not step.row_local:
        return _trusted(step, rows, what)
    select, names = parsed(step.sql), rows.table.schema.names
    untouched = untouched_columns(select, step.time_columns, names, what=what, wanted=wanted)
    made = [name for name in select.outputs if name not in select.plain]
    order = [
        name
        for name in output_names(select, step.time_columns, names)
        if wanted is None or name.lower() in wanted
    ]
    made = [name for name in made if name in order]
    taken = {name: column for name, column in untouched.items() if name in order}
    if not made and not select.filters:
        return taken_as_they_are(rows, taken, order)
    # The statement as it was written needs all of its columns: where none is made of them, the condition is enough.
    statement = select.with_columns([ROW] if not select.star else []) if made else select.only(ROW)
    used = [resolve(name, names) for name in (select.inputs if made else select.conditions)]
    return with_results(
        rows,
        taken,
        f"SELECT {', '.join([*map(quoted, made), ROW])} FROM ({statement})",
        order,
        what=what,
        inputs=[name for name in used if name is not None],
    )


def untouched_columns(
    select: RowSelect,
    time_columns: Sequence[str],
    names: Sequence[str],
    *,
    what: str,
    wanted: frozenset[str] | None = None,
) -> dict[str, str]:
    """The columns of the result that are columns of the rows as they are.

    Raises:
        TransformError: if one of them is not there, or the star brings a column that has its name already.
    """

    def is_wanted(name: str) -> bool:
        return wanted is None or name.lower() in wanted

    found = {name: resolve(column, names) for name, column in select.plain.items() if is_wanted(name)}
    if select.star:
        found |= {name: name for name in _of_the_star(select, names, what)}
    for name in filter(is_wanted, time_columns):
        found.setdefault(name, name if name in names else None)
    taken = {name: origin for name, origin in found.items() if origin is not None}
    for name in found:
        if name not in taken:
            raise missing(select.plain.get(name, name), names, what=what)
    return taken


def _of_the_star(select: RowSelect, names: Sequence[str], what: str) -> Iterator[str]:
    for name in names:
        if name.lower() in select.hidden or name in select.replaced:
            continue
        if name in select.outputs:
            raise TransformError(
                f"{what}: two columns are called {name!r}.",
                hint=f"Write * EXCLUDE ({name}), or give the other one another name.",
            )
        yield name


def output_names(select: RowSelect, time_columns: Sequence[str], names: Sequence[str]) -> list[str]:
    """The names of the result's columns."""
    stars = (
        [n for n in names if n.lower() not in select.hidden and n not in select.replaced]
        if select.star
        else []
    )
    return list(dict.fromkeys([*stars, *select.outputs, *time_columns]))


def _trusted(step: Select, rows: Rows, what: str) -> Rows:
    table = run_sql(rows.table, step.sql.replace(PLACEHOLDER, TABLE), what=what)
    for name in step.time_columns:
        if name not in table.schema.names:
            raise TransformError(
                f"{what}: the result has no time column {name!r}; it has: {', '.join(table.schema.names)}.",
                hint="SQL that looks at other rows has to say itself what the times of its rows are.",
            )
    return Rows(table, frozenset())
