"""A process in which one act on a registry after the other is done, and killed with SIGKILL between two statements.

    python -m tests.registry.die_at_statement

It reads ``URL ACT N`` a line, does the act in a forked child, and answers with the child's exit code: -9 if it was
killed after the N-th statement (the commit is one), 0 if the act had fewer. No handler runs, nothing is closed.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import sqlalchemy as sa

from featurestore_registry import SQLRegistry
from tests.registry.acts import ACTS, arrange

NEVER = 1_000_000


def main() -> None:
    """Answer until stdin is closed."""
    for line in sys.stdin:
        url, act, number = line.split()
        child = os.fork()
        if child == 0:
            do(url, act, int(number))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def do(url: str, act: str, number: int) -> None:
    """Do the act, and die after so many statements or at its end."""
    registry = SQLRegistry.from_url(url)
    left = number

    def point(*_: Any) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    # Before the commit is sent; after it comes the end.
    for event in ("after_cursor_execute", "commit"):
        sa.event.listen(sa.Engine, event, point)
    (arrange if act == "arrange" else ACTS[act])(registry)
    point()
    os._exit(0)


if __name__ == "__main__":
    main()
