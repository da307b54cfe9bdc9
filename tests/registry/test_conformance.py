"""The conformance suite on both databases."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from featurestore.testing.registry_conformance import RegistryConformance
from featurestore.testing.registry_suite.workers import OpenRegistry
from featurestore_registry import SQLRegistry


class TestSQLite(RegistryConformance):
    @pytest.fixture
    def open_registry(self, tmp_path: Path) -> OpenRegistry:
        return partial(SQLRegistry.from_url, f"sqlite:///{tmp_path}/registry.db")


class TestPostgreSQL(RegistryConformance):
    @pytest.fixture
    def open_registry(self, postgres_url: str) -> OpenRegistry:
        return partial(SQLRegistry.from_url, postgres_url)
