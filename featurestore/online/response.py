"""Answers of the online store: values, statuses and event timestamps, in the form that is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any

from featurestore.definitions.base import some_names
from featurestore.definitions.instants import from_microseconds
from featurestore.errors import RequestError
from featurestore.online.few_rows import FEW, PlainRows
from featurestore.online.serving import LONG, ServedFeature, ServingPlan
from featurestore.online.status import Status
from featurestore.online.view_answer import ViewAnswer

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    import pyarrow as pa

_EXACT = 2**53


class OnlineFeatures:
    """Features of some entities: one row per entity row that was asked for, in its order.

    Where its status is not PRESENT, a feature's value is its empty value: 0 for counts and sums, an empty list
    or map for aggregations that give these, else None.
    """

    def __init__(
        self,
        *,
        plan: ServingPlan,
        entities: Mapping[str, Sequence[Any]],
        count: int,
        answers: Sequence[ViewAnswer],
    ) -> None:
        self._plan = plan
        self._entities = entities
        self._count = count
        self._answers = answers

    @cached_property
    def _features(self) -> list[tuple[ViewAnswer, ServedFeature]]:
        by_output = {f.output: (answer, f) for answer in self._answers for f in answer.view.features}
        return [by_output[output] for output in self._plan.outputs]

    def to_dict(self) -> dict[str, list[Any]]:
        """Column name to values: the entity columns that were given, then the features."""
        return {name: list(values) for name, values in self._columns().items()}

    def _columns(self) -> dict[str, Sequence[Any]]:
        columns: dict[str, Sequence[Any]] = dict(self._entities)
        columns.update(zip(self._plan.outputs, self._values(), strict=True))
        return columns

    def _plain_rows(self) -> PlainRows | None:
        """The values of each of a few entity rows in the order of the request, if all can be used as they are."""
        parts: list[PlainRows] = []
        for answer in self._answers:
            if answer.plain is None:
                return None
            parts.append(answer.plain)
        rows = parts[0] if len(parts) == 1 else [tuple(chain(*row)) for row in zip(*parts, strict=True)]
        in_order = self._plan.in_order
        return rows if in_order is None else [in_order(row) for row in rows]

    def _values(self) -> list[Sequence[Any]]:
        """The values of all features in the order of the request."""
        values: dict[str, Sequence[Any]] = {}
        for answer in self._answers:
            names, outputs = answer.view.feature_names
            values.update(zip(outputs, answer.values(names), strict=True))
        return [values[output] for output in self._plan.outputs]

    def to_dicts(self) -> list[dict[str, Any]]:
        """One dict per entity row: its own columns, then the features."""
        plain = self._plain_rows() if self._entities else None
        if plain is not None:
            names = (*self._entities, *self._plan.outputs)
            entities = zip(*self._entities.values(), strict=True)
            # Without `strict`, which is a fifth of the time: there are as many names as values.
            return [dict(zip(names, entity + row)) for entity, row in zip(entities, plain)]  # noqa: B905
        columns = self._columns()
        if not columns:
            return [{} for _ in range(self._count)]
        names = tuple(columns)
        return [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    def to_arrow(self) -> pa.Table:
        """The same as an Arrow table, features in their declared types."""
        import pyarrow as pa

        from featurestore.frames.types import arrow_type

        types = self._plan.entity_columns()
        columns = {
            name: pa.array(values, arrow_type(types[name])) if name in types else pa.array(values)
            for name, values in self._entities.items()
        }
        columns.update(
            (feature.output, answer.columns.column(feature.name)) for answer, feature in self._features
        )
        return pa.table(columns)

    def to_polars(self) -> pl.DataFrame:
        """The same as a Polars data frame."""
        from featurestore.frames.convert import to_polars

        return to_polars(self.to_arrow())

    def to_numpy(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """The features as float64, shape (entity rows, features), NaN where there is no value.

        Raises:
            RequestError: if a feature is not a number, or a value would change (an integer beyond 2**53).
        """
        unfit = self._plan.no_number
        if unfit is not None:
            raise RequestError(
                f"Feature {unfit.output!r} is {unfit.dtype}, which is not a float64.",
                hint="Use to_dicts, to_arrow or to_polars, or ask for numbers only.",
            )
        import numpy as np

        plain = None if self._plan.has_long else self._plain_rows()
        if plain is not None:
            return np.array(plain, dtype=np.float64).reshape(self._count, len(self._plan.outputs))
        if self._count <= FEW:
            lists = self._values()
            for values, (_, feature) in zip(lists, self._features, strict=True):
                if feature.dtype in LONG:
                    self._check_exact(feature, [value for value in values if value is not None])
            return np.array(lists, dtype=np.float64).T.reshape(self._count, len(lists))
        matrix = np.empty((self._count, len(self._features)), dtype=np.float64)
        for position, (answer, feature) in enumerate(self._features):
            columns = answer.columns
            if columns.complete and feature.dtype not in LONG:
                matrix[:, position] = columns.stored(feature.name)
                continue
            numbers, usable = columns.numbers(feature)
            if feature.dtype in LONG:
                self._check_exact(feature, numbers[usable])
            matrix[:, position] = numbers
            if not usable.all():
                matrix[~usable, position] = np.nan
        return matrix

    @staticmethod
    def _check_exact(feature: ServedFeature, values: Sequence[int] | np.ndarray[Any, np.dtype[Any]]) -> None:
        import numpy as np

        given = np.asarray(values)
        if given.size and (int(given.max()) > _EXACT or int(given.min()) < -_EXACT):
            raise RequestError(
                f"Feature {feature.output!r} holds an integer beyond 2**53, which float64 would change.",
                hint="Use to_dicts, to_arrow or to_polars.",
            )

    @cached_property
    def statuses(self) -> dict[str, list[Status]]:
        """Feature to statuses, one per entity row."""
        return {feature.output: answer.statuses(feature.name) for answer, feature in self._features}

    @cached_property
    def event_timestamps(self) -> dict[str, list[datetime | None]]:
        """View (or alias) to the event timestamps of its rows, None where NOT_FOUND."""
        return {
            answer.view.label: [
                None if event is None else from_microseconds(event) for event in answer.events
            ]
            for answer in self._answers
        }

    def __len__(self) -> int:
        return self._count

    def __repr__(self) -> str:
        return f"OnlineFeatures({self._count:,} rows, features: {some_names(self._plan.outputs)})"
