"""Apply: a plan's changes, committed in one transaction."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from featurestore.definitions.base import Definition, check_several
from featurestore.errors import BreakingChangeError, NotFoundError, StaleRegistryError
from featurestore.planning.catalog import Catalog
from featurestore.planning.changes import Plan, plan_changes
from featurestore.planning.code_state import read_code_state
from featurestore.planning.determinism import check_planned
from featurestore.protocols.records import CodeState
from featurestore.protocols.registry import RegistryWriter

ATTEMPTS = 200
"""How often changes are planned again when others commit in between, before giving up."""


@dataclass(frozen=True)
class Committer:
    """Commits plans.

    Attributes:
        root: the folder of the definitions, whose git commit is recorded.
        message: why, for the record.
        evolve: services whose owners agree to changes that break them.
    """

    registry: RegistryWriter
    root: Path
    message: str = ""
    evolve: Collection[str] = ()

    def commit(self, plan: Plan) -> None:
        """Commit a plan, if the registry is where it was when the plan was made.

        Raises:
            BreakingChangeError: if it breaks a service that is not to evolve.
            StaleRegistryError: if the registry has moved (retryable).
        """
        self._check_breaks(plan)
        if not plan.changes:
            return
        evolved = sorted({item.service for item in plan.breaks})
        notes = [self.message] if self.message else []
        notes += [f"evolves {', '.join(evolved)}"] if evolved else []
        self.registry.commit(
            project=plan.project,
            expected_revision=plan.revision,
            changes=[planned.change for planned in plan.changes],
            message="; ".join(notes),
            code=self._code,
        )

    def commit_planned(self, plan: Callable[[], Plan]) -> Plan:
        """Plan and commit, again and again while others commit in between.

        Args:
            plan: makes the plan from the registry as it is then.

        Returns:
            The plan that was committed.

        Raises:
            BreakingChangeError: if it breaks a service that is not to evolve.
            StaleRegistryError: if others never let up (retryable).
        """
        for left in reversed(range(ATTEMPTS)):
            planned = plan()
            try:
                self.commit(planned)
            except StaleRegistryError:
                if not left:
                    raise
                continue
            break
        return planned

    @functools.cached_property
    def _code(self) -> CodeState | None:
        # Read once: between a plan and its commit there should be little time for others.
        return read_code_state(self.root)

    def _check_breaks(self, plan: Plan) -> None:
        for item in plan.breaks:
            if item.service in self.evolve and item.curable:
                continue
            others = f" (and {len(plan.breaks) - 1} more)" if len(plan.breaks) > 1 else ""
            raise BreakingChangeError(
                f"The plan {item}{others}.",
                hint="Change the service in the same apply, let it pin the version it needs "
                '("view@2:feature"), or retire it.'
                + (f' If its readers are ready, say evolve=["{item.service}"].' if item.curable else ""),
            )


def apply_definitions(
    objects: Sequence[Definition], *, project: str, catalog: Callable[[], Catalog], committer: Committer
) -> Plan:
    """Plan definitions and commit the plan, again and again while others commit in between.

    Raises:
        BreakingChangeError: if a service that is not to evolve would break.
        DefinitionError: if the definitions contradict each other or what is registered.
        NotFoundError: if a service that is to evolve is not registered.
        TransformError: if a new transform does not do the same twice.
        StaleRegistryError: if others never let up (retryable).
    """
    check_several(committer.evolve, "evolve")
    for name in committer.evolve:
        if catalog().find("feature_service", name) is None:
            raise NotFoundError.of("Feature service", name, catalog().names())
    checked = False

    def plan() -> Plan:
        nonlocal checked
        planned = plan_changes(objects, catalog(), project=project, root=committer.root)
        if not checked:
            check_planned(planned, objects, committer.root)
            checked = True
        return planned

    return committer.commit_planned(plan)
