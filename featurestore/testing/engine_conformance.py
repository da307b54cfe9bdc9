"""The conformance suite for offline engines.

An adapter's tests subclass it and say how to make the engine::

    class TestMyEngine(OfflineEngineConformance):
        @pytest.fixture
        def engine(self):
            return MyEngine()
"""

from __future__ import annotations

import pytest

from featurestore.protocols.offline import OfflineEngine
from featurestore.testing.engine_suite.boundaries import BoundaryCases
from featurestore.testing.engine_suite.latest import LatestCases
from featurestore.testing.engine_suite.peers import PeerCases
from featurestore.testing.engine_suite.rules import RuleCases
from featurestore.testing.engine_suite.storage import StorageCases
from featurestore.testing.engine_suite.times import TimeCases
from featurestore.testing.engine_suite.values import ValueCases
from featurestore.testing.engine_suite.visible import VisibleCases


class OfflineEngineConformance(
    BoundaryCases, PeerCases, RuleCases, ValueCases, TimeCases, LatestCases, VisibleCases, StorageCases
):
    """Everything that an offline engine has to get right; rows, order and types are compared strictly."""

    @pytest.fixture
    def engine(self) -> OfflineEngine:
        """The engine under test."""
        raise NotImplementedError("override the fixture `engine`")
