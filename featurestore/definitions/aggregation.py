"""Aggregations: features that sum up the rows of a time window."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Self

from pydantic import BeforeValidator, PlainSerializer, field_validator, model_validator

from featurestore.definitions.base import Definition, Duration, FrozenDict, Tags, Type, _check_name
from featurestore.definitions.feature import Feature
from featurestore.definitions.functions import FUNCTIONS, Function, parse_function
from featurestore.definitions.row_sql import parse_expression
from featurestore.definitions.types import FeatureType, Int64
from featurestore.definitions.windows import (
    AnyWindow,
    Window,
    Windows,
    duration_text,
    parse_duration,
    window_text,
)
from featurestore.errors import DefinitionError

ALL_ROWS = "*"
_NOT_IN_NAMES = re.compile(r"\W+")


class Aggregation(Definition):
    """What a function makes of the rows of an entity within a window before an instant.

    The window of an instant t holds the rows that are visible at t and whose event timestamp is later than
    ``t - offset - window`` and not later than ``t - offset``.

    Args:
        column: of the source; ``"*"`` counts rows.
        function: count, sum, mean, min, max, var, stddev (of the whole window, not of a sample of it), first,
            last, count_distinct, median, percentile(0.95), any, all, mode, or lists: first_n(10), last_n(10),
            first_distinct_n(10), last_distinct_n(10).
        window: a timedelta, a text such as ``"7d"``, ``fs.LIFETIME``, or a list of these: one feature each.
        name: by default column, function and window: ``amount_sum_7d``. With several windows each gets its
            window as an ending.
        where: a condition on one row, in SQL as for `FeatureView`; rows for which it is false or null do not
            count.
        offset: how far before the instant the window ends.
        input_type: the column's type. By default what the source says; CSV files say nothing.

    Raises:
        DefinitionError: if there is no such function, or the column's type does not suit it.

    Example:
        >>> import featurestore as fs
        >>> [a.name for a in fs.Aggregation("amount", "sum", window=["1d", fs.LIFETIME]).single()]
        ['amount_sum_1d', 'amount_sum_lifetime']
    """

    kind: ClassVar[str] = "aggregation"

    column: str
    function: str
    window: Windows
    name: str = ""
    where: str | None = None
    offset: Annotated[Duration, BeforeValidator(parse_duration)] = timedelta(0)
    input_type: Type | None = None
    description: str = ""
    tags: Tags = FrozenDict()

    def __init__(
        self,
        column: str,
        function: str,
        window: AnyWindow | Sequence[AnyWindow],
        name: str = "",
        where: str | None = None,
        offset: timedelta | str = timedelta(0),
        *,
        input_type: FeatureType | None = None,
        description: str = "",
        tags: Mapping[str, str] = FrozenDict(),
    ) -> None:
        super().__init__(
            column=column, function=function, window=window, name=name, where=where, offset=offset,
            input_type=input_type, description=description, tags=tags,
        )  # fmt: skip

    @field_validator("function")
    @classmethod
    def _check_function(cls, value: str) -> str:
        parse_function(value)
        return value

    @field_validator("offset")
    @classmethod
    def _check_offset(cls, value: timedelta) -> timedelta:
        if value < timedelta(0):
            raise ValueError("must not be negative, or values would come from the future")
        return value

    @field_validator("where")
    @classmethod
    def _check_where(cls, value: str | None) -> str | None:
        if value is not None:
            parse_expression(value)
        return value

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.column or (self.column == ALL_ROWS and self.function != "count"):
            raise ValueError(f"{self.function} needs the name of a column, found {self.column!r}")
        if self.input_type is not None and not self._function.accepts(self.input_type):
            raise ValueError(
                f"{self.function} takes {self._function.expects}, column {self.column!r} is {self.input_type}"
            )
        if not self.name:
            object.__setattr__(self, "name", self._generated_name())
        try:
            _check_name(self.name)
        except ValueError as error:
            raise ValueError(f'{error}; give the aggregation one: name="…"') from error
        return self

    @property
    def _function(self) -> Function:
        return FUNCTIONS[parse_function(self.function)[0]]

    def _generated_name(self) -> str:
        parts = [] if self.column == ALL_ROWS else [self.column]
        parts.append(_NOT_IN_NAMES.sub("_", self.function).strip("_"))
        parts += [window_text(self.window[0])] if len(self.window) == 1 else []
        parts += [f"offset_{duration_text(self.offset)}"] if self.offset else []
        return "_".join(parts)

    @property
    def inputs(self) -> Mapping[str, FeatureType | None]:
        """The columns that it is made from, and their types (None: not known yet); not those of the condition."""
        return {} if self.column == ALL_ROWS else {self.column: self.input_type}

    @property
    def span(self) -> Window:
        """The one window of an aggregation within a view."""
        (window,) = self.window
        return window

    @property
    def needs_type(self) -> bool:
        """Whether the type of the column matters and is not known yet."""
        return self.input_type is None and self.function != "count"

    @property
    def dtype(self) -> FeatureType:
        """The type of the values.

        Raises:
            DefinitionError: if it depends on the column's type, which is not known yet.
        """
        if self.input_type is not None:
            return self._function.result(self.input_type)
        if self.function == "count":
            return Int64
        raise DefinitionError(
            f"Aggregation {self.name!r}: the type of column {self.column!r} is not known yet.",
            hint="It is taken from the source when the view is applied or computed; or state it: input_type=….",
        )

    @property
    def empty(self) -> int | tuple[()] | None:
        """The value without any input: 0 for counts and sums, an empty list for lists, else null."""
        return self._function.empty

    def single(self) -> tuple[Aggregation, ...]:
        """One aggregation for each of the windows."""
        if len(self.window) == 1:
            return (self,)
        generated = self._generated_name() == self.name
        return tuple(
            Aggregation(**{**self.__dict__, "window": window, "name": self._name_of(window, generated)})
            for window in self.window
        )

    def _name_of(self, window: Window, generated: bool) -> str:
        return "" if generated else f"{self.name}_{window_text(window)}"

    def with_input_type(self, dtype: FeatureType) -> Aggregation:
        """The same over a column of this type.

        Raises:
            DefinitionError: if the function does not take it.
        """
        return Aggregation(**{**self.__dict__, "input_type": dtype})

    def values_payload(self) -> dict[str, Any]:
        """The parts that change values: what the data hash of a view is taken over."""
        return self.model_dump(mode="json", exclude={"name", "description", "tags"})


def _to_feature(value: object) -> object:
    if isinstance(value, Mapping):
        return Aggregation(**value) if "function" in value else Feature(**value)
    return value


def _dump_feature(feature: Feature | Aggregation) -> dict[str, Any]:
    return feature.model_dump(mode="json")


AnyFeature = Annotated[
    Feature | Aggregation,
    BeforeValidator(_to_feature),
    PlainSerializer(_dump_feature, return_type=dict[str, Any]),
]
