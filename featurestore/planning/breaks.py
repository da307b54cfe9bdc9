"""What a change of a view breaks: the services that rely on what would be gone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from featurestore.definitions.reference import ViewReference
from featurestore.definitions.service import FeatureService
from featurestore.definitions.view import FeatureView


@dataclass(frozen=True, slots=True)
class Break:
    """A service that a change of a view breaks, and how.

    Attributes:
        service: its name.
        what: such as ``feature worst is gone``.
        curable: whether the service still makes sense once its owner agrees to the change.
    """

    service: str
    what: str
    curable: bool = True

    def __str__(self) -> str:
        return f"breaks service {self.service}: {self.what}"


def broken_services(
    old: FeatureView, new: FeatureView, services: Iterable[FeatureService]
) -> tuple[Break, ...]:
    """What the services that follow the view's active version would lose by the change.

    A change of values alone breaks nothing. Services that pin a version (``view@3``) are not reached.
    """
    return tuple(
        dict.fromkeys(
            Break(service.name, what, curable)
            for service in services
            for reference in service.features
            if reference.view == old.name and reference.version is None
            for what, curable in _losses(old, new, reference)
        )
    )


def _losses(old: FeatureView, new: FeatureView, reference: ViewReference) -> Iterator[tuple[str, bool]]:
    if dict(old.join_keys) != dict(new.join_keys):
        yield f"join keys become {_keys(new)} (were {_keys(old)})", True
    if old.online and not new.online:
        yield f"view {new.name} is no longer served online", True
    before = {feature.name: feature.dtype for feature in old.features}
    after = {feature.name: feature.dtype for feature in new.features}
    for name in reference.features or before:
        if name not in after:
            yield f"feature {name} is gone", reference.features is None
        elif name in before and before[name] != after[name]:
            yield f"feature {name} becomes {after[name]} (was {before[name]})", True


def _keys(view: FeatureView) -> str:
    return ", ".join(f"{key} ({dtype})" for key, dtype in view.join_keys.items()) or "none"
