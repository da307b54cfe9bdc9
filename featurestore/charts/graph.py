"""A graph in layers from left to right, each node right of all that lead to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from featurestore.charts.layers import Layers
from featurestore.charts.letters import fitted
from featurestore.charts.markup import Markup, picture, tag

_WIDTH, _HEIGHT, _GAP, _BETWEEN, _MARGIN = 150.0, 38.0, 8.0, 36.0, 4.0
_PASSAGE = 8.0
"""How high the space is in which a line passes by the nodes of a layer."""
_SMALLEST = 0.85
"""So far the picture is made smaller where there is little room, before it scrolls."""


@dataclass(frozen=True, slots=True)
class Box:
    """A node of the graph.

    Attributes:
        heading: small above its name.
        name: what it is called.
        marked: whether the graph is about it.
        told: all about it, where a pointer rests on it; by default heading and name.
    """

    heading: str
    name: str
    marked: bool = False
    told: str = ""


@dataclass(frozen=True, slots=True)
class Arrow:
    """An edge between two boxes, given by their places in the list.

    Attributes:
        role: what the edge means, if it is not the main thing: drawn dashed.
    """

    source: int
    target: int
    role: str = ""


def layered_graph(title: str, boxes: Sequence[Box], arrows: Sequence[Arrow]) -> Markup:
    """Draw a graph without cycles."""
    layers = Layers(len(boxes), [(arrow.source, arrow.target) for arrow in arrows])
    places, height = _places(layers, len(boxes))
    width = len(layers.ordered) * (_WIDTH + _BETWEEN) - _BETWEEN + 2 * _MARGIN
    lines = [
        _line([places[node] for node in way], arrow, boxes)
        for way, arrow in zip(layers.ways, arrows, strict=True)
    ]
    nodes = [_node(box, *places[index]) for index, box in enumerate(boxes)]
    description = (
        f"{len(boxes)} nodes and {len(arrows)} edges, from what goes in (left) to what is made of it (right)."
    )
    style = f"max-width:{width:.0f}px;min-width:{width * _SMALLEST:.0f}px"
    return picture(width, height, title, description, *lines, *nodes, style=style)


def _places(layers: Layers, boxes: int) -> tuple[dict[int, tuple[float, float]], float]:
    """The left end and the middle of each node, and the height of all; layers are centred."""
    highs = [sum(_high(node, boxes) + _GAP for node in layer) - _GAP for layer in layers.ordered]
    places = {}
    for column, (layer, high) in enumerate(zip(layers.ordered, highs, strict=True)):
        y = _MARGIN + (max(highs) - high) / 2
        for node in layer:
            own = _high(node, boxes)
            places[node] = (_MARGIN + column * (_WIDTH + _BETWEEN), y + own / 2)
            y += own + _GAP
    return places, max(highs) + 2 * _MARGIN


def _high(node: int, boxes: int) -> float:
    return _HEIGHT if node < boxes else _PASSAGE


def _line(way: Sequence[tuple[float, float]], arrow: Arrow, boxes: Sequence[Box]) -> Markup:
    role = f" ({arrow.role})" if arrow.role else ""
    return tag(
        "path",
        tag("title", f"{boxes[arrow.source].name} → {boxes[arrow.target].name}{role}"),
        d=" ".join(_curves(way)),
        class_="edge aside" if arrow.role else "edge",
    )


def _curves(way: Sequence[tuple[float, float]]) -> Iterator[str]:
    yield f"M{way[0][0] + _WIDTH:.1f} {way[0][1]:.1f}"
    for (left, above), (x, y) in pairwise(way):
        bend = (x - left - _WIDTH) / 2
        yield f"C{x - bend:.1f} {above:.1f} {x - bend:.1f} {y:.1f} {x:.1f} {y:.1f}"
        if (x, y) != way[-1]:
            yield f"H{x + _WIDTH:.1f}"


def _node(box: Box, x: float, middle: float) -> Markup:
    y = middle - _HEIGHT / 2
    return tag(
        "g",
        tag("title", box.told or f"{box.heading} {box.name}"),
        tag("rect", x=x, y=y, width=_WIDTH, height=_HEIGHT, rx=5),
        tag("text", fitted(box.heading, _WIDTH - 20, 10), x=x + 10, y=y + 14, class_="kind"),
        tag("text", fitted(box.name, _WIDTH - 20, 12), x=x + 10, y=y + 29, class_="node-name"),
        class_="node marked" if box.marked else "node",
    )
