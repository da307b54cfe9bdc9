"""Building the lineage of a name: back to columns, on to services and training sets."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from featurestore.definitions.reference import ViewReference
from featurestore.definitions.view import FeatureView
from featurestore.errors import NotFoundError
from featurestore.lineage.columns import Origin, column_origin, feature_origins
from featurestore.lineage.graph import Edge, Lineage, Node
from featurestore.planning.catalog import Catalog
from featurestore.project import Project
from featurestore.protocols.registry import StoredVersion
from featurestore.protocols.training_sets import TrainingSetRecord

MOST_TRAINING_SETS = 1_000


def lineage_of(project: Project, name: str) -> Lineage:
    """What a view, version (``view@3``), feature (``view:feature``), service, source, entity or training set is
    made from, and what is made from it.

    Raises:
        NotFoundError: if nothing is called so.
    """
    return _Builder(project).of(name)


class _Builder:
    def __init__(self, project: Project) -> None:
        self._project = project
        self._catalog: Catalog = project.catalog()
        self._edges: set[Edge] = set()

    def of(self, name: str) -> Lineage:
        catalog = self._catalog
        if name in catalog.newest("feature_service"):
            return self._of_service(name)
        if _view_name(name) in catalog.newest("feature_view") or "@" in name:
            return self._of_view(name)
        for kind in ("source", "entity"):
            if name in catalog.newest(kind):
                return self._of_part(Node(kind, name))
        return self._of_training_set(name)

    def _of_view(self, name: str) -> Lineage:
        reference = ViewReference.parse(name)
        stored = self._catalog.stored_view(reference.view, reference.version)
        view = self._catalog.load_view(stored)
        for feature in reference.features or ():
            view.feature(feature)
        self._add_view(stored, reference.features)
        self._add_uses(stored, reference.features)
        if reference.features:
            return self._lineage(_feature_node(stored, reference.features[0]))
        return self._lineage(_view_node(stored))

    def _of_service(self, name: str) -> Lineage:
        root = Node("feature_service", name)
        for reference in self._references(name):
            stored = self._catalog.stored_view(reference.view, reference.version)
            self._add_view(stored, reference.features)
            self._add_reference(root, stored, reference)
        for record in self._training_sets({reference.view for reference in self._references(name)}):
            service = record.manifest["service"]
            if service is not None and service["name"] == name:
                self._edges.add(Edge(root, Node("training_set", record.name)))
        return self._lineage(root)

    def _of_part(self, root: Node) -> Lineage:
        for name in self._catalog.newest("feature_view"):
            stored = self._catalog.stored_view(name)
            view = self._catalog.load_view(stored)
            if root.name in (_parts(view)[root.kind]):
                self._add_view(stored, None)
                self._add_uses(stored, None)
        return self._lineage(root)

    def _of_training_set(self, name: str) -> Lineage:
        try:
            record = self._project.registry.training_set(project=self._project.name, name=name)
        except NotFoundError as error:
            known = [stored.name for stored in self._catalog.stored]
            raise NotFoundError.of(
                "Definition or training set", name, set(known), where=f"project {self._project.name!r}"
            ) from error
        root = Node("training_set", record.name)
        for stored, features in self._made_from(record):
            self._add_view(stored, features)
            self._edges |= {Edge(_feature_node(stored, feature), root) for feature in features}
        return self._lineage(root)

    def _lineage(self, root: Node) -> Lineage:
        """The part of what was found that leads to the root or from it."""
        whole = Lineage(root, frozenset(self._edges))
        kept = {root, *whole.upstream(), *whole.downstream()}
        back, on = {root, *whole.upstream()}, {root, *whole.downstream()}
        edges = {
            edge
            for edge in self._edges
            if edge.source in kept
            and edge.target in kept
            and ({edge.source, edge.target} <= back or {edge.source, edge.target} <= on)
        }
        return Lineage(root, frozenset(edges))

    # What a view is made from ----------------------------------------------------------------------------

    def _add_view(self, stored: StoredVersion, features: Collection[str] | None) -> None:
        view = self._catalog.load_view(stored)
        node, source = _view_node(stored), Node("source", view.origin.name)
        for feature, origin in feature_origins(view).items():
            if features is None or feature in features:
                target = _feature_node(stored, feature)
                self._edges.add(Edge(target, node))
                self._add_columns(view.origin.name, origin, target, "value")
        for key in view.join_keys:
            self._add_columns(view.origin.name, column_origin(view, key), node, "key")
        for column in view.origin.time_columns:
            self._add_columns(view.origin.name, column_origin(view, column), node, "time")
        self._edges |= {Edge(Node("entity", entity.name), node) for entity in view.entities}
        self._edges.add(Edge(source, node))
        if isinstance(view.source, FeatureView):
            self._edges.add(Edge(self._registered(view.source), node))

    def _add_columns(self, source: str, origin: Origin, target: Node, role: str) -> None:
        for columns, what in ((origin.values, role), (origin.filters, "filter")):
            for column in columns:
                node = Node("column", f"{source}.{column}")
                self._edges |= {Edge(Node("source", source), node), Edge(node, target, what)}

    def _registered(self, view: FeatureView) -> Node:
        """The version that a view which is read by another one is, where it is a registered one."""
        for stored in self._catalog.stored:
            if (stored.kind, stored.name) == ("feature_view", view.name) and self._catalog.load(
                stored
            ) == view:
                return _view_node(stored)
        return Node("feature_view", view.name)

    # Where it goes ---------------------------------------------------------------------------------------

    def _add_uses(self, stored: StoredVersion, features: Collection[str] | None) -> None:
        for service in self._catalog.newest("feature_service"):
            for reference in self._references(service):
                meant = self._catalog.stored_view(reference.view, reference.version)
                if (meant.name, meant.version) == (stored.name, stored.version):
                    self._add_reference(Node("feature_service", service), stored, reference, features)
        for name in self._catalog.newest("feature_view"):
            reader = self._catalog.stored_view(name)
            view = self._catalog.load_view(reader)
            if isinstance(view.source, FeatureView) and view.source.name == stored.name:
                self._add_view(reader, None)
        for record in self._training_sets({stored.name}):
            for used, taken in self._made_from(record):
                if (used.name, used.version) == (stored.name, stored.version):
                    wanted = taken if features is None else [name for name in taken if name in features]
                    target = Node("training_set", record.name)
                    self._edges |= {Edge(_feature_node(stored, feature), target) for feature in wanted}
                    if features is None:
                        self._edges.add(Edge(_view_node(stored), target))

    def _add_reference(
        self,
        service: Node,
        stored: StoredVersion,
        reference: ViewReference,
        features: Collection[str] | None = None,
    ) -> None:
        names = reference.features or [f.name for f in self._catalog.load_view(stored).features]
        for name in names:
            if features is None or name in features:
                self._edges.add(Edge(_feature_node(stored, name), service))
        if features is None:
            self._edges.add(Edge(_view_node(stored), service))

    def _references(self, service: str) -> tuple[ViewReference, ...]:
        found = self._catalog.service(service)
        return () if found is None else found.features

    def _training_sets(self, views: Collection[str]) -> Iterator[TrainingSetRecord]:
        for view in sorted(views):
            yield from self._project.registry.training_sets(
                project=self._project.name, view=view, limit=MOST_TRAINING_SETS
            )

    def _made_from(self, record: TrainingSetRecord) -> Iterator[tuple[StoredVersion, list[str]]]:
        taken: dict[tuple[str, int], list[str]] = {}
        for item in record.manifest["recipe"]["features"]:
            taken.setdefault((item["view"], item["version"]), []).extend(item["features"])
        for (view, version), features in taken.items():
            yield self._catalog.stored_view(view, version), features


def _view_name(name: str) -> str:
    return name.partition("@")[0].partition(":")[0]


def _view_node(stored: StoredVersion) -> Node:
    return Node("feature_view", f"{stored.name}@{stored.version}")


def _feature_node(stored: StoredVersion, feature: str) -> Node:
    return Node("feature", f"{stored.name}@{stored.version}:{feature}")


def _parts(view: FeatureView) -> dict[str, list[str]]:
    return {"source": [view.origin.name], "entity": [entity.name for entity in view.entities]}
