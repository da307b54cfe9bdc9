"""The engines that are tested, in one place."""

from __future__ import annotations

import importlib

from featurestore.protocols.offline import OfflineEngine

ENGINES = {"duckdb": "DuckDBEngine", "polars": "PolarsEngine"}


def make_engine(name: str) -> OfflineEngine:
    """A new engine; only its own library is loaded."""
    engine: OfflineEngine = getattr(importlib.import_module(f"featurestore.engines.{name}"), ENGINES[name])()
    return engine
