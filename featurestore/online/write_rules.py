"""Who may replace whom, in plain Python.

`featurestore.protocols.online` states the rule; stores enforce it in SQL or Lua, the store in memory uses
this, and the conformance suite compares every store with it.
"""

from __future__ import annotations

from featurestore.online.header import (
    event_and_created,
    event_bytes,
    is_pushed,
    order_preserving,
    run_number,
    written_bytes,
)
from featurestore.protocols.online import MaterializedWrite, PushedWrite


def row_after_write(stored: bytes | None, row: bytes, rule: MaterializedWrite | PushedWrite) -> bytes | None:
    """What is stored once `row` was written over `stored`; None: nothing."""
    if isinstance(rule, PushedWrite):
        return row if stored is None or _push_replaces(row, stored) else stored
    if stored is not None and _outlives(stored, row, rule):
        return stored
    return row or None


def _push_replaces(row: bytes, stored: bytes) -> bool:
    if not is_pushed(stored):
        return event_bytes(row) > event_bytes(stored)
    return (event_and_created(row), row) > (event_and_created(stored), stored)


def _outlives(stored: bytes, row: bytes, rule: MaterializedWrite) -> bool:
    run = run_number(rule.run)
    if not is_pushed(stored):
        return written_bytes(stored) > run
    unseen = event_bytes(stored) > order_preserving(rule.end) or written_bytes(stored) >= run
    return unseen and (not row or event_bytes(stored) > event_bytes(row))
