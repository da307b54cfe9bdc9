"""Whole pages, and fragments of them for notebooks."""

from __future__ import annotations

from collections.abc import Iterable

from featurestore.charts.markup import Child, Markup, tag
from featurestore.charts.style import STYLE

# The page may not load or run anything, even if a text in it tried to.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def fragment(*children: Child) -> Markup:
    """Something to show in a notebook, with its style."""
    return tag("div", tag("style", Markup(STYLE)), tag("main", *children), class_="fs-report")


def page(title: str, *children: Child) -> Markup:
    """A whole page in one file."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name_="color-scheme", content="light dark"),
        tag("title", title),
        tag("style", Markup(STYLE), Markup("html,body{margin:0}")),
    )
    body = tag("body", tag("main", *children), class_="fs-report")
    return Markup(f"<!doctype html>\n{tag('html', head, body, lang='en')}\n")


def facts_list(facts: Iterable[tuple[str, str]]) -> Markup:
    """Pairs of what and which, side by side as far as they fit."""
    return tag("dl", [tag("div", tag("dt", what), tag("dd", which)) for what, which in facts], class_="about")


def scrolled(label: str, *children: Child, class_: str = "") -> Markup:
    """What may be wider than the page: it scrolls by itself, by keyboard too."""
    return tag(
        "div", *children, class_=f"scroll {class_}".strip(), tabindex=0, role="region", aria_label=label
    )
