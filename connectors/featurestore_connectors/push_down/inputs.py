"""What one aggregation of a view is made of, as SQL: each database writes its functions over it.

Rows of the source are called ``s``: some columns are computed once of each. Joined with the instants whose windows they
may be in, they are called ``r``: those of one entity and instant are a group, of whose aggregates ``a``
values are made. Floats may have to be added up block by block of rows: these sums are called ``b``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from featurestore.definitions.functions import FUNCTIONS
from featurestore.definitions.types import UNSIGNED_INTEGERS, FeatureType, Int64
from featurestore.errors import SourceError
from featurestore.frames.types import arrow_type
from featurestore.protocols.offline import ViewPlan, WindowColumn
from featurestore_connectors.push_down.keys import key_names

_TOO_LARGE = re.compile(r"View .* does not fit into 64 bits: -?\d+")


@dataclass(slots=True)
class Names:
    """Expressions under names, each once.

    Attributes:
        alias: what the rows are called that have them as columns.
        prefix: of the names.
    """

    alias: str
    prefix: str
    _names: dict[str, str] = field(default_factory=dict)

    def of(self, sql: str) -> str:
        """The column for an expression."""
        return f"{self.alias}.{self._names.setdefault(sql, f'{self.prefix}{len(self._names)}')}"

    def __bool__(self) -> bool:
        return bool(self._names)

    def names(self) -> Sequence[str]:
        """The names."""
        return list(self._names.values())

    def listed(self) -> list[str]:
        """All of them, as SELECT lists them."""
        return [f"{sql} AS {name}" for sql, name in self._names.items()]


@dataclass(frozen=True, slots=True)
class Computed:
    """What a statement computes on its way from rows to values.

    Attributes:
        rows: of each row of the source, over ``s``.
        windows: of each joined row, over all rows ``r`` of its group.
        groups: aggregates of groups.
        blocks: sums over groups, made block by block.
    """

    rows: Names = field(default_factory=lambda: Names("r", "v"))
    windows: Names = field(default_factory=lambda: Names("r", "w"))
    groups: Names = field(default_factory=lambda: Names("a", "g"))
    blocks: Names = field(default_factory=lambda: Names("b", "h"))


@dataclass(frozen=True, slots=True)
class Input:
    """One aggregation over one window.

    Attributes:
        view: whose aggregation it is.
        window: what is asked for; never a series.
        column: of the source; None where rows are counted.
        condition: which rows ``r`` count, as SQL; "" for all that are joined.
        age: how many microseconds a row ``r`` is before the end of the window, as SQL.
        keys: the join keys of rows ``s``.
        times: what rows ``s`` of one entity are ordered by: event, created, where there is one.
        computed: where what is computed on the way is put down.
    """

    view: ViewPlan
    window: WindowColumn
    column: Any
    condition: str
    age: str
    keys: Sequence[str]
    times: Sequence[str]
    computed: Computed

    def over(self, value: str = "") -> str:
        """The condition that a row counts, and has a value."""
        given = [part for part in (value and f"{value} IS NOT NULL", self.condition) if part]
        return " AND ".join(given) or "TRUE"

    def chosen(self, value: str) -> str:
        """A value ``r`` where the row counts, else null: what aggregates skip."""
        return f"CASE WHEN {self.condition} THEN {value} END" if self.condition else value

    @property
    def created(self) -> bool:
        """Whether rows have a created time."""
        return len(self.times) > 1

    @property
    def group(self) -> str:
        """What the joined rows of one group share."""
        return ", ".join(f"r.{name}" for name in [*key_names(self.view), "until"])

    def entity(self) -> Sequence[tuple[str, str]]:
        """The names of the join keys, and the columns of groups that hold them."""
        return [(key.name, f"a.k{i}") for i, key in enumerate(self.view.keys)]

    def too_large(self) -> tuple[str, str]:
        """What to say of a sum that does not fit: what stands before the entity, and after it."""
        return (
            f"View {self.view.label!r}: the sum {self.window.output!r} of entity ",
            " does not fit into 64 bits: ",
        )


@dataclass(frozen=True, slots=True)
class InputValues:
    """The values that an aggregation is made of.

    Attributes:
        each: the aggregation.
        raw: a value over the source's rows; "" where rows are counted.
        order: expressions over these whose tuple is ordered as rule 3 orders values.
    """

    each: Input
    raw: str
    order: Sequence[str] = ()

    @property
    def value(self) -> str:
        """A value over rows ``r``."""
        return self.each.computed.rows.of(self.raw) if self.raw else ""

    @property
    def dtype(self) -> FeatureType:
        """The type of the values."""
        return self.each.window.input or Int64

    @property
    def argument(self) -> float:
        """That of the function."""
        return self.each.window.argument or 0


V = TypeVar("V", bound=InputValues)


def input_values(
    kind: type[V],
    each: Input,
    value: Callable[[Any, FeatureType, str], str],
    order: Callable[[Any, FeatureType], Sequence[str]],
) -> V:
    """The values of an aggregation.

    Args:
        kind: what is made.
        each: the aggregation.
        value: a column of a type and a time zone in the one type in which all such values are aggregated, as SQL.
        order: what orders such a column, as SQL.
    """
    column, dtype = each.column, each.window.input
    if column is None or dtype is None or FUNCTIONS[each.window.function].rows:
        return kind(each, "" if column is None else f"CASE WHEN {column.sql} IS NOT NULL THEN 1 END")
    return kind(each, value(column, dtype, each.view.source.timezone), order(column, dtype))


def integer_range(dtype: FeatureType) -> tuple[int, int]:
    """The least and the greatest integer of an integer type."""
    bits = arrow_type(dtype).bit_width
    return (0, 2**bits - 1) if dtype in UNSIGNED_INTEGERS else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


@contextmanager
def overflows_told() -> Iterator[None]:
    """Tell of a sum that does not fit in the words of `Input.too_large`, which a database's error only quotes.

    Raises:
        SourceError: what is raised inside, or about the sum.
    """
    try:
        yield
    except SourceError as error:
        found = _TOO_LARGE.search(error.message)
        if found is None:
            raise
        hint = "Use a shorter window, or leave out the values that are no real ones: where=…."
        raise SourceError(f"{found[0]}.", hint=hint) from error
