"""Database files of DuckDB."""

from __future__ import annotations

from featurestore_connectors.duckdb.reader import DuckDBReader

__all__ = ["DuckDBReader"]
