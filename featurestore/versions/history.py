"""The history of a name, and which kind of definition a name stands for."""

from __future__ import annotations

from featurestore.errors import NotFoundError
from featurestore.project import Project
from featurestore.protocols.records import VersionRecord

KINDS = ("feature_view", "feature_service", "entity", "source")
"""In the order in which a name is looked for."""


def version_history(project: Project, name: str, kind: str | None = None) -> list[VersionRecord]:
    """Every version and every change of a description, oldest first, retired ones too.

    Args:
        project: where to look.
        name: of a view or a service; else of an entity or a source.
        kind: look only for this kind.

    Raises:
        NotFoundError: if nothing was ever registered under the name.
    """
    if kind is not None and kind not in KINDS:
        raise NotFoundError.of("Kind of definition", kind, KINDS)
    for wanted in KINDS if kind is None else [kind]:
        if records := project.registry.history(project=project.name, kind=wanted, name=name):
            return records
    known = [stored.name for stored in project.catalog().stored if kind in (None, stored.kind)]
    raise NotFoundError.of("Definition", name, set(known), where=f"project {project.name!r}")
