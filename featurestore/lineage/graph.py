"""The graph of what is made from what, as data and as a Mermaid diagram."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from featurestore.lineage.nodes import KINDS, Edge, Node

_SHAPES = {
    "column": ("[", "]"), "source": ("[(", ")]"), "entity": ("{{", "}}"), "feature": ("(", ")"),
    "feature_view": ("[[", "]]"), "feature_service": ("([", "])"), "training_set": ("[/", "/]"), "model": ("{{", "}}"),
}  # fmt: skip


@dataclass(frozen=True)
class Lineage:
    """What something is made from, and what is made from it. Print it to read it.

    Attributes:
        root: what was asked about.
        edges: each from what goes in to what is made from it.
    """

    root: Node
    edges: frozenset[Edge] = field(default_factory=frozenset)

    @property
    def nodes(self) -> tuple[Node, ...]:
        """All nodes, by kind and name."""
        found = {self.root, *(edge.source for edge in self.edges), *(edge.target for edge in self.edges)}
        return tuple(sorted(found, key=lambda node: (KINDS.index(node.kind), node.name)))

    def upstream(self, node: Node | None = None) -> tuple[Node, ...]:
        """What a node (by default the root) is made from, directly or not."""
        pairs = [(edge.target, edge.source) for edge in self.edges]
        return self._reached(node or self.root, pairs)

    def downstream(self, node: Node | None = None) -> tuple[Node, ...]:
        """What is made from a node (by default the root), directly or not."""
        pairs = [(edge.source, edge.target) for edge in self.edges]
        return self._reached(node or self.root, pairs)

    def to_dict(self) -> dict[str, Any]:
        """The graph as JSON has it."""
        return {
            "root": _dump(self.root),
            "nodes": [_dump(node) for node in self.nodes],
            "edges": [
                {"source": _dump(edge.source), "target": _dump(edge.target), "role": edge.role}
                for edge in sorted(self.edges)
            ],
        }

    def to_mermaid(self) -> str:
        """The graph as the text of a Mermaid flowchart (https://mermaid.js.org), from left to right."""
        ids = {node: f"n{number}" for number, node in enumerate(self.nodes)}
        lines = ["flowchart LR"]
        lines += [f"    {ids[node]}{_box(node)}" for node in self.nodes]
        for edge in sorted(self.edges):
            arrow = "-.->" if edge.role in ("filter", "key", "time") else "-->"
            label = f"|{edge.role}|" if edge.role in ("filter", "key", "time") else ""
            lines.append(f"    {ids[edge.source]} {arrow}{label} {ids[edge.target]}")
        lines.append(f"    style {ids[self.root]} stroke-width:3px")
        return "\n".join(lines)

    def __str__(self) -> str:
        lines = [str(self.root)]
        for title, nodes in (("made from", self.upstream()), ("goes into", self.downstream())):
            lines.append(f"  {title}:" if nodes else f"  {title} nothing that is registered")
            lines += [f"    {node}" for node in nodes]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from featurestore.lineage.picture import lineage_fragment

        return str(lineage_fragment(self))

    def _reached(self, start: Node, pairs: Iterable[tuple[Node, Node]]) -> tuple[Node, ...]:
        steps: dict[Node, list[Node]] = {}
        for near, far in pairs:
            steps.setdefault(near, []).append(far)
        found: set[Node] = set()
        waiting = [start]
        while waiting:
            for node in steps.get(waiting.pop(), ()):
                if node not in found:
                    found.add(node)
                    waiting.append(node)
        return tuple(node for node in self.nodes if node in found)


def _dump(node: Node) -> dict[str, str]:
    return {"kind": node.kind, "name": node.name}


def _box(node: Node) -> str:
    left, right = _SHAPES[node.kind]
    # Mermaid has no escape for a quote but its HTML entity.
    return f'{left}"{node.name.replace(chr(34), "#quot;")}"{right}'
