"""The rows of one view in an answer, in columns of numpy and Arrow."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from featurestore.online.fixed_width import Mask
from featurestore.online.serving import ServedFeature, ServedView
from featurestore.online.status import Status


class ColumnAnswer:
    """Rows, None where there is none, judged at an instant.

    Raises:
        RowFormatError: if a row was not written for this version of the view, or is damaged.
    """

    def __init__(self, view: ServedView, stored: Sequence[bytes | None], now: int) -> None:
        self._view, self._now = view, now
        self._rows = view.layout.codec.columns(stored)

    @cached_property
    def _event(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        effective = self._view.effective
        return self._rows.event if effective is None else np.maximum(self._rows.event, effective)

    @cached_property
    def _found(self) -> Mask:
        return self._rows.present & (self._event <= self._now)

    @cached_property
    def _usable(self) -> Mask:
        ttl = self._view.ttl
        return self._found if ttl is None else self._found & (self._now - self._event <= ttl)

    @cached_property
    def _all_usable(self) -> bool:
        return bool(self._usable.all())

    @property
    def events(self) -> list[int | None]:
        """The rows' events in microseconds, of aggregations the effective times; None where NOT_FOUND."""
        judged = zip(self._event.tolist(), self._found.tolist(), strict=True)
        return [event if found else None for event, found in judged]

    def values(self, names: Sequence[str]) -> list[Sequence[Any]]:
        """Features' values in Python, None or empty where there is none to use."""
        columns = [self._rows.python(name) for name in names]
        if self._all_usable:
            return [*columns]
        usable, empties = self._usable.tolist(), [self._view.empties.get(name) for name in names]
        return [
            [value if use else empty for value, use in zip(column, usable, strict=True)]
            for column, empty in zip(columns, empties, strict=True)
        ]

    def column(self, name: str) -> pa.Array:
        """A feature's values in Arrow, null or empty where there is none to use."""
        column = self._rows.column(name)
        if self._all_usable:
            return column
        empty = pa.array([self._view.empties.get(name)], column.type)
        # Where there is nothing to use, the empty value, which stands last.
        indices = np.where(self._usable, np.arange(len(column)), len(column))
        return pa.concat_arrays([column, empty]).take(pa.array(indices))

    @cached_property
    def complete(self) -> bool:
        """Whether every entity has a value of every feature: then `stored` numbers are taken as they are."""
        return self._all_usable and not self._rows.any_null

    def stored(self, name: str) -> np.ndarray[Any, np.dtype[Any]]:
        """A numeric feature's values, whatever may be used."""
        return self._rows.numpy(name)

    def numbers(self, feature: ServedFeature) -> tuple[np.ndarray[Any, np.dtype[Any]], Mask]:
        """A numeric feature's values, and which of them count; the rest is null."""
        values, nulls = self._rows.numpy(feature.name), self._rows.nulls(feature.name)
        if not isinstance(feature.empty, int | float):
            return values, self._usable & ~nulls
        return np.where(self._usable, values, feature.empty), np.ones(len(values), np.bool_)

    def statuses(self, name: str) -> list[Status]:
        """A feature's statuses."""
        nulls = self._rows.nulls(name)
        rows = zip(self._found.tolist(), self._usable.tolist(), nulls.tolist(), strict=True)
        return [Status.of(found, usable, null) for found, usable, null in rows]
