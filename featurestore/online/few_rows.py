"""A handful of stored rows, read one by one: numpy would spend more time on beginning than on reading."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, Final, TypeAlias

from featurestore.online.header import FORMAT_VERSION, HEADER_SIZE, PUSHED, SIGN
from featurestore.online.row_layout import RowLayout

FEW: Final = 16
_KNOWN: Final = (FORMAT_VERSION, FORMAT_VERSION | PUSHED)
PlainRows: TypeAlias = list[tuple[Any, ...]]
PlainReader: TypeAlias = "Callable[[Sequence[bytes | None], int | None, int], PlainRows | None]"


def plain_reader(layout: RowLayout, names: Sequence[str]) -> PlainReader | None:
    """What reads some features of a few rows at once, in the common case; None if they are not all plain.

    It is given rows and the oldest (None: any) and the newest event that may be used, and gives a tuple of values
    for each row; None if one is missing, null, not in between or not of this layout: then `FewRows` has to look.
    """
    pick = layout.pick(names)
    if pick is None:
        return None
    unpack, no_nulls, whole = layout.body.unpack_from, layout.no_nulls, layout.whole
    size, fingerprint, same_size = layout.size, layout.fingerprint, not layout.variable

    def read(rows: Sequence[bytes | None], oldest: int | None, newest: int) -> PlainRows | None:
        found = []
        for row in rows:
            if row is None or len(row) < size or row[0] not in _KNOWN or row[1:5] != fingerprint:
                return None
            event = int.from_bytes(row[5:13], "big") - SIGN
            values = unpack(row, HEADER_SIZE)
            if len(row) != size if same_size else not whole(row, values):
                return None
            if event > newest or (oldest is not None and event < oldest) or values[0] != no_nulls:
                return None
            found.append(pick(values))
        return found

    return read


class FewRows:
    """Python values of a few rows, None where there is none.

    Attributes:
        present: which rows are there.
        events: event timestamps in microseconds; 0 where a row is missing.

    Raises:
        RowFormatError: if a row was not written for this version of the view, or is damaged.
    """

    def __init__(self, layout: RowLayout, rows: Sequence[bytes | None]) -> None:
        self._layout = layout
        self.present = [row is not None for row in rows]
        self._rows = [layout.blank if row is None else row for row in rows]
        self._values = [self._unpack(row) for row in self._rows]
        self.events = [int.from_bytes(row[5:13], "big") - SIGN for row in self._rows]

    def _unpack(self, row: bytes) -> tuple[Any, ...]:
        layout = self._layout
        if len(row) < layout.size or row[0] not in _KNOWN or row[1:5] != layout.fingerprint:
            raise layout.rejection(row)
        values: tuple[Any, ...] = layout.body.unpack_from(row, HEADER_SIZE)
        if not layout.whole(row, values):
            raise layout.rejection(row)
        return values

    def columns(self, names: Sequence[str]) -> list[Sequence[Any]]:
        """The values of several features that are no lists, faster than one by one."""
        if self._any_null:
            return [self.python(name) for name in names]
        slots, converters, fixed = self._layout.slots, self._layout.converters, len(self._layout.fixed)
        found: list[Sequence[Any]] = []
        for name in names:
            slot, convert = slots[name], converters.get(name)
            if convert or slot > fixed:
                found.append(self.python(name))
            else:
                found.append(self._columns[slot])
        return found

    @cached_property
    def _any_null(self) -> bool:
        return any(values[0] != self._layout.no_nulls for values in self._values)

    @cached_property
    def _columns(self) -> list[tuple[Any, ...]]:
        return list(zip(*self._values, strict=True)) or [()] * len(self._layout.slots)

    def python(self, name: str) -> list[Any]:
        """The values of a feature that is no list."""
        layout = self._layout
        slot, convert = layout.slots[name], layout.converters.get(name)
        plain = list(self._columns[slot]) if slot <= len(layout.fixed) else self._slices(slot)
        if self._any_null:
            pairs = zip(plain, self.nulls(name), strict=True)
            return [None if null else convert(value) if convert else value for value, null in pairs]
        return list(map(convert, plain)) if convert else plain

    def nulls(self, name: str) -> list[bool]:
        """Where a feature is null or its row is missing."""
        position = self._layout.positions[name]
        return [bool(int.from_bytes(bits, "little") >> position & 1) for bits in self._columns[0]]

    def _slices(self, slot: int) -> list[bytes]:
        size, first = self._layout.size, slot == 1 + len(self._layout.fixed)
        begins = (0,) * len(self._rows) if first else self._columns[slot - 1]
        triples = zip(self._rows, begins, self._columns[slot], strict=True)
        return [row[size + begin : size + end] for row, begin, end in triples]
