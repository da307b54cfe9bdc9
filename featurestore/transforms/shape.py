"""What a source does with its rows: columns renamed, a list unnested, columns computed, rows left out."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from featurestore.definitions.row_sql import TABLE, parse_expression
from featurestore.definitions.steps import Shape
from featurestore.errors import TransformError
from featurestore.transforms.table import ROW, Rows, missing, quoted, resolve, with_results


def inputs(step: Shape, wanted: frozenset[str]) -> frozenset[str]:
    """The columns of the data that these columns are made from, in lower case as they are."""
    needed = {name for name in wanted if name not in {computed.lower() for computed in step.computed}}
    if _is_run(step, wanted):
        # All computed columns: one may use another, and so may the condition.
        for expression in (*step.computed.values(), *([step.where] if step.where else [])):
            needed |= {name.lower() for name in parse_expression(expression)}
    if step.unnest:
        needed.add(step.unnest.lower())
    mapped = {new.lower(): old.lower() for new, old in step.mapping.items()}
    return frozenset(mapped.get(name, name) for name in needed)


def apply(step: Shape, rows: Rows, wanted: frozenset[str] | None, *, what: str) -> Rows:
    """The rows as the source shows them."""
    rows = _renamed(step, rows, wanted, what)
    if step.unnest:
        rows = _unnested(step.unnest, rows, what)
    return _computed(step, rows, wanted, what) if _is_run(step, wanted) else rows


def _is_run(step: Shape, wanted: frozenset[str] | None) -> bool:
    """Whether SQL has anything to do."""
    computed = {name.lower() for name in step.computed}
    return bool(step.where or (computed if wanted is None else computed & wanted))


def renamed(
    step: Shape, names: list[str], *, what: str, wanted: frozenset[str] | None = None
) -> dict[str, str]:
    """The columns of the result, and which columns of the data they are; the old names are gone."""
    for old in step.mapping.values():
        if old not in names and wanted is None:
            raise missing(old, names, what=f"The mapping of {what}: the data")
    gone = set(step.mapping.values())
    kept = {name: name for name in names if name not in gone and name not in step.mapping}
    return kept | {new: old for new, old in step.mapping.items() if old in names}


def _renamed(step: Shape, rows: Rows, wanted: frozenset[str] | None, what: str) -> Rows:
    columns = renamed(step, rows.table.schema.names, what=what, wanted=wanted)
    table = pa.table({new: rows.table.column(old) for new, old in columns.items()})
    return Rows(table, frozenset(new for new, old in columns.items() if old in rows.text))


def _unnested(name: str, rows: Rows, what: str) -> Rows:
    found = resolve(name, rows.table.schema.names)
    if found is None:
        raise missing(name, rows.table.schema.names, what=f"unnest of {what}: the data")
    lists = rows.table.column(found)
    if not (
        pa.types.is_list(lists.type)
        or pa.types.is_large_list(lists.type)
        or pa.types.is_fixed_size_list(lists.type)
    ):
        raise TransformError(
            f"unnest of {what}: column {name!r} is {lists.type}, not a list.", hint="Name a list column."
        )
    lists = lists.combine_chunks().cast(pa.large_list(lists.type.value_type))
    parents = pc.list_parent_indices(lists)
    columns = {
        column: pc.list_flatten(lists) if column == found else rows.table.column(column).take(parents)
        for column in rows.table.schema.names
    }
    return Rows(pa.table(columns), rows.text)


def _computed(step: Shape, rows: Rows, wanted: frozenset[str] | None, what: str) -> Rows:
    names = rows.table.schema.names
    for name in step.computed:
        if resolve(name, names) is not None:
            raise TransformError(
                f"{what} already has a column {name!r}, which cannot be computed.",
                hint="Give it another name.",
            )
    computed = [name for name in step.computed if wanted is None or name.lower() in wanted]
    used = set()
    for expression in (*step.computed.values(), *([step.where] if step.where else [])):
        for name in parse_expression(expression):
            if resolve(name, [*names, *step.computed]) is None:
                raise missing(name, names, what=what)
            used.add(resolve(name, names))
    return with_results(
        rows,
        {name: name for name in names if wanted is None or name.lower() in wanted},
        f"SELECT {', '.join([*map(quoted, computed), ROW])} FROM ({sql(step, TABLE)})",
        [*(name for name in names if wanted is None or name.lower() in wanted), *computed],
        what=what,
        inputs=[name for name in used if name is not None],
    )


def sql(step: Shape, table: str) -> str:
    """All columns of a table and the computed ones, of the rows for which the condition is true."""
    more = "".join(f", ({expression}\n) AS {quoted(name)}" for name, expression in step.computed.items())
    query = f"SELECT *{more} FROM {table}"
    return f"SELECT * FROM ({query}) WHERE ({step.where}\n)" if step.where else query
