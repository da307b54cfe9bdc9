"""Answers of the online store: values, statuses and event timestamps, in the form that is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from featurestore.definitions.base import some_names
from featurestore.definitions.instants import from_microseconds
from featurestore.errors import RequestError
from featurestore.frames.convert import to_polars
from featurestore.frames.types import arrow_type
from featurestore.online.codec import DecodedRows
from featurestore.online.few_rows import FEW, PlainRows
from featurestore.online.serving import LONG, ServedFeature, ServedView, ServingPlan

if TYPE_CHECKING:
    import polars as pl

_EXACT = 2**53


class Status(StrEnum):
    """What became of one feature of one entity."""

    PRESENT = "PRESENT"
    NULL = "NULL"
    EXPIRED = "EXPIRED"
    NOT_FOUND = "NOT_FOUND"


class ViewAnswer:
    """The rows of one view, None where there is none, and when they are judged.

    Attributes:
        plain: see `ServedView.plain_rows`.

    Raises:
        RowFormatError: if a row was not written for this version of the view, or is damaged.
    """

    def __init__(self, view: ServedView, stored: Sequence[bytes | None], now: int) -> None:
        self.view, self.now = view, now
        self._stored = stored
        self.plain = view.plain_rows(stored, now)
        if self.plain is None:
            self.rows = view.layout.codec.decode(stored)

    @cached_property
    def rows(self) -> DecodedRows:
        """The rows, to be taken apart column by column."""
        return self.view.layout.codec.decode(self._stored)

    @cached_property
    def events(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """The rows' events; of aggregations the effective times."""
        if self.view.effective is None:
            return self.rows.event
        return np.maximum(self.rows.event, self.view.effective)

    @cached_property
    def found(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Which entities have a row whose event is not later than now."""
        return self.rows.present & (self.events <= self.now)

    @cached_property
    def usable(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Which entities have such a row that is not expired."""
        if self.view.ttl is None:
            return self.found
        return self.found & (self.now - self.events <= self.view.ttl)

    @property
    def all_usable(self) -> bool:
        """Whether every entity has a usable row: then values need no masking."""
        events, ttl, now = self.rows.few_events, self.view.ttl, self.now
        if not events or self.view.effective is not None:
            return bool(self.usable.all())
        return max(events) <= now and (ttl is None or now - min(events) <= ttl)

    @cached_property
    def complete(self) -> bool:
        """Whether every entity has a value of every feature: then numbers are taken as they are."""
        return self.all_usable and not self.rows.any_null

    def values(self, names: Sequence[str]) -> list[Sequence[Any]]:
        """Features' values in Python, None where there is none to use."""
        columns = self.rows.python_columns(names)
        if self.all_usable:
            return columns
        usable, empties = self.usable.tolist(), [self.view.empties.get(name) for name in names]
        return [
            [value if use else empty for value, use in zip(column, usable, strict=True)]
            for column, empty in zip(columns, empties, strict=True)
        ]

    def column(self, name: str) -> pa.Array:
        """A feature's values in Arrow, null where there is none to use."""
        column = self.rows.column(name)
        if self.all_usable:
            return column
        empty = pa.array([self.view.empties.get(name)], column.type)
        # Where there is nothing to use, the empty value, which stands last.
        indices = np.where(self.usable, np.arange(len(column)), len(column))
        return pa.concat_arrays([column, empty]).take(pa.array(indices))

    def numbers(self, feature: ServedFeature) -> tuple[Any, Any]:
        """A numeric feature's values in numpy, and which of them count; the rest is null."""
        values, nulls = self.rows.numpy(feature.name), self.rows.nulls(feature.name)
        if not isinstance(feature.empty, int | float):
            return values, self.usable & ~nulls
        return np.where(self.usable, values, feature.empty), np.ones(len(values), np.bool_)

    def statuses(self, name: str) -> list[Status]:
        """A feature's statuses."""
        nulls = self.rows.nulls(name)
        rows = zip(self.found.tolist(), self.usable.tolist(), nulls.tolist(), strict=True)
        return [_status(found, usable, null) for found, usable, null in rows]


def _status(found: bool, usable: bool, null: bool) -> Status:
    if not found:
        return Status.NOT_FOUND
    if not usable:
        return Status.EXPIRED
    return Status.NULL if null else Status.PRESENT


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
        types = self._plan.entity_columns()
        columns = {
            name: pa.array(values, arrow_type(types[name])) if name in types else pa.array(values)
            for name, values in self._entities.items()
        }
        columns.update((feature.output, answer.column(feature.name)) for answer, feature in self._features)
        return pa.table(columns)

    def to_polars(self) -> pl.DataFrame:
        """The same as a Polars data frame."""
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
        plain = None if self._plan.has_long else self._plain_rows()
        if plain is not None:
            return np.array(plain, dtype=np.float64).reshape(self._count, len(self._plan.outputs))
        if self._count <= FEW:
            columns = self._values()
            if self._plan.has_long:
                for values, (_, feature) in zip(columns, self._features, strict=True):
                    self._checked(values, feature)
            return np.array(columns, dtype=np.float64).T.reshape(self._count, len(columns))
        matrix = np.empty((self._count, len(self._features)), dtype=np.float64)
        for position, (answer, feature) in enumerate(self._features):
            if answer.complete and feature.dtype not in LONG:
                matrix[:, position] = answer.rows.numpy(feature.name)
                continue
            values, usable = answer.numbers(feature)
            matrix[:, position] = self._checked(values, feature, usable)
            if not usable.all():
                matrix[~usable, position] = np.nan
        return matrix

    @staticmethod
    def _checked(values: Any, feature: ServedFeature, usable: Any = None) -> Any:
        if feature.dtype in LONG:
            given = [value for value in values if value is not None] if usable is None else values[usable]
            some = np.asarray(given)
            if some.size and (int(some.max()) > _EXACT or int(some.min()) < -_EXACT):
                raise RequestError(
                    f"Feature {feature.output!r} holds an integer beyond 2**53, which float64 would change.",
                    hint="Use to_dicts, to_arrow or to_polars.",
                )
        return values

    @cached_property
    def statuses(self) -> dict[str, list[Status]]:
        """Feature to statuses, one per entity row."""
        return {feature.output: answer.statuses(feature.name) for answer, feature in self._features}

    @cached_property
    def event_timestamps(self) -> dict[str, list[datetime | None]]:
        """View (or alias) to the event timestamps of its rows, None where NOT_FOUND."""
        return {
            answer.view.label: [
                from_microseconds(event) if found else None
                for event, found in zip(answer.events.tolist(), answer.found.tolist(), strict=True)
            ]
            for answer in self._answers
        }

    def __len__(self) -> int:
        return self._count

    def __repr__(self) -> str:
        return f"OnlineFeatures({self._count:,} rows, features: {some_names(self._plan.outputs)})"
