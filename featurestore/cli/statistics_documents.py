"""Profiles as documents with stable keys: without the sketches, which nobody reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from featurestore.statistics.profile import Profile
    from featurestore.store import FeatureStore

Document = dict[str, Any]


def is_view(store: FeatureStore, name: str) -> bool:
    """Whether a name is that of a view, or of a version or features of one; else it is a training set's."""
    view = name.partition(":")[0].partition("@")[0]
    if not view.isidentifier():
        return False
    return store.project.catalog().find("feature_view", view) is not None


def document(name: str, profile: Profile) -> Document:
    """A profile with the name of what it is of."""
    return {"name": name, **_shown(profile.to_json())}


def _shown(profile: Document) -> Document:
    features = [{k: v for k, v in each.items() if k != "sketches"} for each in profile["features"]]
    slices = [{**each, "profile": _shown(each["profile"])} for each in profile.get("slices", ())]
    return {**profile, "features": features, **({"slices": slices} if slices else {})}
