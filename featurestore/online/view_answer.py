"""The rows of one view in an answer: a few of them are read in Python, many in columns."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from featurestore.online.few_answer import FewAnswer
from featurestore.online.few_rows import FEW
from featurestore.online.serving import ServedView
from featurestore.online.status import Status

if TYPE_CHECKING:
    from featurestore.online.column_answer import ColumnAnswer


class ViewAnswer:
    """The rows of one view, None where there is none, and when they are judged.

    Attributes:
        plain: see `ServedView.plain_rows`.

    Raises:
        RowFormatError: if a row was not written for this version of the view, or is damaged.
    """

    def __init__(self, view: ServedView, stored: Sequence[bytes | None], now: int) -> None:
        self.view = view
        self._stored, self._now = stored, now
        self.plain = view.plain_rows(stored, now)
        if self.plain is None:
            self._python = self._in_python()

    @cached_property
    def _python(self) -> FewAnswer | ColumnAnswer:
        return self._in_python()

    def _in_python(self) -> FewAnswer | ColumnAnswer:
        return FewAnswer(self.view, self._stored, self._now) if len(self._stored) <= FEW else self.columns

    @cached_property
    def columns(self) -> ColumnAnswer:
        """The rows in columns, for which numpy and Arrow are loaded."""
        from featurestore.online.column_answer import ColumnAnswer

        return ColumnAnswer(self.view, self._stored, self._now)

    def values(self, names: Sequence[str]) -> list[Sequence[Any]]:
        """Features' values in Python, None or empty where there is none to use."""
        python, lists = self._python, self.view.lists
        if lists.isdisjoint(names):
            return python.values(names)
        return [(self.columns if name in lists else python).values([name])[0] for name in names]

    def statuses(self, name: str) -> list[Status]:
        """A feature's statuses."""
        return self._python.statuses(name)

    @property
    def events(self) -> list[int | None]:
        """The rows' events in microseconds, of aggregations the effective times; None where NOT_FOUND."""
        return self._python.events
