"""The Polars engine against the conformance suite."""

from __future__ import annotations

import pytest

from featurestore.engines.polars import PolarsEngine
from featurestore.testing.engine_conformance import OfflineEngineConformance


class TestPolars(OfflineEngineConformance):
    @pytest.fixture
    def engine(self) -> PolarsEngine:
        return PolarsEngine()
