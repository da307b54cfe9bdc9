"""The stores of tests/store: SQLite and Redis online, both engines."""

from __future__ import annotations

from datetime import datetime

from tests.store.conftest import NOON, Arrivals, arrivals, engine, online_url, open_store, store

__all__ = ["arrivals", "engine", "fill", "online_url", "open_store", "store"]


def fill(rows: Arrivals, count: int = 3, at: datetime = NOON) -> None:
    """A row for each of some planes."""
    for number in range(count):
        rows.add(f"N{number}", at, float(number))
