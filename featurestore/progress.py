"""Progress of long work, shown when a person is watching."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import rich.progress

PATIENCE_SECONDS = 2.0


class Progress:
    """A bar on standard error, once the work takes more than two seconds and standard error is a terminal.

    Args:
        label: what is being done.
        total: how many units there are, or None if that is not known.
        unit: what is counted.
    """

    def __init__(self, label: str, *, total: int | None = None, unit: str = "rows") -> None:
        self._label = label
        self._total = total
        self._unit = unit
        self._done = 0
        self._began = time.monotonic()
        self._watched = sys.stderr.isatty()
        self._bar: rich.progress.Progress | None = None
        self._task: rich.progress.TaskID | None = None

    def __enter__(self) -> Self:
        return self

    def advance(self, count: int) -> None:
        """Count `count` more units as done."""
        self._done += count
        if self._bar is None and self._watched and time.monotonic() - self._began > PATIENCE_SECONDS:
            self._show()
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=self._done)

    def _show(self) -> None:
        import rich.console
        import rich.progress as bars

        columns = (
            bars.TextColumn("{task.description}"),
            bars.BarColumn(),
            bars.TextColumn("{task.completed:,.0f} " + self._unit),
            bars.TimeElapsedColumn(),
        )
        self._bar = bars.Progress(*columns, console=rich.console.Console(stderr=True), transient=True)
        self._task = self._bar.add_task(self._label, total=self._total, completed=self._done)
        self._bar.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
