"""Writing HTML and SVG, in which every text is escaped."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

# Neither HTML nor XML has these, not even escaped.
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]")
_EMPTY_ELEMENTS = {"br", "hr", "meta"}


class Markup(str):
    """Text that is HTML or SVG already."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return str(self)


Child = str | Iterable["Child"] | None


def text(value: object) -> Markup:
    """A value as text in HTML, unless it is markup already."""
    if isinstance(value, Markup):
        return value
    written = str(value).encode("utf-8", "replace").decode("utf-8")
    return Markup(html.escape(_CONTROLS.sub("\ufffd", written), quote=True))


def name_that_breaks(name: str) -> Markup:
    """A name that may be broken after its underscores, colons and dots."""
    return Markup(re.sub("([_:.]+)", r"\1<wbr>", text(name)))


def join(children: Child) -> Markup:
    """Markup of several pieces, one after the other."""
    if children is None:
        return Markup("")
    if isinstance(children, str):
        return text(children)
    return Markup("".join(join(child) for child in children))


def tag(element: str, /, *children: Child, **attributes: object) -> Markup:
    """An element; of the attributes' names, ``_`` is read as ``-`` and one at the end dropped, None is left out."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{text(_short(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if element in _EMPTY_ELEMENTS:
        return Markup(f"<{element}{written}>")
    return Markup(f"<{element}{written}>{join(children)}</{element}>")


def picture(
    width: float, height: float, title: str, description: str, *children: Child, style: str | None = None
) -> Markup:
    """An SVG that fills the width it is given, and that says in words what it shows."""
    return tag(
        "svg",
        tag("title", title),
        tag("desc", description),
        *children,
        viewBox=f"0 0 {_short(width)} {_short(height)}",
        width=width,
        height=height,
        role="img",
        aria_label=f"{title}. {description}",
        style=style,
    )


def path(points: Iterable[tuple[float, float]], *, closed: bool = False) -> str:
    """The ``d`` of a line through points."""
    line = "L".join(f"{_short(x)} {_short(y)}" for x, y in points)
    return f"M{line}{'Z' if closed else ''}"


def _short(value: object) -> object:
    """Coordinates to a tenth of a pixel."""
    if not isinstance(value, float):
        return value
    rounded = round(value, 1)
    return int(rounded) if rounded == int(rounded) else rounded
