"""The lineage as a picture: what leads to what, from left to right."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from featurestore.charts.graph import Arrow, Box, layered_graph
from featurestore.charts.markup import Markup
from featurestore.charts.page import fragment, scrolled
from featurestore.lineage.graph import Edge, Lineage, Node

_MOST_NODES = 60
_MOST_OF_A_KIND = 24
_DETAILS = ("column", "feature")


def lineage_picture(lineage: Lineage) -> Markup:
    """Draw a lineage. Of a large one columns are left out, then features, and many of a kind become one box."""
    edges = frozenset(lineage.edges)
    for kind in _DETAILS:
        if len(_nodes(edges)) > _MOST_NODES:
            edges = _without(kind, edges, keep=lineage.root)
    edges = _shortened(_gathered(edges, lineage.root))
    nodes = sorted({lineage.root, *_nodes(edges)}, key=lambda node: (node.kind, node.name))
    places = {node: place for place, node in enumerate(nodes)}
    boxes = [_box(node, marked=node == lineage.root) for node in nodes]
    arrows = [Arrow(places[e.source], places[e.target], _aside(e.role)) for e in sorted(edges)]
    return layered_graph(f"Lineage of {lineage.root}", boxes, arrows)


def lineage_fragment(lineage: Lineage) -> Markup:
    """A lineage as a notebook shows it."""
    return fragment(scrolled(f"Lineage of {lineage.root}", lineage_picture(lineage), class_="graph"))


def _nodes(edges: Iterable[Edge]) -> set[Node]:
    return {node for edge in edges for node in (edge.source, edge.target)}


def _without(kind: str, edges: Collection[Edge], keep: Node) -> frozenset[Edge]:
    """The edges with those through nodes of a kind drawn together."""
    left_out = {node for node in _nodes(edges) if node.kind == kind and node != keep}
    into: dict[Node, list[Edge]] = {}
    for edge in edges:
        into.setdefault(edge.target, []).append(edge)
    found = set()
    for edge in edges:
        if edge.target in left_out:
            continue
        if edge.source not in left_out:
            found.add(edge)
            continue
        found |= {Edge(before.source, edge.target, edge.role) for before in into.get(edge.source, ())}
    return frozenset(found)


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
    changed = {Edge(instead.get(e.source, e.source), instead.get(e.target, e.target), e.role) for e in edges}
    return frozenset(edge for edge in changed if edge.source != edge.target)


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
    """A feature and a column are told by their own name; whose they are is written above."""
    kind = node.kind.replace("_", " ")
    of, colon, name = node.name.rpartition(":" if node.kind == "feature" else ".")
    if node.kind in _DETAILS and colon:
        return Box(f"{kind} of {of}", name, marked)
    return Box(kind, node.name, marked)
