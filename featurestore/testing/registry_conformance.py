"""The conformance suite for registries: subclass it, say how yours is opened, and run pytest.

    class TestMyRegistry(RegistryConformance):
        @pytest.fixture
        def open_registry(self, tmp_path):
            return functools.partial(MyRegistry.from_url, f"myregistry:///{tmp_path}/registry")

It asserts what `featurestore.protocols.registry` says, with threads and with processes.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from featurestore.protocols.registry import Registry
from featurestore.testing.registry_suite.commits import CommitCases
from featurestore.testing.registry_suite.definitions import DefinitionCases
from featurestore.testing.registry_suite.leases import LeaseCases
from featurestore.testing.registry_suite.models import ModelCases
from featurestore.testing.registry_suite.neighbours import NeighbourCases
from featurestore.testing.registry_suite.past import PastCases
from featurestore.testing.registry_suite.processes import ProcessCases
from featurestore.testing.registry_suite.run_checks import RunCheckCases
from featurestore.testing.registry_suite.run_profiles import RunProfileCases
from featurestore.testing.registry_suite.runs import RunCases
from featurestore.testing.registry_suite.training_sets import TrainingSetCases
from featurestore.testing.registry_suite.workers import OpenRegistry


class RegistryConformance(
    DefinitionCases,
    NeighbourCases,
    CommitCases,
    RunCases,
    RunProfileCases,
    LeaseCases,
    PastCases,
    TrainingSetCases,
    ModelCases,
    RunCheckCases,
    ProcessCases,
):
    """What every registry has to do."""

    @pytest.fixture
    def open_registry(self) -> OpenRegistry:
        """What opens one and the same new, empty registry each time it is called.

        Other processes call it too: it has to be picklable, e.g. a ``functools.partial`` of a class method.
        """
        raise NotImplementedError("Override the fixture open_registry.")

    @pytest.fixture
    def registry(self, open_registry: OpenRegistry) -> Iterator[Registry]:
        """The registry."""
        registry = open_registry()
        yield registry
        registry.close()

    @pytest.fixture
    def another(self, registry: Registry, open_registry: OpenRegistry) -> Iterator[Registry]:
        """The same registry, opened a second time."""
        registry = open_registry()
        yield registry
        registry.close()
