"""PostgreSQL, read through its Arrow driver (ADBC)."""

from __future__ import annotations

from featurestore_connectors.postgres.engine import PostgresEngine
from featurestore_connectors.postgres.reader import PostgresReader

__all__ = ["PostgresEngine", "PostgresReader"]
