"""The DuckDB engine against the conformance suite."""

from __future__ import annotations

import pytest

from featurestore.engines.duckdb import DuckDBEngine
from featurestore.testing.engine_conformance import OfflineEngineConformance


class TestDuckDB(OfflineEngineConformance):
    @pytest.fixture
    def engine(self) -> DuckDBEngine:
        return DuckDBEngine()
