"""The lineage as a picture: what leads to what, from left to right."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Protocol

from featurestore.charts.graph import Arrow, Box, layered_graph
from featurestore.charts.markup import Markup
from featurestore.charts.page import fragment, scrolled
from featurestore.lineage.nodes import Edge, Node

_MOST_NODES = 40
_MOST_OF_A_KIND = 24
_WHOLE = {"feature": "feature_view", "column": "source"}


class Drawn(Protocol):
    """What a picture shows of a lineage: the node that was asked about, and the edges."""

    @property
    def root(self) -> Node:
        """It is marked, and stays in the picture."""
        ...

    @property
    def edges(self) -> frozenset[Edge]:
        """Each from what goes in to what is made from it."""
        ...


def lineage_picture(lineage: Drawn) -> Markup:
    """Draw a lineage. In a large one views stand for their features, then sources for their columns, and many of a kind
    are one box.
    """
    edges = lineage.edges
    for kind in _WHOLE:
        if len(_nodes(edges)) > _MOST_NODES:
            edges = _folded(kind, edges, keep=lineage.root)
    edges = _shortened(_gathered(edges, lineage.root))
    nodes = sorted({lineage.root, *_nodes(edges)}, key=lambda node: (node.kind, node.name))
    places = {node: place for place, node in enumerate(nodes)}
    boxes = [_box(node, marked=node == lineage.root) for node in nodes]
    arrows = [Arrow(places[e.source], places[e.target], _aside(e.role)) for e in sorted(edges)]
    return layered_graph(f"Lineage of {lineage.root}", boxes, arrows)


def lineage_fragment(lineage: Drawn) -> Markup:
    """A lineage as a notebook shows it."""
    return fragment(scrolled(f"Lineage of {lineage.root}", lineage_picture(lineage), class_="graph"))


def _nodes(edges: Iterable[Edge]) -> set[Node]:
    return {node for edge in edges for node in (edge.source, edge.target)}


def _folded(kind: str, edges: Collection[Edge], keep: Node) -> frozenset[Edge]:
    """The edges with features drawn as their views, or columns as their sources."""
    whole = {node for node in _nodes(edges) if node.kind == _WHOLE[kind]}
    instead = {node: _whole_of(node, whole) for node in _nodes(edges) if node.kind == kind and node != keep}
    return _replaced(edges, instead)


def _whole_of(part: Node, known: Collection[Node]) -> Node:
    """The view of a feature, the source of a column; names of sources may have dots, too."""
    if part.kind == "feature":
        return Node("feature_view", part.name.rpartition(":")[0])
    found = [node for node in known if part.name.startswith(f"{node.name}.")]
    return max(found, key=lambda node: len(node.name), default=Node("source", part.name.partition(".")[0]))


def _replaced(edges: Collection[Edge], instead: Mapping[Node, Node]) -> frozenset[Edge]:
    changed = {Edge(instead.get(e.source, e.source), instead.get(e.target, e.target), e.role) for e in edges}
    return frozenset(edge for edge in changed if edge.source != edge.target)


def _gathered(edges: Collection[Edge], root: Node) -> frozenset[Edge]:
    """The edges with the last of very many nodes of a kind as one."""
    instead: dict[Node, Node] = {}
    kinds: dict[str, list[Node]] = {}
    for node in sorted(_nodes(edges) - {root}):
        kinds.setdefault(node.kind, []).append(node)
    for kind, nodes in kinds.items():
        if len(nodes) > _MOST_OF_A_KIND:
            rest = nodes[_MOST_OF_A_KIND - 1 :]
            instead |= dict.fromkeys(rest, Node(kind, f"… and {len(rest):,} more"))
    return _replaced(edges, instead)


def _shortened(edges: Collection[Edge]) -> frozenset[Edge]:
    """The edges without those that say nothing new: one leads there by way of other nodes as well."""
    steps: dict[Node, set[Node]] = {}
    for edge in edges:
        steps.setdefault(edge.source, set()).add(edge.target)
    said: dict[tuple[Node, Node], Edge] = {}
    for edge in sorted(edges, key=lambda each: _aside(each.role) != "", reverse=True):
        said[edge.source, edge.target] = edge  # a value rather than a key, where it is both
    return frozenset(edge for edge in said.values() if not _by_others(edge, steps))


def _by_others(edge: Edge, steps: dict[Node, set[Node]]) -> bool:
    waiting = [node for node in steps[edge.source] if node != edge.target]
    seen = {edge.source, *waiting}
    while waiting:
        for node in steps.get(waiting.pop(), ()):
            if node == edge.target:
                return True
            if node not in seen:
                seen.add(node)
                waiting.append(node)
    return False


def _aside(role: str) -> str:
    return role if role in ("filter", "key", "time") else ""


def _box(node: Node, *, marked: bool) -> Box:
    """Features and columns have their own names, with whose they are above; all others have their kind there."""
    kind = node.kind.replace("_", " ")
    of, colon, name = node.name.rpartition(":" if node.kind == "feature" else ".")
    if node.kind in _WHOLE and colon:
        return Box(of, name, marked, str(node))
    return Box(kind, node.name, marked, str(node))
