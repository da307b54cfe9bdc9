"""Aggregations: features that sum up the rows of a time window."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    BeforeValidator,
    Field,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from featurestore.definitions.base import Definition, Duration, FrozenDict, Tags, Type, _check_name
from featurestore.definitions.feature import Feature
from featurestore.definitions.functions import (
    FUNCTIONS,
    MOST_ITEMS,
    Empty,
    Function,
    normal_function,
    parse_function,
)
from featurestore.definitions.types import FeatureType, Float64, Int64, List
from featurestore.definitions.windows import (
    LIFETIME,
    AnyWindow,
    Window,
    Windows,
    duration_text,
    parse_duration,
    window_text,
)
from featurestore.errors import DefinitionError

ALL_ROWS = "*"
_MAY_BE_UNUSED = frozenset({"series"})
_NOT_IN_NAMES = re.compile(r"\W+")


class Aggregation(Definition):
    """What a function makes of the rows of an entity within a window before an instant.

    The window of an instant t holds the rows that are visible at t and whose event timestamp is later than
    ``t - offset - window`` and not later than ``t - offset``.

    Args:
        column: of the source; ``"*"`` counts rows (count and decayed_count).
        function: count, sum, mean, min, max, var, stddev (of the whole window, not of a sample of it), first,
            last, count_distinct, median, percentile(0.95), any, all, mode, or lists: first_n(10), last_n(10),
            first_distinct_n(10), last_distinct_n(10), top_k(10), the most frequent values.
            approx_count_distinct is exact up to 4096 values, then 2 % off (standard error);
            approx_percentile(0.95) is less than 0.4 % too near to zero. decayed_sum(7d) and decayed_count(7d)
            weigh a row by ``2 ** -(age / 7d)``, where its age is counted back from the window's end.
        window: a timedelta, a text such as ``"7d"``, ``fs.LIFETIME``, or a list of these: one feature each.
        name: by default column, function and window: ``amount_sum_7d``. With several windows each gets its
            window as an ending.
        where: a condition on the row in SQL; rows for which it is false or null do not count.
        offset: how far before the instant the window ends.
        series: the values of so many windows as a list, the oldest first: that of the window itself, which is
            the last, of the one that ends where it begins, and so on.
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
    series: Annotated[int, Field(ge=1, le=MOST_ITEMS)] | None = None
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
        series: int | None = None,
        input_type: FeatureType | None = None,
        description: str = "",
        tags: Mapping[str, str] = FrozenDict(),
    ) -> None:
        super().__init__(
            column=column, function=function, window=window, name=name, where=where, offset=offset, series=series,
            input_type=input_type, description=description, tags=tags,
        )  # fmt: skip

    @field_validator("function")
    @classmethod
    def _check_function(cls, value: str) -> str:
        return normal_function(value)

    @field_validator("offset")
    @classmethod
    def _check_offset(cls, value: timedelta) -> timedelta:
        if value < timedelta(0):
            raise ValueError("must not be negative, or values would come from the future")
        return value

    @field_validator("where")
    @classmethod
    def _check_where(cls, value: str | None) -> str | None:
        if value is not None and not value.strip():
            raise ValueError("expected a condition in SQL, found an empty text")
        return value

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.column or (self.column == ALL_ROWS and not self._function.rows):
            raise ValueError(f"{self.function} needs the name of a column, found {self.column!r}")
        if self.input_type is not None and not self._function.accepts(self.input_type):
            raise ValueError(
                f"{self.function} takes {self._function.expects}, column {self.column!r} is {self.input_type}"
            )
        if self.series is not None:
            self._check_series()
        if not self.name:
            object.__setattr__(self, "name", self._generated_name())
        try:
            _check_name(self.name)
        except ValueError as error:
            raise ValueError(f'{error}; give the aggregation one: name="…"') from error
        return self

    def _check_series(self) -> None:
        if LIFETIME in self.window:
            raise ValueError("a series needs windows of some length, found a lifetime")
        if self._function.empty == ():
            raise ValueError(f"a series needs a function with one value for each window, found {self.function}")

    @model_serializer(mode="wrap")
    def _without_unused(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        dumped: dict[str, Any] = dump(self)
        return {key: value for key, value in dumped.items() if value is not None or key not in _MAY_BE_UNUSED}

    @property
    def _function(self) -> Function:
        return FUNCTIONS[parse_function(self.function)[0]]

    def _generated_name(self) -> str:
        parts = [] if self.column == ALL_ROWS else [self.column]
        parts.append(_NOT_IN_NAMES.sub("_", self.function).strip("_"))
        parts += [window_text(self.window[0])] if len(self.window) == 1 else []
        parts += [f"series_{self.series}"] if self.series else []
        parts += [f"offset_{duration_text(self.offset)}"] if self.offset else []
        return "_".join(parts)

    @property
    def span(self) -> Window:
        """The one window of an aggregation within a view."""
        (window,) = self.window
        return window

    @property
    def needs_type(self) -> bool:
        """Whether the type of the column matters and is not known yet."""
        return self.input_type is None and not self._function.rows

    @property
    def dtype(self) -> FeatureType:
        """The type of the values.

        Raises:
            DefinitionError: if it depends on the column's type, which is not known yet.
        """
        if not self.needs_type:
            one = self._function.result(self.input_type or Int64)
            return one if self.series is None else List(one)
        raise DefinitionError(
            f"Aggregation {self.name!r}: the type of column {self.column!r} is not known yet.",
            hint="It is taken from the source when the view is applied or computed; or state it: input_type=….",
        )

    @property
    def empty(self) -> Empty:
        """The value without any input: 0 for counts and sums, an empty list for lists, else null.

        Of a series those of all its windows.
        """
        empty: Empty = self._function.empty
        if empty == 0 and self.dtype in (Float64, List(Float64)):
            empty = 0.0
        return empty if self.series is None else (empty,) * self.series

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
