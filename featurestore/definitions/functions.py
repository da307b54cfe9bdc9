"""Aggregation functions: their names, arguments, what they take and what they give."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeAlias

from featurestore.definitions.types import (
    FLOATS,
    INTEGERS,
    Bool,
    FeatureType,
    Float64,
    Int64,
    List,
    Map,
    Vector,
)
from featurestore.definitions.windows import duration_text, parse_duration

_TEXT = re.compile(r"(?P<name>[a-z_]+)(\((?P<argument>[^()]*)\))?")
MOST_ITEMS: Final = 1000
Empty: TypeAlias = "float | tuple[Empty, ...] | None"
"""A value without any input: a number, an empty list or a list of such values as a tuple, or null."""


def _any(_: FeatureType) -> bool:
    return True


def _scalar(dtype: FeatureType) -> bool:
    return not isinstance(dtype, List | Map | Vector)


def _number(dtype: FeatureType) -> bool:
    return dtype in INTEGERS or dtype in FLOATS


def _bool(dtype: FeatureType) -> bool:
    return dtype == Bool


def _sum_type(dtype: FeatureType) -> FeatureType:
    return Int64 if dtype in INTEGERS else Float64


def _same(dtype: FeatureType) -> FeatureType:
    return dtype


def _always(result: FeatureType) -> Callable[[FeatureType], FeatureType]:
    return lambda _: result


@dataclass(frozen=True, slots=True)
class Function:
    """One function.

    Attributes:
        accepts: whether it takes a column of a type.
        expects: the same in words.
        result: the type of its values, by that of the column.
        empty: its value without any input: 0, the empty list (``()``), or None for null.
        argument: ``None``, ``"count"`` (a number of items), ``"fraction"`` (between 0 and 1) or ``"duration"``.
        rows: whether it counts rows, those of all columns (``"*"``) too, so that no type matters.
    """

    accepts: Callable[[FeatureType], bool]
    expects: str
    result: Callable[[FeatureType], FeatureType]
    empty: int | tuple[()] | None = None
    argument: str | None = None
    rows: bool = False


_NUMBERS, _SCALARS = "an integer or a float", "a type that is no list and no vector"

FUNCTIONS: Final[dict[str, Function]] = {
    "count": Function(_any, "anything", _always(Int64), 0, rows=True),
    "sum": Function(_number, _NUMBERS, _sum_type, 0),
    "mean": Function(_number, _NUMBERS, _always(Float64)),
    "min": Function(_scalar, _SCALARS, _same),
    "max": Function(_scalar, _SCALARS, _same),
    "var": Function(_number, _NUMBERS, _always(Float64)),
    "stddev": Function(_number, _NUMBERS, _always(Float64)),
    "first": Function(_scalar, _SCALARS, _same),
    "last": Function(_scalar, _SCALARS, _same),
    "count_distinct": Function(_scalar, _SCALARS, _always(Int64), 0),
    "median": Function(_number, _NUMBERS, _always(Float64)),
    "percentile": Function(_number, _NUMBERS, _always(Float64), argument="fraction"),
    "any": Function(_bool, "a bool", _same),
    "all": Function(_bool, "a bool", _same),
    "first_n": Function(_scalar, _SCALARS, List, (), "count"),
    "last_n": Function(_scalar, _SCALARS, List, (), "count"),
    "first_distinct_n": Function(_scalar, _SCALARS, List, (), "count"),
    "last_distinct_n": Function(_scalar, _SCALARS, List, (), "count"),
    "mode": Function(_scalar, _SCALARS, _same),
    "top_k": Function(_scalar, _SCALARS, List, (), "count"),
    "approx_count_distinct": Function(_scalar, _SCALARS, _always(Int64), 0),
    "approx_percentile": Function(_number, _NUMBERS, _always(Float64), argument="fraction"),
    "decayed_sum": Function(_number, _NUMBERS, _always(Float64), 0, "duration"),
    "decayed_count": Function(_any, "anything", _always(Float64), 0, "duration", rows=True),
}

_SHOWN = {"count": "10", "fraction": "0.95", "duration": "7d"}
_MICROSECOND = timedelta(microseconds=1)


def parse_function(text: str) -> tuple[str, float | None]:
    """The name and the argument of ``"sum"``, ``"last_n(10)"`` or ``"percentile(0.95)"``.

    A duration, as in ``"decayed_sum(7d)"``, is given in microseconds.

    Raises:
        ValueError: if there is no such function, or its argument is missing or wrong.
    """
    match = _TEXT.fullmatch(text)
    name = match["name"] if match else text
    if match is None or name not in FUNCTIONS:
        raise ValueError(f"{text!r} is not a function; there are: {', '.join(map(_shown, FUNCTIONS))}")
    wanted, given = FUNCTIONS[name].argument, match["argument"]
    if (wanted is None) != (given is None):
        raise ValueError(f"expected {_shown(name)}, found {text!r}")
    if wanted is None or given is None:
        return name, None
    return name, _ARGUMENTS[wanted](name, given)


def function_text(name: str, argument: float | None) -> str:
    """The text of a function: `parse_function` the other way round."""
    if argument is None:
        return name
    if FUNCTIONS[name].argument == "duration":
        return f"{name}({duration_text(argument * _MICROSECOND)})"
    return f"{name}({argument})"


def normal_function(text: str) -> str:
    """The one text of a function whose argument is a duration, which may be written in several ways.

    Raises:
        ValueError: as `parse_function`.
    """
    name, argument = parse_function(text)
    return function_text(name, argument) if FUNCTIONS[name].argument == "duration" else text


def _shown(name: str) -> str:
    argument = FUNCTIONS[name].argument
    return name if argument is None else f"{name}({_SHOWN[argument]})"


def _count(name: str, text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MOST_ITEMS:
        raise ValueError(
            f"the argument of {name} must be a whole number from 1 to {MOST_ITEMS}, found {text!r}"
        )
    return int(text)


def _fraction(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise ValueError(f"the argument of {name} must be a number from 0 to 1, found {text!r}") from error
    if not 0 <= value <= 1:
        raise ValueError(f"the argument of {name} must be a number from 0 to 1, found {text!r}")
    return value


def _duration(name: str, text: str) -> int:
    try:
        value = parse_duration(text)
    except ValueError as error:
        raise ValueError(f"the argument of {name} must be a duration: {error}") from error
    if not isinstance(value, timedelta) or value <= timedelta(0):
        raise ValueError(f"the argument of {name} must be longer than zero, found {text!r}")
    return value // _MICROSECOND


_ARGUMENTS: Final[dict[str, Callable[[str, str], int | float]]] = {
    "count": _count,
    "fraction": _fraction,
    "duration": _duration,
}
