"""The offline engine on DuckDB."""

from featurestore.engines.duckdb.engine import DuckDBEngine

__all__ = ["DuckDBEngine"]
