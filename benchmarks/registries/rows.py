"""The rows of a large registry, as years of applies and runs would have left them.

One commit per version, one audit row per commit and per run, one activation per version; every view has a
version for each of its rounds, and every version was filled by its share of the runs. The texts of definitions are
those that the library writes: one per view is made with it, and each version changes the time to live in that text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import featurestore as fs
from featurestore.definitions.base import canonical_json
from featurestore.definitions.fingerprint import (
    Registrable,
    data_hash,
    definition_payload,
    metadata_hash,
    object_kind,
)
from featurestore.definitions.uses import used_by

PROJECT = "benchmark"
_START = 1_577_836_800_000_000
_STEP = 1_000_000
_TTL = 86_400_000_000
# Of a template: no other number in a definition is this one.
_MARK = 7_777_777_000_000
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Size:
    """How much a registry holds."""

    name: str
    views: int
    versions: int
    runs: int
    entities: int
    sources: int
    services: int
    training_sets: int
    models: int

    @property
    def runs_of_a_version(self) -> int:
        """How often each version of a view was filled."""
        return self.runs // (self.views * self.versions)


SIZES = {
    size.name: size
    for size in (
        Size("smoke", 20, 5, 200, 2, 4, 4, 10, 2),
        Size("tenth", 500, 100, 100_000, 5, 50, 50, 100, 20),
        Size("full", 5_000, 100, 1_000_000, 50, 500, 500, 1_000, 200),
    )
}
_VIEWS_OF_A_SERVICE = 10


def entity(number: int) -> fs.Entity:
    """One of the entities."""
    return fs.Entity(f"entity_{number}", join_keys={f"key_{number}": fs.Int64}, owner="data platform")


def source(number: int) -> fs.ParquetSource:
    """One of the sources."""
    return fs.ParquetSource(
        f"source_{number}",
        path=f"s3://warehouse/source_{number}/**/*.parquet",
        event_timestamp="event_timestamp",
        created_timestamp="created_timestamp",
    )


def view(size: Size, number: int, ttl: int) -> fs.FeatureView:
    """One of the views, with ten features."""
    return fs.FeatureView(
        f"view_{number}",
        entities=[entity(number % size.entities)],
        source=source(number % size.sources),
        features=[fs.Feature(f"feature_{i}", fs.Float64, description="what it says") for i in range(10)],
        ttl=timedelta(microseconds=ttl),
        owner="data platform",
        tags={"domain": "benchmarks"},
    )


def newest_view(size: Size, number: int) -> fs.FeatureView:
    """A view as its newest version has it."""
    return view(size, number, _TTL + size.versions)


def changed_view(size: Size, number: int, more: int = 0) -> fs.FeatureView:
    """A view as its next version could be; `more` makes another one of it."""
    return view(size, number, _TTL - more)


def service(size: Size, number: int) -> fs.FeatureService:
    """One of the services: ten views in a row."""
    first = number * _VIEWS_OF_A_SERVICE % size.views
    names = [f"view_{(first + i) % size.views}" for i in range(min(_VIEWS_OF_A_SERVICE, size.views))]
    return fs.FeatureService(f"service_{number}", features=names)


class Rows:
    """All rows of a registry, table by table, in the order in which they can be written."""

    def __init__(self, size: Size) -> None:
        self.size = size
        self._parts: list[Registrable] = [
            *map(entity, range(size.entities)),
            *map(source, range(size.sources)),
        ]
        self._services = [service(size, number) for number in range(size.services)]
        self._last = 1 + size.views * size.versions + 1

    def tables(self) -> Iterator[tuple[str, tuple[str, ...], Iterator[Row]]]:
        """Table, columns and rows."""
        for name, columns, rows in (
            ("fs_projects", "name revision", self._projects()),
            ("fs_commits", "project revision message author committed_us host", self._commits()),
            (
                "fs_versions",
                "id project kind name version data_hash created_revision applied_us superseded_revision",
                self._versions(),
            ),
            ("fs_payloads", "version_id revision metadata_hash payload", self._payloads()),
            ("fs_uses", "project kind name user_kind user_name since_revision", self._uses()),
            ("fs_active_versions", "project view version_id", self._active()),
            ("fs_activations", "id project view version_id activated_us", self._activations()),
            (
                "fs_runs",
                "project view number version_id kind generation end_us status began_us ended_us row_count",
                self._runs(),
            ),
            (
                "fs_leases",
                "project view run expires_us host process process_started",
                ((PROJECT, f"view_{number}", 0, 0, "", 0, 0) for number in range(self.size.views)),
            ),
            ("fs_view_states", "version_id generation watermark_us run_began_us", self._states()),
            (
                "fs_audit",
                "project at_us author host action kind name version revision message effect",
                self._audit(),
            ),
            (
                "fs_training_sets",
                "id project name manifest_id content_hash folder created_us author manifest tags service",
                self._training_sets(),
            ),
            ("fs_training_set_views", "version_id training_set_id", self._training_set_views()),
            (
                "fs_model_releases",
                "id project name version training_set_id at_us author",
                self._models(),
            ),
        ):
            yield name, tuple(columns.split()), rows

    # Who is who ------------------------------------------------------------------------------------------

    def _revision(self, number: int, version: int) -> int:
        return 1 + (version - 1) * self.size.views + number + 1

    def _id(self, number: int, version: int) -> int:
        return (version - 1) * self.size.views + number + 1

    def _view_versions(self) -> Iterator[tuple[int, int]]:
        return (
            (number, version)
            for version in range(1, self.size.versions + 1)
            for number in range(self.size.views)
        )

    def _others(self) -> Iterator[tuple[int, int, Registrable]]:
        """Row id, revision and definition of what is no view."""
        first = self.size.views * self.size.versions + 1
        for row_id, part in enumerate(self._parts, first):
            yield row_id, 1, part
        for row_id, made in enumerate(self._services, first + len(self._parts)):
            yield row_id, self._last, made

    # The rows --------------------------------------------------------------------------------------------

    def _projects(self) -> Iterator[Row]:
        yield PROJECT, self._last

    def _commits(self) -> Iterator[Row]:
        for revision in range(1, self._last + 1):
            yield PROJECT, revision, "another round", "ann", _START + revision * _STEP, "build-7"

    def _versions(self) -> Iterator[Row]:
        texts = [_values_text(view(self.size, number, _MARK)) for number in range(self.size.views)]
        for number, version in self._view_versions():
            revision = self._revision(number, version)
            later = self._revision(number, version + 1) if version < self.size.versions else None
            digest = _sha256(texts[number].replace(str(_MARK), str(_TTL + version)))
            row_id, at = self._id(number, version), _START + revision * _STEP
            yield row_id, PROJECT, "feature_view", f"view_{number}", version, digest, revision, at, later
        for row_id, revision, other in self._others():
            at = _START + revision * _STEP
            kind, name = object_kind(other), other.name
            yield row_id, PROJECT, kind, name, 1, data_hash(other), revision, at, None

    def _payloads(self) -> Iterator[Row]:
        texts = [
            canonical_json(definition_payload(view(self.size, number, _MARK)))
            for number in range(self.size.views)
        ]
        for number, version in self._view_versions():
            text = texts[number].replace(str(_MARK), str(_TTL + version))
            yield self._id(number, version), self._revision(number, version), _sha256(text), text
        for row_id, revision, other in self._others():
            yield row_id, revision, metadata_hash(other), canonical_json(definition_payload(other))

    def _uses(self) -> Iterator[Row]:
        views = (newest_view(self.size, number) for number in range(self.size.views))
        users: list[fs.FeatureView | fs.FeatureService] = [*views, *self._services]
        for definition in users:
            kind = object_kind(definition)
            for used in sorted(used_by(kind, definition_payload(definition))):
                yield PROJECT, *used, kind, definition.name, 1

    def _active(self) -> Iterator[Row]:
        for number in range(self.size.views):
            yield PROJECT, f"view_{number}", self._id(number, self.size.versions)

    def _activations(self) -> Iterator[Row]:
        for number, version in self._view_versions():
            at = _START + self._revision(number, version) * _STEP
            yield self._id(number, version), PROJECT, f"view_{number}", self._id(number, version), at

    def _run_numbers(self) -> Iterator[tuple[int, int, int]]:
        each = self.size.runs_of_a_version
        for number, version in self._view_versions():
            for run in range((version - 1) * each + 1, version * each + 1):
                yield number, version, run

    def _runs(self) -> Iterator[Row]:
        for number, version, run in self._run_numbers():
            at = _START + self._revision(number, version) * _STEP + run
            row_id = self._id(number, version)
            yield (
                PROJECT, f"view_{number}", run, row_id, "full", run, at, "succeeded", at, at + 900, 100_000
            )  # fmt: skip

    def _states(self) -> Iterator[Row]:
        for number, version in self._view_versions():
            run = version * self.size.runs_of_a_version
            at = _START + self._revision(number, version) * _STEP + run
            yield self._id(number, version), run, at, at

    def _audit(self) -> Iterator[Row]:
        for number, version in self._view_versions():
            revision = self._revision(number, version)
            at, action = _START + revision * _STEP, "create" if version == 1 else "new version"
            same = "feature_view", f"view_{number}", version
            yield PROJECT, at, "ann", "build-7", action, *same, revision, "another round", "{}"
            each = self.size.runs_of_a_version
            for run in range((version - 1) * each + 1, version * each + 1):
                effect = f'{{"end_us":{at + run},"rows":100000,"run":{run}}}'
                yield PROJECT, at + run, "ann", "fill-3", "publish", *same, None, "", effect

    def _training_sets(self) -> Iterator[Row]:
        for number in range(self.size.training_sets):
            name, at = f"set-{number}", _START + number * _STEP
            made_for = self._services[number % self.size.services]
            manifest = canonical_json(self._manifest(name, made_for))
            yield (
                number + 1, PROJECT, name, _sha256(manifest), _sha256(name), "training_sets", at, "ann",
                manifest, "{}", made_for.name,
            )  # fmt: skip

    def _manifest(self, name: str, made_for: fs.FeatureService) -> dict[str, Any]:
        features = [f"{reference.view}__feature_{i}" for reference in made_for.features for i in range(10)]
        views = [{"name": r.view, "version": self.size.versions} for r in made_for.features]
        columns = [[feature, "double", _sha256(feature)] for feature in features]
        return {
            "name": name,
            "service": {"name": made_for.name, "version": 1},
            "views": views,
            "content_hash": _sha256(name),
            "parts": [{"name": "all", "hash": _sha256(name), "rows": 100_000, "columns": columns}],
        }

    def _training_set_views(self) -> Iterator[Row]:
        for number in range(self.size.training_sets):
            for reference in self._services[number % self.size.services].features:
                view_number = int(reference.view.removeprefix("view_"))
                yield self._id(view_number, self.size.versions), number + 1

    def _models(self) -> Iterator[Row]:
        for number in range(self.size.models):
            yield number + 1, PROJECT, "model", str(number), number + 1, _START, "ann"


def _values_text(definition: fs.FeatureView) -> str:
    return canonical_json({"kind": object_kind(definition), "values": definition.values_payload()})


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
