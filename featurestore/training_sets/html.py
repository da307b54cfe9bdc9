"""A training set as a notebook shows it, and what a report says about it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from featurestore.charts.markup import Markup, tag
from featurestore.charts.numbers import moment
from featurestore.charts.page import facts_list, fragment
from featurestore.statistics.profile import Profile
from featurestore.statistics.sections import feature_cards

Facts = tuple[tuple[str, str], ...]


def set_fragment(name: str, facts: Facts, found: Profile | str) -> Markup:
    """Its name, how it was made, and its features; or why there are no statistics of them."""
    title = f"Training set {name}"
    cards = tag("p", found, class_="soft") if isinstance(found, str) else feature_cards([(title, found)])
    return fragment(tag("h1", title), facts_list(facts), cards)


def set_facts(manifest_id: str, manifest: Mapping[str, Any], created_at: datetime, author: str) -> Facts:
    """How a set was made, as pairs of what and which."""
    service = manifest["service"]
    views = ", ".join(f"{view['name']}@{view['version']}" for view in manifest["views"])
    parts = ", ".join(f"{part['name']} {part['rows']:,}" for part in manifest["parts"])
    return (
        ("id", manifest_id[:12]),
        *((("service", service["name"]),) if service else ()),
        ("views", views),
        ("rows of the parts", parts),
        ("made", f"{moment(created_at)} UTC by {author}"),
    )
