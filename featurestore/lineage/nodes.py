"""Nodes and edges of a lineage: what there is, and which of it is made from which."""

from __future__ import annotations

from dataclasses import dataclass

KINDS = ("column", "source", "entity", "feature", "feature_view", "feature_service", "training_set", "model")


@dataclass(frozen=True, slots=True, order=True)
class Node:
    """A definition, a column, a feature, a training set or a release of a model.

    Attributes:
        kind: one of column, source, entity, feature, feature_view, feature_service, training_set, model.
        name: ``source.column``, ``view@version:feature``, ``view@version``, ``model@version``, or the plain name.
    """

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind.replace('_', ' ')} {self.name}"


@dataclass(frozen=True, slots=True, order=True)
class Edge:
    """That one node is made from another.

    Attributes:
        source: what goes in.
        target: what is made from it.
        role: value, filter (decides which rows count), key, time, or empty.
    """

    source: Node
    target: Node
    role: str = ""
