"""Profiling rows as they stream by: in one pass, some at a time, without keeping them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from featurestore.definitions.types import (
    INTEGERS,
    Bool,
    Date,
    Decimal,
    FeatureType,
    String,
)
from featurestore.errors import NotFoundError, RequestError
from featurestore.frames.types import arrow_type
from featurestore.statistics.columns import column_profile
from featurestore.statistics.profile import Profile, Slice, merge_profiles
from featurestore.statistics.slices import MINIMUM_GROUP, shown_and_others
from featurestore.statistics.summary import as_value

BLOCK_ROWS: Final = 131_072
MOST_GROUPS: Final = 200
"""So many values a column to slice by may have."""
_GROUP_ROWS: Final = 16_384


EventTimes = Callable[[pa.RecordBatch], pa.Array]
"""The event times of rows, in microseconds since 1970."""


@dataclass(frozen=True, slots=True)
class ProfiledColumn:
    """A column to profile, or to slice by.

    Attributes:
        pii: whether its values are personal.
    """

    name: str
    type: FeatureType
    pii: bool = False


class Collector:
    """Takes batches with the columns to profile, and profiles them.

    Args:
        columns: what to profile.
        event: gives the event times, if there are any.
        slices: columns whose values divide the rows.
        minimum_group: the smallest group of rows that is shown by itself.

    Raises:
        RequestError: if rows cannot or must not be divided by a column.
    """

    def __init__(
        self,
        columns: Sequence[ProfiledColumn],
        *,
        event: EventTimes | None = None,
        slices: Sequence[ProfiledColumn] = (),
        minimum_group: int = MINIMUM_GROUP,
    ) -> None:
        if minimum_group < 1:
            raise RequestError(f"minimum_group must be at least 1, found {minimum_group}.")
        self._rows = _Rows(columns, event, BLOCK_ROWS)
        self._slices = [_Groups(_checked(column), columns, event) for column in slices]
        self._minimum = minimum_group

    def add(self, batch: pa.RecordBatch) -> None:
        """Take the next rows.

        Raises:
            RequestError: if a column to slice by has too many values.
        """
        if batch.num_rows:
            self._rows.add(batch)
            for groups in self._slices:
                groups.add(batch)

    def watch(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The batches as they come, taken on their way."""
        for batch in batches:
            self.add(batch)
            yield batch

    def result(self) -> Profile:
        """The profile of all rows that were taken."""
        slices = tuple(each for groups in self._slices for each in groups.result(self._minimum))
        return self._rows.result(slices, self._minimum if self._slices else None)


def _checked(column: ProfiledColumn) -> ProfiledColumn:
    if column.pii:
        raise RequestError(
            f"Rows cannot be sliced by {column.name}: its values are personal (tag pii).",
            hint="Slice by something that names groups, not people.",
        )
    if column.type not in (*INTEGERS, Bool, Date, String) and not isinstance(column.type, Decimal):
        raise RequestError(
            f"Rows cannot be sliced by {column.name}, which is {column.type}.",
            hint="Slice by integers, decimals, bools, strings or dates with few values.",
        )
    return column


class _Rows:
    """Some rows, profiled by blocks of a good size however they come."""

    def __init__(self, columns: Sequence[ProfiledColumn], event: EventTimes | None, block: int) -> None:
        self._columns = [
            (c.name, arrow_type(c.type), column_profile(c.name, c.type, pii=c.pii)) for c in columns
        ]
        self._event, self._block = event, block
        self._names = [c.name for c in columns]
        self._pending: list[pa.RecordBatch] = []
        self._waiting = 0
        self._times: tuple[int, int] | None = None
        self.num_rows = 0

    def add(self, batch: pa.RecordBatch) -> None:
        self.num_rows += batch.num_rows
        if self._event is not None:
            self._see(self._event(batch))
        for start in range(0, batch.num_rows, self._block):
            part = batch.slice(start, self._block)
            self._pending.append(part.select(self._names))
            self._waiting += part.num_rows
            if self._waiting >= self._block:
                self._take()

    def result(self, slices: tuple[Slice, ...] = (), minimum_group: int | None = None) -> Profile:
        if self._waiting:
            self._take()
        first, last = self._times or (None, None)
        return Profile(
            rows=self.num_rows,
            features=tuple(column.result() for _, _, column in self._columns),
            first_event=None if first is None else _instant(first),
            last_event=None if last is None else _instant(last),
            slices=slices,
            minimum_group=minimum_group,
        )

    def _take(self) -> None:
        pending, self._pending, self._waiting = self._pending, [], 0
        for name, dtype, column in self._columns:
            column.add(_one_array([batch.column(name) for batch in pending], dtype))

    def _see(self, times: pa.Array) -> None:
        ends = pc.min_max(times)
        first, last = ends["min"].as_py(), ends["max"].as_py()
        if first is not None:
            known = self._times or (first, last)
            self._times = min(known[0], first), max(known[1], last)


def _one_array(parts: list[pa.Array], dtype: pa.DataType) -> pa.Array:
    same = [part if part.type == dtype else part.cast(dtype) for part in parts]
    return same[0] if len(same) == 1 else pa.concat_arrays(same)


def _instant(microseconds: int) -> Any:
    return as_value(microseconds, "timestamp")


class _Groups:
    """The rows divided by the values of one column."""

    def __init__(
        self, by: ProfiledColumn, columns: Sequence[ProfiledColumn], event: EventTimes | None
    ) -> None:
        self._by, self._columns, self._event = by, columns, event
        self._groups: dict[Any, _Rows] = {}

    def add(self, batch: pa.RecordBatch) -> None:
        column = _one_array([batch.column(self._by.name)], arrow_type(self._by.type))
        encoded = pc.dictionary_encode(column, null_encoding="encode")
        places = np.asarray(encoded.indices)
        order = np.argsort(places, kind="stable")
        sizes = np.bincount(places, minlength=len(encoded.dictionary))
        stops = np.cumsum(sizes)
        for value, size, stop in zip(encoded.dictionary.to_pylist(), sizes, stops, strict=True):
            # Taken rather than cut out, so that a small group does not hold on to the whole batch.
            self._group(value).add(batch.take(pa.array(order[stop - size : stop])))

    def result(self, minimum: int) -> Iterator[Slice]:
        name, kind = self._by.name, str(self._by.type)
        groups = sorted(self._groups.items(), key=lambda item: (-item[1].num_rows, str(item[0])))
        shown, others = shown_and_others([rows.num_rows for _, rows in groups], minimum)
        for number in shown:
            value, rows = groups[number]
            yield Slice(name, kind, value, rows.result())
        if others:
            together = merge_profiles([groups[number][1].result() for number in others])
            yield Slice(name, kind, None, together, others=True)

    def _group(self, value: Any) -> _Rows:
        if value not in self._groups:
            if len(self._groups) == MOST_GROUPS:
                raise RequestError(
                    f"Rows cannot be sliced by {self._by.name}: it has more than {MOST_GROUPS} different values.",
                    hint="Slice by a column with fewer values, such as one of classes or of ranges.",
                )
            self._groups[value] = _Rows(self._columns, self._event, _GROUP_ROWS)
        return self._groups[value]


def chosen_columns(
    names: Iterable[str], known: Sequence[ProfiledColumn], *, where: str
) -> list[ProfiledColumn]:
    """The columns of some names.

    Raises:
        NotFoundError: if there is none of a name.
    """
    found = {column.name: column for column in known}
    for name in names:
        if name not in found:
            raise NotFoundError.of("Column", name, found, where=where)
    return [found[name] for name in names]
