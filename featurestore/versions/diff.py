"""What differs between two versions of a definition, and what that means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from featurestore.definitions.instants import from_microseconds
from featurestore.definitions.windows import duration_text
from featurestore.errors import NotFoundError
from featurestore.planning.breaks import Break, broken_services
from featurestore.planning.differences import FieldChange, field_changes
from featurestore.project import Project
from featurestore.protocols.records import StoredVersion
from featurestore.versions.history import version_history


@dataclass(frozen=True, slots=True)
class VersionDiff:
    """Two versions of a definition against each other. Print it to read it.

    Attributes:
        kind: entity, source, feature_view or feature_service.
        name: of the definition.
        old: the number of the first version.
        new: the number of the second one.
        changes: the fields that differ.
        values_change: whether values may differ, or only descriptions do.
        backfill: whether the second version has yet to be filled before it can be served.
        reach: how far back rows matter to the values of the second version of a view; None: all of them do.
        filled_until: until when the second version is filled, in ISO 8601, or None.
        breaks: services that the step from the first to the second version would break.
        services: services that use the view.
        pins: services that pin one of the two versions, and which.
    """

    kind: str
    name: str
    old: int
    new: int
    changes: tuple[FieldChange, ...]
    values_change: bool
    backfill: bool
    reach: timedelta | None
    filled_until: str | None
    breaks: tuple[Break, ...]
    services: tuple[str, ...]
    pins: tuple[tuple[str, int], ...]

    def __str__(self) -> str:
        head = f"{self.kind.replace('_', ' ')} {self.name}: version {self.old} → {self.new}"
        lines = [head, *(f"    {change}" for change in self.changes)]
        if not self.changes:
            lines.append("    nothing differs")
        lines.append("    " + ("values change" if self.values_change else "values stay the same"))
        if self.kind == "feature_view":
            lines += [f"    {line}" for line in self._consequences()]
        return "\n".join(lines)

    def _consequences(self) -> list[str]:
        lines = []
        if self.backfill:
            rows = "all rows" if self.reach is None else f"{duration_text(self.reach)} of rows"
            lines.append(
                f"version {self.new} is not filled yet: a backfill from {rows} is needed before it is served"
            )
        elif self.filled_until:
            lines.append(f"version {self.new} is filled until {self.filled_until}")
        lines += [str(item) for item in self.breaks] or ["breaks nothing"]
        lines.append(f"used by {', '.join(self.services)}" if self.services else "no service uses it")
        lines += [f"service {service} pins version {version}" for service, version in self.pins]
        return lines


def version_diff(project: Project, name: str, old: int | None, new: int | None) -> VersionDiff:
    """Compare two versions; by default the newest one and the one before it.

    Raises:
        NotFoundError: if there is no such name or version.
    """
    records = version_history(project, name)
    # Of several descriptions of one version the last one counts.
    versions = {record.stored.version: record.stored for record in records}
    second = versions[max(versions)] if new is None else _version(versions, name, new)
    first = _version(versions, name, second.version - 1 if old is None else old)
    if second.kind == "feature_view":
        return _view_diff(project, first, second)
    return _diff(first, second)


def _version(versions: dict[int, StoredVersion], name: str, number: int) -> StoredVersion:
    if number not in versions:
        raise NotFoundError(
            f"{name!r} has no version {number}; there are: {', '.join(map(str, versions))}.",
            hint="A name with one version has nothing to be compared with yet."
            if len(versions) == 1
            else None,
        )
    return versions[number]


def _view_diff(project: Project, first: StoredVersion, second: StoredVersion) -> VersionDiff:
    catalog = project.catalog()
    state = project.registry.view_state(project=project.name, view=second.name, version=second.version)
    until = None if state.watermark_us is None else from_microseconds(state.watermark_us).isoformat()
    known, after = catalog.services_of(first.name), catalog.load_view(second)
    return _diff(
        first,
        second,
        backfill=bool(second.payload["online"]) and until is None and not second.retired,
        reach=after.reach,
        filled_until=until,
        breaks=broken_services(catalog.load_view(first), after, known),
        services=[service.name for service in known],
        pins=[
            (service.name, reference.version)
            for service in known
            for reference in service.features
            if reference.view == first.name and reference.version in (first.version, second.version)
        ],
    )


def _diff(
    first: StoredVersion,
    second: StoredVersion,
    *,
    backfill: bool = False,
    reach: timedelta | None = None,
    filled_until: str | None = None,
    breaks: tuple[Break, ...] = (),
    services: Sequence[str] = (),
    pins: Sequence[tuple[str, int | None]] = (),
) -> VersionDiff:
    return VersionDiff(
        kind=second.kind,
        name=second.name,
        old=first.version,
        new=second.version,
        changes=field_changes(first.payload, second.payload),
        values_change=first.data_hash != second.data_hash,
        backfill=backfill,
        reach=reach,
        filled_until=filled_until,
        breaks=breaks,
        services=tuple(services),
        pins=tuple((service, version) for service, version in pins if version is not None),
    )
