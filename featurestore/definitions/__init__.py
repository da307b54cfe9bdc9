"""Definitions: entities, sources, features, views, services, and their types and hashes.

The classes of sources are found here by the entry points of group ``featurestore.sources``, each loaded when it is
asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_SOURCES = {
    "CSVSource": "source",
    "DuckDBSource": "database",
    "InMemorySource": "source",
    "ParquetSource": "source",
    "PostgresSource": "database",
    "SnowflakeSource": "database",
    "SqlSource": "database",
}


def __getattr__(name: str) -> Any:
    if name not in _SOURCES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_SOURCES[name]}"), name)
