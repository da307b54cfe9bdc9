"""What a view has to be, and its source has to have, to be answered in a database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from featurestore.definitions.steps import Shape, Step
from featurestore.definitions.types import FeatureType
from featurestore.errors import SourceError
from featurestore.protocols.offline import ViewPlan
from featurestore_connectors.push_down.conditions import conditions_of
from featurestore_connectors.push_down.dialect import Columns


def renames(step: Step) -> bool:
    """Whether a step does nothing but give columns other names."""
    return isinstance(step, Shape) and not (step.computed or step.where or step.unnest)


def check_columns(view: ViewPlan, columns: Columns, reads: Callable[[Any, FeatureType], bool]) -> None:
    """Check that the columns are there and of the types that are declared.

    Args:
        view: whose columns.
        columns: those of its source, by the names that the view uses.
        reads: whether a column can be read as a type.

    Raises:
        SourceError: naming one that is not.
    """
    marks = conditions_of(view)
    wanted = [(key.name, key.dtype) for key in view.keys]
    wanted += [(f.column, f.dtype) for f in view.inputs if f.column not in marks]
    for name, dtype in [*wanted, *((role, None) for role in view.source.time_columns)]:
        if name not in columns:
            raise SourceError(
                f"View {view.label!r}: source {view.source.name!r} has no column {name!r}; "
                f"it has: {', '.join(columns)}."
            )
        column = columns[name]
        if dtype is not None and not reads(column, dtype):
            raise SourceError(
                f"View {view.label!r}: column {name!r} of source {view.source.name!r} is {column.type}, which does "
                f"not convert to {dtype} without loss.",
                hint=f"Declare a type that holds {column.type}, or CAST it in query=.",
            )
