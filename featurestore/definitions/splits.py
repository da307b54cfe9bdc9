"""Splits: how the rows of a training set are divided, for training, validation and test."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, field_validator, model_validator

from featurestore.definitions.base import Definition, Duration, FrozenDict
from featurestore.definitions.instants import from_microseconds, to_microseconds
from featurestore.errors import DefinitionError


def _check_names(parts: Mapping[str, Any]) -> Mapping[str, Any]:
    for name in parts:
        if not name.isascii() or not name.isidentifier():
            raise ValueError(f"{name!r} cannot name a part: use ASCII letters, digits and underscores")
    if len(parts) < 2:
        raise ValueError("expected at least two parts")
    return parts


def _check_fractions(parts: FrozenDict[float]) -> FrozenDict[float]:
    if any(not 0 < fraction < 1 for fraction in parts.values()):
        raise ValueError("each fraction must be between 0 and 1")
    if abs(sum(parts.values()) - 1) > 1e-9:
        raise ValueError(f"the fractions must add up to 1, found {sum(parts.values()):g}")
    return parts


def _to_frozen(value: object) -> object:
    return FrozenDict(value) if isinstance(value, Mapping) else value


def _to_instant(value: object) -> object:
    return from_microseconds(to_microseconds(value, what="until")) if isinstance(value, datetime) else value


Fractions = Annotated[
    FrozenDict[float],
    BeforeValidator(_to_frozen),
    AfterValidator(_check_names),
    AfterValidator(_check_fractions),
    # A list of pairs, because canonical JSON sorts the keys of mappings and the order of the parts counts.
    PlainSerializer(lambda parts: [[name, fraction] for name, fraction in parts.items()]),
]


class Split(Definition):
    """Base of the splits. Each row is in one part at most."""

    def __init__(self, **fields: Any) -> None:
        super().__init__(**fields)

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """The names of the parts, in order."""


class FractionSplit(Split):
    """Base of the splits into proportions."""

    fractions: Fractions

    def __init__(self, **fields: Any) -> None:
        super().__init__(**fields)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the parts, in order."""
        return tuple(self.fractions)


class RandomSplit(FractionSplit):
    """Rows at random, in exact proportions.

    Args:
        fractions: part to fraction, such as ``{"train": 0.8, "test": 0.2}``; they add up to 1.

    Raises:
        DefinitionError: if they do not, or there is only one part.

    Example:
        >>> import featurestore as fs
        >>> fs.RandomSplit({"train": 0.8, "test": 0.2}).names
        ('train', 'test')
    """

    kind: ClassVar[str] = "random"

    def __init__(self, fractions: Mapping[str, float]) -> None:
        super().__init__(fractions=fractions)


class EntitySplit(FractionSplit):
    """Entities at random: all rows of an entity are in one part.

    The part depends on the values of the keys and on the seed alone, so an entity stays where it is when others
    are added; the proportions are therefore those of the fractions only on average.

    Args:
        fractions: part to fraction; they add up to 1.
        keys: columns of the entity rows that identify an entity, by default all join keys of the features.

    Raises:
        DefinitionError: if the fractions do not add up to 1, or there is only one part.
    """

    kind: ClassVar[str] = "entity"

    keys: tuple[str, ...] = ()

    def __init__(self, fractions: Mapping[str, float], *, keys: Sequence[str] = ()) -> None:
        super().__init__(fractions=fractions, keys=(keys,) if isinstance(keys, str) else keys)


class StratifiedSplit(FractionSplit):
    """Rows at random, with the same proportions for every value of a column, such as the label.

    Args:
        fractions: part to fraction; they add up to 1.
        column: of the entity rows. Null is a value.

    Raises:
        DefinitionError: if the fractions do not add up to 1, or there is only one part.
    """

    kind: ClassVar[str] = "stratified"

    column: str

    def __init__(self, fractions: Mapping[str, float], *, column: str) -> None:
        super().__init__(fractions=fractions, column=column)


Until = Annotated[
    FrozenDict[Annotated[datetime, BeforeValidator(_to_instant)] | None],
    BeforeValidator(_to_frozen),
    AfterValidator(_check_names),
    PlainSerializer(
        lambda parts: [[name, None if end is None else end.isoformat()] for name, end in parts.items()]
    ),
]


class TimeSplit(Split):
    """Parts that follow each other in time. Rows without a time are in none.

    Args:
        until: part to the last instant in it, the last part to None: ``{"train": T, "test": None}``.
        purge: rows this long before a boundary, the boundary included, are left out: those whose labels reach
            into the next part.
        embargo: rows this long after a boundary are left out: those whose features still reflect the part before.

    Raises:
        DefinitionError: if the instants do not grow, or only the last one may be None.

    Example:
        >>> import featurestore as fs
        >>> from datetime import datetime, timedelta
        >>> fs.TimeSplit({"train": datetime(2024, 6, 1), "test": None}, purge=timedelta(days=1)).names
        ('train', 'test')
    """

    kind: ClassVar[str] = "time"

    until: Until
    purge: Duration = timedelta(0)
    embargo: Duration = timedelta(0)

    def __init__(
        self,
        until: Mapping[str, datetime | None],
        *,
        purge: timedelta = timedelta(0),
        embargo: timedelta = timedelta(0),
    ) -> None:
        super().__init__(until=until, purge=purge, embargo=embargo)

    @field_validator("purge", "embargo")
    @classmethod
    def _check_length(cls, value: timedelta) -> timedelta:
        if value < timedelta(0):
            raise ValueError("must not be negative")
        return value

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        ends = list(self.until.values())
        inner = [end for end in ends[:-1] if end is not None]
        if len(inner) < len(ends) - 1 or ends[-1] is not None:
            raise ValueError("until: the last part, and only that, ends at None")
        if any(first >= second for first, second in pairwise(inner)):
            raise ValueError("until: the instants must grow from part to part")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the parts, in order."""
        return tuple(self.until)


def dump_split(split: Split) -> dict[str, Any]:
    """The JSON form of a split, with its kind."""
    return {"kind": split.kind, **split.model_dump(mode="json")}


def load_split(payload: Mapping[str, Any]) -> Split:
    """Turn the JSON form of a split into the split.

    Raises:
        DefinitionError: if there is no such kind.
    """
    fields = dict(payload)
    kind = fields.pop("kind")
    if kind == TimeSplit.kind:
        ends = {name: end and datetime.fromisoformat(end) for name, end in fields.pop("until")}
        durations = {name: timedelta(microseconds=value) for name, value in fields.items()}
        return TimeSplit(ends, **durations)
    fractions = dict(fields.pop("fractions"))
    for cls in (RandomSplit, EntitySplit, StratifiedSplit):
        if cls.kind == kind:
            return cls(fractions, **fields)
    raise DefinitionError(
        f"There is no split of kind {kind!r}.", hint="It may have been made by a newer release."
    )


def as_split(given: Split | Mapping[str, float]) -> Split:
    """A split, or fractions for one at random.

    Raises:
        DefinitionError: if it is neither.
    """
    if isinstance(given, Split):
        return given
    if isinstance(given, Mapping):
        return RandomSplit(given)
    raise DefinitionError(
        f"split must be a split or fractions, found a {type(given).__name__}.",
        hint='Give e.g. fs.EntitySplit({"train": 0.8, "test": 0.2}).',
    )
