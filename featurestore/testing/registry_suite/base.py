"""What the parts of the suite share: definitions, the changes that register them, and short ways to commit."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from featurestore.definitions.entity import Entity
from featurestore.definitions.feature import Feature
from featurestore.definitions.fingerprint import (
    Registrable,
    data_hash,
    definition_payload,
    metadata_hash,
    object_kind,
)
from featurestore.definitions.service import FeatureService
from featurestore.definitions.source import ParquetSource
from featurestore.definitions.types import Float64, String
from featurestore.definitions.view import FeatureView
from featurestore.errors import StaleRegistryError
from featurestore.protocols.records import Change, ChangeAction, Run, RunKind, StoredVersion
from featurestore.protocols.registry import Registry

PROJECT = "flights"
VIEW = "punctuality"
HOUR = timedelta(hours=1)
SHORT = timedelta(milliseconds=50)
"""A lease that runs out within a test."""

# A description may hold anything; both zero bytes and quotes have gone wrong in databases before.
PLANE = Entity(
    "plane", join_keys={"tailnum": String}, description="naïve ✈ 'quoted' \"twice\" %s :x \\ \0 end"
)
ARRIVALS = ParquetSource("arrivals", path="arrivals/*.parquet", event_timestamp="arrived_at")


def make_view(name: str = VIEW, **changes: Any) -> FeatureView:
    """A view with one feature; another `ttl` makes a new version, another `owner` does not."""
    fields = {"entities": [PLANE], "source": ARRIVALS, "features": [Feature("delay", Float64)]}
    return FeatureView(name, **{**fields, **changes})


def make_service(view: FeatureView) -> FeatureService:
    """A service with all features of the view."""
    return FeatureService("departures", features=[view])


def change(
    definition: Registrable,
    action: ChangeAction = ChangeAction.CREATE,
    *,
    version: int = 1,
    activate: bool = False,
) -> Change:
    """The change that a plan would make of the definition."""
    return Change(
        action=action,
        kind=object_kind(definition),
        name=definition.name,
        version=version,
        data_hash=data_hash(definition),
        metadata_hash=metadata_hash(definition),
        payload=definition_payload(definition),
        activate=activate,
    )


def new_version(definition: Registrable, version: int, *, activate: bool = False) -> Change:
    """The change to a new version."""
    return change(definition, ChangeAction.NEW_VERSION, version=version, activate=activate)


def commit(registry: Registry, *changes: Change, project: str = PROJECT) -> int:
    """Commit on top of what the registry holds now."""
    revision = registry.revision(project=project)
    return registry.commit(project=project, expected_revision=revision, changes=changes, message="why not")


def commit_until_done(registry: Registry, new: Change) -> None:
    """Commit, and again while others commit in between."""
    while True:
        try:
            commit(registry, new)
        except StaleRegistryError:
            # What the contract gives the later of two: nothing was committed, and `commit` looks anew.
            continue
        return


def begin(
    registry: Registry,
    kind: RunKind = RunKind.FULL,
    *,
    view: str = VIEW,
    version: int = 1,
    end_us: int = 1_000,
    lease: timedelta = HOUR,
    project: str = PROJECT,
) -> Run:
    """Begin a run."""
    return registry.begin_run(
        project=project, view=view, version=version, kind=kind, end_us=end_us, lease=lease
    )


def active_version(registry: Registry, view: str = VIEW) -> int | None:
    """The version that the definitions call active, or None."""
    _, stored = registry.definitions(project=PROJECT)
    active = [s.version for s in stored if s.kind == "feature_view" and s.name == view and s.active]
    assert len(active) <= 1, f"versions {active} of view {view!r} are all active"
    return active[0] if active else None


def versions_of(stored: list[StoredVersion], name: str) -> list[int]:
    """The version numbers of the views called `name`, in the order given."""
    return [s.version for s in stored if s.kind == "feature_view" and s.name == name]
