"""Which columns of its source each feature of a view is made from, back through SQL and transforms."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from featurestore.definitions.aggregation import Aggregation
from featurestore.definitions.feature import Feature
from featurestore.definitions.row_sql import PLACEHOLDER, TABLE, parse_expression, parse_select
from featurestore.definitions.steps import Call, Conditions, Rename, Select, Shape, Step, row_steps
from featurestore.definitions.view import FeatureView

EVERYTHING = "*"
"""Stands for all columns: code in Python does not tell which ones it reads."""
Names = frozenset[str]


@dataclass(frozen=True, slots=True)
class Origin:
    """The columns of the source behind something.

    Attributes:
        values: those that its values are made from; ``*`` where that cannot be told.
        filters: those that decide which rows count.
    """

    values: Names
    filters: Names = frozenset()


def feature_origins(view: FeatureView) -> dict[str, Origin]:
    """Feature to the columns of the view's source that it is made from."""
    # Conditions are a step only for engines; here each feature has its own.
    steps = [step for step in row_steps(view) if not isinstance(step, Conditions)]
    return {feature.name: _trace(_needed(feature), steps) for feature in view.features}


def column_origin(view: FeatureView, column: str) -> Origin:
    """The columns of the source behind a join key or a time column of the view's rows."""
    steps = [step for step in row_steps(view) if not isinstance(step, Conditions)]
    return _trace(Origin(frozenset({column})), steps)


def _needed(feature: Feature | Aggregation) -> Origin:
    where = feature.where if isinstance(feature, Aggregation) else None
    return Origin(frozenset(feature.inputs), parse_expression(where) if where else frozenset())


def _trace(needed: Origin, steps: Iterable[Step]) -> Origin:
    for step in reversed(list(steps)):
        filters = _behind(needed.filters, step) | _row_filters(step)
        needed = Origin(_behind(needed.values, step), filters)
    return needed


def _behind(names: Names, step: Step) -> Names:
    return frozenset(column for name in names for column in _one_behind(name, step))


def _one_behind(name: str, step: Step) -> Names:
    if name == EVERYTHING or isinstance(step, Call):
        return frozenset({EVERYTHING})
    if isinstance(step, Rename):
        return frozenset({{new: old for new, old, _ in step.columns}.get(name, name)})
    if isinstance(step, Shape):
        return _behind_shape(name, step)
    if isinstance(step, Select):
        return _behind_select(name, step)
    return frozenset({name})


def _behind_shape(name: str, shape: Shape) -> Names:
    columns = parse_expression(shape.computed[name]) if name in shape.computed else frozenset({name})
    return frozenset(shape.mapping.get(column, column) for column in columns)


def _behind_select(name: str, step: Select) -> Names:
    if not step.row_local:
        return _behind_trusted(name, step.sql)
    select = parse_select(step.sql)
    return select.outputs.get(name, frozenset({name}))


def _row_filters(step: Step) -> Names:
    if isinstance(step, Shape) and step.where:
        behind = (_behind_shape(name, step) for name in parse_expression(step.where))
        return frozenset(column for names in behind for column in names)
    if isinstance(step, Select) and step.row_local:
        return parse_select(step.sql).conditions
    return frozenset()


def _behind_trusted(name: str, sql: str) -> Names:
    """What sqlglot finds; everything where a star or an unknown function hides it."""
    from sqlglot import exp
    from sqlglot.errors import SqlglotError
    from sqlglot.lineage import lineage

    try:
        root = lineage(name, sql.replace(PLACEHOLDER, TABLE), schema={}, dialect="duckdb")
    except (SqlglotError, ValueError, KeyError):
        return frozenset({EVERYTHING})
    tables = [node for node in root.walk() if not node.downstream and isinstance(node.expression, exp.Table)]
    found = frozenset(node.name.rpartition(".")[2].strip('"') for node in tables)
    return frozenset({EVERYTHING}) if EVERYTHING in found else found
