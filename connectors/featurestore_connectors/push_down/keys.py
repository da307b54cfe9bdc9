"""What join keys are called in the statements."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from featurestore.protocols.offline import ViewPlan


def key_names(view: ViewPlan) -> list[str]:
    """What the keys are called: k0, k1, …; one constant where the view has none."""
    return [f"k{i}" for i in range(max(1, len(view.keys)))]
