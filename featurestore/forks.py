"""What a fork must not tear apart.

A forked child has one thread. What the others were doing in the parent is never finished in the child: a lock that one
of them held, in Python, in SQLAlchemy or inside SQLite, is held for ever. So a fork waits until no thread is inside.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator

_SECONDS_TO_WAIT = 5.0
"""A fork goes on then all the same: a thread may wait for another process's lock for longer."""


def count() -> int:
    """How many forks lie between this process and the one that loaded this module: cheaper than the process id."""
    return _GATE.forks


@contextlib.contextmanager
def held_off() -> Iterator[None]:
    """Between `enter` and `leave`."""
    _GATE.enter()
    try:
        yield
    finally:
        _GATE.leave()


class _Depth(threading.local):
    value = 0


class _Gate:
    """Open, but while a thread forks. Threads go in and out without a lock: appending and popping are atomic."""

    def __init__(self) -> None:
        self.forks = 0
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._depth = _Depth()
        self._inside: list[None] = []
        self._forking = 0
        self._opened = threading.Event()
        self._opened.set()

    def enter(self) -> None:
        self._depth.value += 1
        if self._depth.value > 1:
            return
        self._inside.append(None)
        # First in, then a look whether one forks; who forks does it the other way round. One sees the other.
        while self._forking:
            self._inside.pop()
            self._opened.wait(_SECONDS_TO_WAIT)
            self._inside.append(None)

    def leave(self) -> None:
        self._depth.value -= 1
        if self._depth.value == 0 and self._inside:
            self._inside.pop()

    def before_fork(self) -> None:
        self._opened.clear()
        self._forking += 1
        own, deadline = self._depth.value > 0, time.monotonic() + _SECONDS_TO_WAIT
        while len(self._inside) > own and time.monotonic() < deadline:
            time.sleep(0.0005)

    def after_fork_in_parent(self) -> None:
        self._forking -= 1
        if not self._forking:
            self._opened.set()

    def after_fork_in_child(self) -> None:
        depth = self._depth.value
        self.forks += 1
        self._begin_anew()
        self._depth.value = depth
        self._inside += [None] * (depth > 0)


_GATE = _Gate()
enter = _GATE.enter
"""Begin what a fork has to wait for; may be nested. `leave` has to follow."""
leave = _GATE.leave
"""End what `enter` began."""
if hasattr(os, "register_at_fork"):  # Windows does not fork
    os.register_at_fork(
        before=_GATE.before_fork,
        after_in_parent=_GATE.after_fork_in_parent,
        after_in_child=_GATE.after_fork_in_child,
    )
