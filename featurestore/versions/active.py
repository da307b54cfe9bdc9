"""Which version is the active one: promotion and rollback."""

from __future__ import annotations

from featurestore.definitions.reference import ViewReference
from featurestore.errors import RequestError
from featurestore.planning.apply import Committer
from featurestore.planning.breaks import broken_services
from featurestore.planning.catalog import Catalog
from featurestore.planning.changes import Plan, PlannedChange, change_of, reaching
from featurestore.project import Project
from featurestore.protocols.records import ChangeAction, StoredVersion


def promote_version(project: Project, version: str, committer: Committer) -> Plan:
    """Make a version (``view@3``) the active one, again and again while others commit in between.

    Raises:
        RequestError: if no version is named.
        NotFoundError: if there is no such version.
        RegistryError: if it is retired, or served online and was never filled.
        BreakingChangeError: if a service that is not to evolve would break.
    """
    reference = ViewReference.parse(version)
    if reference.version is None or reference.features:
        raise RequestError(f"{version!r} does not name a version.", hint=f'Write "{reference.view}@2".')
    name, number = reference.view, reference.version

    def plan() -> Plan:
        catalog = _catalog(project)
        return _plan(project, catalog, catalog.stored_view(name, number), ChangeAction.PROMOTE)

    return committer.commit_planned(plan)


def roll_back(project: Project, view: str, committer: Committer) -> Plan:
    """Make the version active that was so before the present one; doing it again takes it back.

    Raises:
        NotFoundError: if there is no such view.
        RequestError: if no other version was active before.
        StaleRegistryError: if the registry has moved meanwhile (retryable).
        RegistryError: if the version before is retired.
        BreakingChangeError: if a service that is not to evolve would break.
    """
    catalog = _catalog(project)
    name = catalog.stored_view(view).name
    latest = project.registry.activations(project=project.name, view=name, limit=2)
    if len(latest) < 2:
        raise RequestError(
            f"View {name!r} cannot be rolled back: no other version of it was active before.",
            hint=f'To make a certain version active: store.promote("{name}@1").',
        )
    wanted = catalog.stored_view(name, latest[1][0])
    plan = _plan(project, catalog, wanted, ChangeAction.ROLLBACK)
    committer.commit(plan)
    return plan


def _catalog(project: Project) -> Catalog:
    # Runs change which version is active without moving the revision.
    project.forget()
    return project.catalog()


def _plan(project: Project, catalog: Catalog, wanted: StoredVersion, action: ChangeAction) -> Plan:
    active = catalog.stored_view(wanted.name)
    if active.active and active.version == wanted.version:
        return Plan(project.name, catalog.revision, (), 1)
    services = catalog.services_of(wanted.name)
    breaks = broken_services(catalog.load_view(active), catalog.load_view(wanted), services)
    details = (f"active: {active.version if active.active else 'none'} → {wanted.version}",)
    change = PlannedChange(change_of(action, wanted), details, breaks=breaks)
    return Plan(project.name, catalog.revision, (reaching(change, catalog),), 0)
