"""The layers of a graph, after Sugiyama, Tagawa and Toda (1981)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

_SWEEPS = 8


class Layers:
    """Nodes in layers, such that edges go from left to right and few of them cross.

    Args:
        count: how many nodes there are.
        edges: pairs of nodes; no cycles.

    Attributes:
        ordered: the nodes of each layer from top to bottom; numbers from `count` on are places where an edge passes.
        ways: for each edge the nodes that it goes through.
    """

    def __init__(self, count: int, edges: Sequence[tuple[int, int]]) -> None:
        depth = _depths(count, edges)
        self.ways: list[list[int]] = []
        for source, target in edges:
            passed = range(depth[source] + 1, depth[target])
            first = len(depth)
            depth.extend(passed)
            self.ways.append([source, *range(first, first + len(passed)), target])
        self.ordered = [
            [node for node, layer in enumerate(depth) if layer == wanted] for wanted in range(max(depth) + 1)
        ]
        self._untangle()

    def _untangle(self) -> None:
        """Put the nodes of a layer in the order of their neighbours' middle, to and fro."""
        near: dict[int, list[int]] = {}
        for way in self.ways:
            for source, target in pairwise(way):
                near.setdefault(source, []).append(target)
                near.setdefault(target, []).append(source)
        rank = {node: place for layer in self.ordered for node, place in _ranks(layer).items()}
        for sweep in range(_SWEEPS):
            for layer in self.ordered if sweep % 2 == 0 else self.ordered[::-1]:
                layer.sort(key=lambda node: _middle([rank[other] for other in near.get(node, [node])]))
                rank.update(_ranks(layer))


def _depths(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """Each node right of all that lead to it; those that nothing leads to, just left of the first they lead to."""
    depth = [0] * count
    for _ in range(count):
        before = list(depth)
        for source, target in edges:
            depth[target] = max(depth[target], depth[source] + 1)
        if depth == before:
            break
    led_to = {target for _, target in edges}
    for node in set(range(count)) - led_to:
        takers = [depth[target] for source, target in edges if source == node]
        depth[node] = min(takers, default=1) - 1
    used = sorted(set(depth))
    return [used.index(each) for each in depth]


def _ranks(layer: Sequence[int]) -> dict[int, float]:
    return {node: place - (len(layer) - 1) / 2 for place, node in enumerate(layer)}


def _middle(ranks: Sequence[float]) -> float:
    return sum(ranks) / len(ranks)
