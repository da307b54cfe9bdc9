"""A few rows of one view in an answer, in Python: a process that reads no others needs neither numpy nor Arrow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from featurestore.online.serving import ServedView
from featurestore.online.status import Status


class FewAnswer:
    """A few rows, None where there is none, judged at an instant.

    Attributes:
        events: the rows' events in microseconds, of aggregations the effective times; None where NOT_FOUND.

    Raises:
        RowFormatError: if a row was not written for this version of the view, or is damaged.
    """

    def __init__(self, view: ServedView, stored: Sequence[bytes | None], now: int) -> None:
        self._view = view
        self._rows = rows = view.layout.codec.few(stored)
        effective, ttl = view.effective, view.ttl
        events = rows.events if effective is None else [max(event, effective) for event in rows.events]
        judged = zip(rows.present, events, strict=True)
        self.events = [event if present and event <= now else None for present, event in judged]
        self._usable = [event is not None and (ttl is None or now - event <= ttl) for event in self.events]

    def values(self, names: Sequence[str]) -> list[Sequence[Any]]:
        """The values of features that are no lists, None or empty where there is none to use."""
        columns = self._rows.columns(names)
        if all(self._usable):
            return columns
        empties = [self._view.empties.get(name) for name in names]
        return [
            [value if use else empty for value, use in zip(column, self._usable, strict=True)]
            for column, empty in zip(columns, empties, strict=True)
        ]

    def statuses(self, name: str) -> list[Status]:
        """A feature's statuses."""
        rows = zip(self.events, self._usable, self._rows.nulls(name), strict=True)
        return [Status.of(event is not None, usable, null) for event, usable, null in rows]
