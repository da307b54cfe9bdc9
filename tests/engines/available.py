"""The engines that are tested, in one place."""

from __future__ import annotations

from featurestore.engines.duckdb import DuckDBEngine
from featurestore.engines.polars import PolarsEngine
from featurestore.protocols.offline import OfflineEngine

ENGINES: dict[str, type[OfflineEngine]] = {"duckdb": DuckDBEngine, "polars": PolarsEngine}
