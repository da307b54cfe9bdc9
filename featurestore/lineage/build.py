"""Building the lineage of a name: back to columns, on to services and training sets."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from featurestore.definitions.reference import ViewReference
from featurestore.definitions.view import FeatureView
from featurestore.errors import NotFoundError
from featurestore.lineage.columns import Origin, column_origin, feature_origins
from featurestore.lineage.graph import Lineage
from featurestore.lineage.nodes import Edge, Node
from featurestore.planning.catalog import Catalog
from featurestore.project import Project
from featurestore.protocols.records import StoredVersion
from featurestore.protocols.training_sets import ModelRelease, TrainingSetRecord

MOST_TRAINING_SETS = 1_000
MOST_MODELS = 1_000


def lineage_of(project: Project, name: str) -> Lineage:
    """What a view, version (``view@3``), feature (``view:feature``), service, source, entity, training set or
    release of a model (``model@7``) is made from, and what is made from it.

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
        if catalog.find("feature_service", name):
            return self._of_service(name)
        if catalog.find("feature_view", _view_name(name)):
            return self._of_view(name)
        for kind in ("source", "entity"):
            if catalog.find(kind, name):
                return self._of_part(Node(kind, name))
        if found := self._releases(name):
            return self._of_model(found)
        # Versions of views that are retired are found by number.
        return self._of_view(name) if "@" in name else self._of_training_set(name)

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
        for made in self._catalog.reached("feature_service", name).training_sets:
            self._edges.add(Edge(root, Node("training_set", made)))
            self._add_models(made)
        return self._lineage(root)

    def _of_part(self, root: Node) -> Lineage:
        for user in self._catalog.users(root.kind, root.name):
            stored = self._catalog.stored_view(user.name)
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
        root = self._add_training_set(record)
        self._add_models(record.name)
        return self._lineage(root)

    def _of_model(self, releases: list[ModelRelease]) -> Lineage:
        root = Node("model", releases[0].label)
        for release in releases:
            record = self._project.registry.training_set(
                project=self._project.name, name=release.training_set
            )
            self._edges.add(Edge(self._add_training_set(record), root))
        return self._lineage(root)

    def _add_training_set(self, record: TrainingSetRecord) -> Node:
        node = Node("training_set", record.name)
        for stored, features in self._made_from(record):
            self._add_view(stored, features)
            self._edges |= {Edge(_feature_node(stored, feature), node) for feature in features}
        return node

    def _add_models(self, training_set: str) -> None:
        for release in self._project.registry.model_releases(
            project=self._project.name, training_set=training_set, limit=MOST_MODELS
        ):
            self._edges.add(Edge(Node("training_set", training_set), Node("model", release.label)))

    def _releases(self, name: str) -> list[ModelRelease]:
        model, _, version = name.partition("@")
        if not version:
            return []
        return self._project.registry.model_releases(
            project=self._project.name, name=model, version=version, limit=MOST_TRAINING_SETS
        )

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
        for stored in self._catalog.candidates("feature_view", view.name):
            if self._catalog.load(stored) == view:
                return _view_node(stored)
        return Node("feature_view", view.name)

    # Where it goes ---------------------------------------------------------------------------------------

    def _add_uses(self, stored: StoredVersion, features: Collection[str] | None) -> None:
        for service in self._catalog.services_of(stored.name):
            for reference in service.features:
                if reference.view == stored.name and self._meant(reference).version == stored.version:
                    self._add_reference(Node("feature_service", service.name), stored, reference, features)
        for user in self._catalog.users("feature_view", stored.name):
            if user.kind == "feature_view":
                self._add_reader(user.name, stored.name)
        for record in self._training_sets({stored.name}):
            for used, taken in self._made_from(record):
                if (used.name, used.version) == (stored.name, stored.version):
                    self._add_taken(record.name, stored, taken, features)

    def _meant(self, reference: ViewReference) -> StoredVersion:
        return self._catalog.stored_view(reference.view, reference.version)

    def _add_reader(self, name: str, source: str) -> None:
        """A view, if it is made over that other one."""
        reader = self._catalog.stored_view(name)
        view = self._catalog.load_view(reader)
        if isinstance(view.source, FeatureView) and view.source.name == source:
            self._add_view(reader, None)

    def _add_taken(
        self, training_set: str, stored: StoredVersion, taken: list[str], features: Collection[str] | None
    ) -> None:
        wanted = taken if features is None else [name for name in taken if name in features]
        target = Node("training_set", training_set)
        self._edges |= {Edge(_feature_node(stored, feature), target) for feature in wanted}
        if features is None:
            self._edges.add(Edge(_view_node(stored), target))
        self._add_models(training_set)

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
