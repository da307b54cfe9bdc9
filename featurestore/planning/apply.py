"""Apply: a plan's changes, committed in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from featurestore.definitions.base import Definition
from featurestore.errors import StaleRegistryError
from featurestore.planning.catalog import Catalog
from featurestore.planning.changes import Plan, plan_changes
from featurestore.planning.determinism import check_planned
from featurestore.protocols.registry import RegistryWriter

ATTEMPTS = 200
"""How often definitions are planned again when others commit in between, before giving up."""


def commit_plan(plan: Plan, registry: RegistryWriter, message: str) -> None:
    """Commit a plan, if the registry is where it was when the plan was made.

    Raises:
        StaleRegistryError: if it has moved (retryable).
    """
    if plan.changes:
        changes = [planned.change for planned in plan.changes]
        registry.commit(
            project=plan.project, expected_revision=plan.revision, changes=changes, message=message
        )


def apply_definitions(
    objects: Sequence[Definition],
    *,
    project: str,
    catalog: Callable[[], Catalog],
    registry: RegistryWriter,
    message: str,
    root: Path,
) -> Plan:
    """Plan definitions and commit the plan, again and again while others commit in between.

    Raises:
        DefinitionError: if the definitions contradict each other or what is registered.
        TransformError: if a new transform does not do the same twice.
        StaleRegistryError: if others never let up (retryable).
    """
    for attempt in range(ATTEMPTS - 1):
        plan = plan_changes(objects, catalog(), project=project, root=root)
        if attempt == 0:
            check_planned(plan, objects, root)
        try:
            commit_plan(plan, registry, message)
        except StaleRegistryError:
            continue
        return plan
    plan = plan_changes(objects, catalog(), project=project, root=root)
    commit_plan(plan, registry, message)
    return plan
