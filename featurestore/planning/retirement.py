"""What retiring views, services and single versions would change."""

from __future__ import annotations

from collections.abc import Sequence

from featurestore.definitions.base import check_several
from featurestore.definitions.reference import ViewReference
from featurestore.definitions.view import FeatureView
from featurestore.errors import DefinitionError, NotFoundError
from featurestore.planning.catalog import Catalog
from featurestore.planning.changes import Plan, PlannedChange, change_of, reaching, using_services
from featurestore.protocols.records import Change, ChangeAction


def plan_retirement(names: Sequence[str], catalog: Catalog, *, project: str) -> Plan:
    """Plan to retire views and services, or single versions of views (``view@2``).

    What is retired is no longer found by name or served; its versions stay recorded.

    Raises:
        NotFoundError: for an unknown name.
        RequestError: if `names` is not a list.
        DefinitionError: if a view is still used by a service that stays.
    """
    check_several(names, "names")
    changes = []
    for name in names:
        if "@" in name:
            changes.append(PlannedChange(_version_retirement(name, names, catalog)))
            continue
        for kind in ("feature_service", "feature_view"):
            if stored := catalog.find(kind, name):
                _check_unused(name, kind, names, catalog)
                changes.append(reaching(PlannedChange(change_of(ChangeAction.RETIRE, stored)), catalog))
                break
        else:
            raise NotFoundError.of("Feature view or service", name, catalog.names())
    return Plan(project, catalog.revision, tuple(changes), 0)


def _version_retirement(name: str, leaving: Sequence[str], catalog: Catalog) -> Change:
    reference = ViewReference.parse(name)
    stored = catalog.stored_view(reference.view, reference.version)
    users = [user for user in using_services(stored.name, catalog, stored.version) if user not in leaving]
    if users:
        raise DefinitionError(
            f"{name} cannot be retired: service {users[0]!r} pins it.",
            hint="Change or retire the service first, or name both.",
        )
    return change_of(ChangeAction.RETIRE_VERSION, stored)


def _check_unused(name: str, kind: str, leaving: Sequence[str], catalog: Catalog) -> None:
    if kind != "feature_view":
        return
    readable = catalog.users("feature_view", name)
    readers = (catalog.load_view(stored) for stored in readable if stored.kind == "feature_view")
    users = [f"service {user!r}" for user in using_services(name, catalog) if user not in leaving]
    users += [
        f"view {reader.name!r}"
        for reader in readers
        if isinstance(reader.source, FeatureView)
        and reader.source.name == name
        and reader.name not in leaving
    ]
    if users:
        raise DefinitionError(
            f"View {name!r} cannot be retired: {users[0]} uses it.",
            hint=f"Change or retire the {users[0].partition(' ')[0]} first, or name both.",
        )
