from __future__ import annotations

import functools
from pathlib import Path

import pytest

from featurestore.online.sqlite import SQLiteOnlineStore
from featurestore.testing.online_conformance import OnlineStoreConformance, Opener
from featurestore.testing.online_sharing import SharedStoreConformance


class TestSQLiteOnlineStore(SharedStoreConformance, OnlineStoreConformance):
    @pytest.fixture
    def open_store(self, tmp_path: Path) -> Opener:
        return functools.partial(SQLiteOnlineStore.from_url, f"sqlite:///{tmp_path}/online.db")
