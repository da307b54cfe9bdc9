"""The stores of tests/store: SQLite and Redis online, both engines."""

from tests.store.conftest import arrivals, engine, online_url, open_store, store

__all__ = ["arrivals", "engine", "online_url", "open_store", "store"]
