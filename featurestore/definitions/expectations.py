"""The kinds of expectations: what must hold of a view's rows before anybody sees them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Self

from pydantic import BeforeValidator, Field, PlainSerializer, field_validator, model_validator

from featurestore.definitions.base import Duration
from featurestore.definitions.expectation import Expectation, OnFailure
from featurestore.definitions.expected_values import (
    ExpectedValue,
    fits,
    has_order,
    has_values,
    to_value,
    value_to_json,
)
from featurestore.definitions.types import FeatureType
from featurestore.definitions.windows import duration_text, parse_duration

Share = Annotated[float, Field(ge=0, le=1)]


def _to_values(value: object) -> object:
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Sequence | set | frozenset):
        raise ValueError(f"expected a list of values, found {value!r}")  # noqa: TRY004
    found = tuple(map(to_value, value))
    return found if isinstance(value, Sequence) else tuple(sorted(found, key=repr))


def _bound(value: object) -> object:
    return None if value is None else to_value(value)


def _bound_to_json(value: ExpectedValue | None) -> object:
    return None if value is None else value_to_json(value)


Bound = Annotated[Any, BeforeValidator(_bound), PlainSerializer(_bound_to_json)]
Values = Annotated[
    tuple[Any, ...],
    BeforeValidator(_to_values),
    PlainSerializer(lambda values: [value_to_json(value) for value in values]),
]


class RowsArrived(Expectation):
    """Enough rows became visible since the last successful run of the view's version; for the first run, ever.

    Rows without a key or an event timestamp do not count, and of rows with one `event_id` only the last does.

    Args:
        at_least: so many rows.
        on_failure: see `Expectation`.
    """

    kind: ClassVar[str] = "rows_arrived"
    arguments: ClassVar[tuple[str, ...]] = ("at_least",)

    at_least: Annotated[int, Field(ge=1)] = 1

    def __init__(self, at_least: int = 1, *, on_failure: OnFailure = "reject") -> None:
        super().__init__(at_least=at_least, on_failure=on_failure)

    @property
    def text(self) -> str:
        """What is expected, in words."""
        return f"at least {self.at_least:,} new {'row' if self.at_least == 1 else 'rows'}"


class Freshness(Expectation):
    """The latest event is not older than this at the instant whose values are computed.

    Args:
        at_most: a timedelta, or a text such as ``"6h"``.
        on_failure: see `Expectation`.
    """

    kind: ClassVar[str] = "freshness"
    arguments: ClassVar[tuple[str, ...]] = ("at_most",)

    at_most: Annotated[Duration, BeforeValidator(parse_duration)]

    def __init__(self, at_most: timedelta | str, *, on_failure: OnFailure = "reject") -> None:
        super().__init__(at_most=at_most, on_failure=on_failure)

    @field_validator("at_most")
    @classmethod
    def _check_at_most(cls, value: timedelta) -> timedelta:
        if value <= timedelta(0):
            raise ValueError("must be longer than zero")
        return value

    @property
    def text(self) -> str:
        """What is expected, in words."""
        return f"a latest event at most {duration_text(self.at_most)} old"


class NullShare(Expectation):
    """Not more than a share of a feature's values are null. NaN is a value.

    Args:
        feature: its name.
        at_most: from 0 to 1.
        on_failure: see `Expectation`.
    """

    kind: ClassVar[str] = "null_share"
    arguments: ClassVar[tuple[str, ...]] = ("feature",)

    feature: str
    at_most: Share

    def __init__(self, feature: str, *, at_most: float, on_failure: OnFailure = "reject") -> None:
        super().__init__(feature=feature, at_most=at_most, on_failure=on_failure)

    @property
    def text(self) -> str:
        """What is expected, in words."""
        return f"at most {share_text(self.at_most)} of {self.feature} null"


class ValueRange(Expectation):
    """A feature's values lie between two bounds, both included. NaN lies in no range; nulls are left out.

    Args:
        feature: a number, a decimal, a date or a timestamp.
        minimum: the smallest value; None for no limit.
        maximum: the largest value; None for no limit.
        at_most: the share of the values that may lie outside.
        on_failure: see `Expectation`.
    """

    kind: ClassVar[str] = "value_range"
    arguments: ClassVar[tuple[str, ...]] = ("feature",)

    feature: str
    minimum: Bound = None
    maximum: Bound = None
    at_most: Share = 0.0

    def __init__(
        self,
        feature: str,
        minimum: ExpectedValue | None = None,
        maximum: ExpectedValue | None = None,
        *,
        at_most: float = 0.0,
        on_failure: OnFailure = "reject",
    ) -> None:
        super().__init__(
            feature=feature, minimum=minimum, maximum=maximum, at_most=at_most, on_failure=on_failure
        )

    @model_validator(mode="after")
    def _check_bounds(self) -> Self:
        if self.minimum is None and self.maximum is None:
            raise ValueError("expected a minimum, a maximum or both")
        try:
            empty = self.minimum is not None and self.maximum is not None and self.minimum > self.maximum
        except TypeError as error:
            raise ValueError(
                f"minimum {self.minimum!r} and maximum {self.maximum!r} are of two types"
            ) from error
        if empty:
            raise ValueError(f"minimum {self.minimum!r} is greater than maximum {self.maximum!r}")
        return self

    def check_feature(self, dtype: FeatureType) -> None:
        """See `Expectation.check_feature`."""
        if not has_order(dtype):
            raise ValueError(
                f"{self.feature!r} is {dtype}; a range is of numbers, decimals, dates or timestamps"
            )
        _check_fit(
            self.feature, dtype, [bound for bound in (self.minimum, self.maximum) if bound is not None]
        )

    @property
    def text(self) -> str:
        """What is expected, in words."""
        limits = [
            f"{word} {_plain(bound)}"
            for word, bound in (("from", self.minimum), ("to", self.maximum))
            if bound is not None
        ]
        return f"{self.feature} {' '.join(limits)}{_allowance(self.at_most)}"


class AllowedValues(Expectation):
    """A feature's values are of a set. Nulls are left out; NaN is in no set.

    Args:
        feature: of any type but lists, maps and vectors.
        values: all that are allowed; for floats they are rounded to the feature's type.
        at_most: the share of the values that may be others.
        on_failure: see `Expectation`.
    """

    kind: ClassVar[str] = "allowed_values"
    arguments: ClassVar[tuple[str, ...]] = ("feature", "values")

    feature: str
    values: Values
    at_most: Share = 0.0

    def __init__(
        self,
        feature: str,
        values: Sequence[ExpectedValue] | set[Any] | frozenset[Any],
        *,
        at_most: float = 0.0,
        on_failure: OnFailure = "reject",
    ) -> None:
        super().__init__(feature=feature, values=values, at_most=at_most, on_failure=on_failure)

    @field_validator("values")
    @classmethod
    def _check_values(cls, value: tuple[Any, ...]) -> tuple[Any, ...]:
        if not value:
            raise ValueError("expected at least one value")
        return value

    def check_feature(self, dtype: FeatureType) -> None:
        """See `Expectation.check_feature`."""
        if not has_values(dtype):
            raise ValueError(f"{self.feature!r} is {dtype}; a set is of single values")
        _check_fit(self.feature, dtype, self.values)

    @property
    def text(self) -> str:
        """What is expected, in words."""
        listed = ", ".join(map(_plain, self.values[:5])) + (
            f" and {len(self.values) - 5} others" if self.values[5:] else ""
        )
        return f"{self.feature} one of {listed}{_allowance(self.at_most)}"


class UniqueKeys(Expectation):
    """No two visible rows of the source have the same join keys, event timestamp and (if there is one) created time.

    A correction, a row with the same event timestamp and another created time, is no duplicate; of rows with one
    `event_id` only the last counts. Values are served either way, one of the equals (law of time, rule 3): this
    finds pipelines that load twice. An incremental run looks at the rows of the entities that may have changed.

    Args:
        on_failure: see `Expectation`.
    """

    kind: ClassVar[str] = "unique_keys"

    def __init__(self, *, on_failure: OnFailure = "reject") -> None:
        super().__init__(on_failure=on_failure)

    @property
    def text(self) -> str:
        """What is expected, in words."""
        return "one row per key, event timestamp and created time"


class RowCount(Expectation):
    """A run writes about as many entities as the last ones did: full runs are compared with full ones.

    Args:
        lowest: times the median of the last runs.
        highest: times the median of the last runs.
        runs: of how many successful runs of the same version and kind; there are fewer at first. Nothing is checked
            if there is none, or the median is zero.
        on_failure: see `Expectation`.
    """

    kind: ClassVar[str] = "row_count"

    lowest: Annotated[float, Field(ge=0, le=1)] = 0.5
    highest: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 2.0
    runs: Annotated[int, Field(ge=1, le=50)] = 10

    def __init__(
        self,
        lowest: float = 0.5,
        highest: float = 2.0,
        *,
        runs: int = 10,
        on_failure: OnFailure = "reject",
    ) -> None:
        super().__init__(lowest=lowest, highest=highest, runs=runs, on_failure=on_failure)

    @property
    def text(self) -> str:
        """What is expected, in words."""
        return f"{self.lowest:g} to {self.highest:g} times the median of the last {self.runs} runs"


def share_text(share: float) -> str:
    """A share as a person reads it: ``2.5 %``, with enough digits never to look like none."""
    return f"{share * 100:.3g} %"


def _allowance(at_most: float) -> str:
    return f" but for {share_text(at_most)}" if at_most else ""


def _plain(value: object) -> str:
    return repr(value) if isinstance(value, str | bytes) else str(value)


def _check_fit(feature: str, dtype: FeatureType, values: Sequence[ExpectedValue]) -> None:
    for value in values:
        if not fits(value, dtype):
            raise ValueError(f"{feature!r} is {dtype}, and {value!r} is a {type(value).__name__}")


KINDS: dict[str, type[Expectation]] = {
    each.kind: each
    for each in (RowsArrived, Freshness, NullShare, ValueRange, AllowedValues, UniqueKeys, RowCount)
}
