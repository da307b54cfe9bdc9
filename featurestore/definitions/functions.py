"""Aggregation functions: their names, arguments, what they take and what they give."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from featurestore.definitions.types import (
    FLOATS,
    INTEGERS,
    Bool,
    FeatureType,
    Float64,
    Int64,
    List,
    Vector,
)

_TEXT = re.compile(r"(?P<name>[a-z_]+)(\((?P<argument>[^()]*)\))?")
MOST_ITEMS: Final = 1000


def _any(_: FeatureType) -> bool:
    return True


def _scalar(dtype: FeatureType) -> bool:
    return not isinstance(dtype, List | Vector)


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
        argument: ``None``, ``"count"`` (a number of items) or ``"fraction"`` (between 0 and 1).
    """

    accepts: Callable[[FeatureType], bool]
    expects: str
    result: Callable[[FeatureType], FeatureType]
    empty: int | tuple[()] | None = None
    argument: str | None = None


_NUMBERS, _SCALARS = "an integer or a float", "a type that is no list and no vector"

FUNCTIONS: Final[dict[str, Function]] = {
    "count": Function(_any, "anything", _always(Int64), 0),
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
}


def parse_function(text: str) -> tuple[str, int | float | None]:
    """The name and the argument of ``"sum"``, ``"last_n(10)"`` or ``"percentile(0.95)"``.

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
    return name, _count(name, given) if wanted == "count" else _fraction(name, given)


def _shown(name: str) -> str:
    argument = FUNCTIONS[name].argument
    return name if argument is None else f"{name}({'10' if argument == 'count' else '0.95'})"


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
