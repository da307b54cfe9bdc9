"""The registry in a SQL database: versions of definitions, runs and leases, in SQLite or PostgreSQL."""

from __future__ import annotations

from featurestore_registry.registry import SQLRegistry

__all__ = ["SQLRegistry"]
