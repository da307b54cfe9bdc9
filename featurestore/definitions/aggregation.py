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
    field_validator,
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
from featurestore.definitions.row_sql import parse_expression
from featurestore.definitions.types import KEY_TYPES, FeatureType, Float64, Int64, List, Map, holds_map
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
        where: a condition on one row, in SQL as for `FeatureView`; rows for which it is false or null do not
            count.
        offset: how far before the instant the window ends.
        series: the values of so many windows as a list, the oldest first: that of the window itself, which is
            the last, of the one that ends where it begins, and so on.
        by: a further column: the value is a map from its values to the function over their rows. Rows in which
            it is null do not count.
        keys: how many keys the map has at most: those with the latest events, of equally late ones the smaller.
        input_type: the column's type. By default what the source says; CSV files say nothing.
        by_type: the same of `by`.

    Raises:
        DefinitionError: if there is no such function, or the column's type does not suit it.

    Example:
        >>> import featurestore as fs
        >>> [a.name for a in fs.Aggregation("amount", "sum", window=["1d", fs.LIFETIME]).single()]
        ['amount_sum_1d', 'amount_sum_lifetime']
    """

    kind: ClassVar[str] = "aggregation"
    added_later: ClassVar[tuple[str, ...]] = ("series", "by", "keys", "by_type")

    column: str
    function: str
    window: Windows
    name: str = ""
    where: str | None = None
    offset: Annotated[Duration, BeforeValidator(parse_duration)] = timedelta(0)
    series: Annotated[int, Field(ge=1, le=MOST_ITEMS)] | None = None
    by: str | None = None
    keys: Annotated[int, Field(ge=1, le=MOST_ITEMS)] | None = None
    input_type: Type | None = None
    by_type: Type | None = None
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
        by: str | None = None,
        keys: int | None = None,
        input_type: FeatureType | None = None,
        by_type: FeatureType | None = None,
        description: str = "",
        tags: Mapping[str, str] = FrozenDict(),
    ) -> None:
        super().__init__(
            column=column, function=function, window=window, name=name, where=where, offset=offset, series=series,
            by=by, keys=keys, input_type=input_type, by_type=by_type, description=description, tags=tags,
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

    @field_validator("input_type")
    @classmethod
    def _check_input_type(cls, value: FeatureType | None) -> FeatureType | None:
        if value is not None and holds_map(value):
            raise ValueError(f"{value} is what an aggregation gives with by=…, no type of a column")
        return value

    @field_validator("where")
    @classmethod
    def _check_where(cls, value: str | None) -> str | None:
        if value is not None:
            parse_expression(value)
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
        if self.by is not None or self.keys is not None or self.by_type is not None:
            self._check_by()
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
            raise ValueError(
                f"a series needs a function with one value for each window, found {self.function}"
            )

    def _check_by(self) -> None:
        if not self.by or self.keys is None:
            raise ValueError(
                'by and keys belong together: by="merchant", keys=20 is a map of at most 20 merchants'
            )
        if self.series is not None:
            raise ValueError("a series is of single values, found by=…, which gives maps")
        if self.by == self.column and self.by_type and self.input_type not in (None, self.by_type):
            raise ValueError(f"column {self.by!r} is said to be {self.input_type} and {self.by_type}")
        if self.by_type is not None and self.by_type not in KEY_TYPES:
            raise ValueError(
                f"column {self.by!r} is {self.by_type}; by takes {', '.join(map(str, KEY_TYPES))}"
            )

    @property
    def _function(self) -> Function:
        return FUNCTIONS[parse_function(self.function)[0]]

    def _generated_name(self) -> str:
        parts = [] if self.column == ALL_ROWS else [self.column]
        parts.append(_NOT_IN_NAMES.sub("_", self.function).strip("_"))
        parts += [f"by_{self.by}"] if self.by else []
        parts += [window_text(self.window[0])] if len(self.window) == 1 else []
        parts += [f"series_{self.series}"] if self.series else []
        parts += [f"offset_{duration_text(self.offset)}"] if self.offset else []
        return "_".join(parts)

    @property
    def inputs(self) -> Mapping[str, FeatureType | None]:
        """The columns that it is made from, and their types (None: not known yet); not those of the condition."""
        return {**dict.fromkeys(self.open_columns), **self.types}

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
    def open_columns(self) -> tuple[str, ...]:
        """The columns whose types are not known yet, whether they matter or not."""
        column = () if self.input_type is not None or self.column == ALL_ROWS else (self.column,)
        return column if self.by is None or self.by_type is not None else (*column, self.by)

    @property
    def types(self) -> dict[str, FeatureType]:
        """The types of its columns, as far as they are known."""
        known = {self.column: self.input_type} if self.input_type and self.column != ALL_ROWS else {}
        return known if self.by is None or self.by_type is None else {**known, self.by: self.by_type}

    @property
    def dtype(self) -> FeatureType:
        """The type of the values.

        Raises:
            DefinitionError: if it depends on the column's type, which is not known yet.
        """
        if self.needs_type:
            raise self._type_unknown(self.column, "input_type")
        one = self._function.result(self.input_type or Int64)
        if self.by is not None:
            if self.by_type is None:
                raise self._type_unknown(self.by, "by_type")
            return Map(self.by_type, one)
        return one if self.series is None else List(one)

    def _type_unknown(self, column: str, argument: str) -> DefinitionError:
        return DefinitionError(
            f"Aggregation {self.name!r}: the type of column {column!r} is not known yet.",
            hint=f"It is taken from the source when the view is applied or computed; or state it: {argument}=….",
        )

    @property
    def empty(self) -> Empty:
        """The value without any input: 0 for counts and sums, ``()`` for lists and maps, else null.

        Of a series those of all its windows.
        """
        if self.by is not None:
            return ()
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

    def with_types(self, types: Mapping[str, FeatureType]) -> Aggregation:
        """The same over columns of these types, by their names; those that are known stay.

        Raises:
            DefinitionError: if the function does not take such a column.
        """
        known = {"input_type": self.input_type or types.get(self.column)}
        if self.by is not None:
            known["by_type"] = self.by_type or types.get(self.by)
        return Aggregation(**{**self.__dict__, **known})

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
