"""A training set as a notebook shows it, and what a report says about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from featurestore.charts.markup import Markup, tag
from featurestore.charts.numbers import moment
from featurestore.charts.page import facts_list, fragment
from featurestore.errors import NotFoundError
from featurestore.statistics.sections import feature_cards

if TYPE_CHECKING:
    from featurestore.training_sets.training_set import TrainingSet

Facts = tuple[tuple[str, str], ...]


def set_fragment(found: TrainingSet) -> Markup:
    """Its name, how it was made, and its features where statistics of them were recorded."""
    name = f"Training set {found.name}"
    try:
        cards = feature_cards([(name, found.profile())])
    except NotFoundError as error:
        cards = tag("p", error.message, class_="soft")
    return fragment(tag("h1", name), facts_list(set_facts(found)), cards)


def set_facts(found: TrainingSet) -> Facts:
    """How it was made, as pairs of what and which."""
    service = found.manifest["service"]
    views = ", ".join(f"{view['name']}@{view['version']}" for view in found.manifest["views"])
    parts = ", ".join(f"{name} {content.rows:,}" for name, content in found.parts.items())
    return (
        ("id", found.id[:12]),
        *((("service", service["name"]),) if service else ()),
        ("views", views),
        ("rows of the parts", parts),
        ("made", f"{moment(found.created_at)} UTC by {found.author}"),
    )
