"""Releases of models in the registry, and what a change reaches through training sets."""

from __future__ import annotations

import pytest

from featurestore.errors import NotFoundError, RequestError
from featurestore.protocols.registry import Registry
from featurestore.protocols.training_sets import Reached
from featurestore.testing.registry_suite.base import PROJECT, VIEW
from featurestore.testing.registry_suite.training_sets import add, manifest, with_views


def release(registry: Registry, training_set: str, version: str = "7", name: str = "delays") -> None:
    """Record a release."""
    registry.add_model_release(project=PROJECT, training_set=training_set, name=name, version=version)


class ModelCases:
    """What `TrainingSetRegistry` promises of releases of models."""

    def test_a_release_is_recorded_with_its_training_sets(self, registry: Registry) -> None:
        with_views(registry)
        made = add(registry, "one", manifest(1))
        add(registry, "two", manifest(2))
        for name in ("two", made.manifest_id[:12]):
            release(registry, name)
        release(registry, "one", "8")

        def labels(**wanted: str) -> list[tuple[str, str]]:
            found = registry.model_releases(project=PROJECT, **wanted)  # type: ignore[arg-type]
            return [(item.label, item.training_set) for item in found]

        assert labels() == [("delays@8", "one"), ("delays@7", "one"), ("delays@7", "two")]
        assert labels(training_set="two") == [("delays@7", "two")]
        assert labels(name="delays", version="7") == [("delays@7", "one"), ("delays@7", "two")]
        assert labels(name="other") == []
        assert registry.model_releases(project="other") == []
        assert len(registry.model_releases(project=PROJECT, limit=1)) == 1
        (entry, *_) = registry.audit(project=PROJECT, name="delays@8")
        assert (entry.action, entry.kind) == ("record", "model")
        assert entry.effect == {"training_set": "one", "manifest": made.manifest_id}
        assert registry.model_releases(project=PROJECT)[0].author == entry.author

    def test_a_release_is_recorded_once_for_a_training_set(self, registry: Registry) -> None:
        with_views(registry)
        add(registry, "one", manifest(1))
        release(registry, "one")
        with pytest.raises(RequestError, match="delays@7 was trained on training set 'one' is recorded"):
            release(registry, "one")
        with pytest.raises(NotFoundError, match="'two'"):
            release(registry, "two")
        assert len(registry.model_releases(project=PROJECT)) == 1
        assert len(registry.audit(project=PROJECT, name="delays@7")) == 1

    def test_what_a_change_reaches(self, registry: Registry) -> None:
        with_views(registry)
        service = {"name": "departures", "version": 1}
        add(registry, "one", manifest(1, service=service))
        add(registry, "two", manifest(2, 1, service=None))
        add(registry, "three", manifest(1, view="other"))
        for training_set, version in (("one", "6"), ("one", "7"), ("two", "7"), ("three", "8")):
            release(registry, training_set, version)

        def reached(kind: str, name: str) -> Reached:
            return registry.reached(project=PROJECT, kind=kind, name=name)

        assert reached("feature_view", VIEW) == Reached(("two", "one"), ("delays@7", "delays@6"))
        assert reached("feature_service", "departures") == Reached(("one",), ("delays@7", "delays@6"))
        assert reached("feature_view", "departures") == reached("entity", "plane") == Reached((), ())
        assert registry.reached(project="other", kind="feature_view", name=VIEW) == Reached((), ())
