from __future__ import annotations

import pytest

from featurestore.errors import ConfigurationError
from featurestore.testing.memory import MemoryOnlineStore
from featurestore.testing.online_conformance import OnlineStoreConformance, Opener


class TestMemoryOnlineStore(OnlineStoreConformance):
    @pytest.fixture
    def open_store(self) -> Opener:
        return MemoryOnlineStore


def test_url() -> None:
    assert isinstance(MemoryOnlineStore.from_url("memory://"), MemoryOnlineStore)
    with pytest.raises(ConfigurationError, match="memory://elsewhere"):
        MemoryOnlineStore.from_url("memory://elsewhere")
