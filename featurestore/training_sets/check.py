"""Whether a training set is still what it was: its files, and what its sources would give today."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from featurestore.definitions.instants import from_microseconds
from featurestore.project import Project
from featurestore.protocols.training_sets import TrainingSetRecord
from featurestore.training_sets.build import Build, built
from featurestore.training_sets.content import BLOCK_ROWS, Content, content_of
from featurestore.training_sets.create import content_hash, library_versions
from featurestore.training_sets.files import SetFolder
from featurestore.training_sets.recipe import Recipe
from featurestore.training_sets.sources import late_rows, state_changes


@dataclass(frozen=True, slots=True)
class Verification:
    """Whether everything that was saved is as it was.

    Attributes:
        problems: what is gone or damaged; empty if nothing is.
    """

    name: str
    problems: tuple[str, ...]

    @property
    def intact(self) -> bool:
        """Whether there are no problems."""
        return not self.problems

    def __str__(self) -> str:
        if self.intact:
            return f"Training set {self.name} is intact."
        return "\n".join(
            [f"Training set {self.name} is damaged:", *(f"    {item}" for item in self.problems)]
        )


@dataclass(frozen=True, slots=True)
class Recreation:
    """What came out when a training set was computed again.

    Attributes:
        content_hash: of the values as they come out today.
        same: whether it is that of the set.
        differences: how the values differ, by part and column; empty if they do not.
        causes: what has changed since: files, late rows, libraries. There may be some without any difference.
        restored: files of the set that were gone and have been put back.
    """

    name: str
    content_hash: str
    same: bool
    differences: tuple[str, ...]
    causes: tuple[str, ...]
    restored: tuple[Path | str, ...]

    def __str__(self) -> str:
        if self.same:
            lines = [f"Training set {self.name} comes out byte for byte the same ({self.content_hash[:12]})."]
        else:
            lines = [f"Training set {self.name} comes out differently:"]
            lines += [f"    {item}" for item in self.differences]
        if self.causes:
            lines += ["What has changed since:", *(f"    {item}" for item in self.causes)]
        lines += [f"Put back: {path}" for path in self.restored]
        return "\n".join(lines)


def verify(record: TrainingSetRecord, folder: SetFolder) -> Verification:
    """Read all files of a training set and compare their content with the manifest."""
    manifest = record.manifest
    expected = [("entity rows", manifest["entity_rows"])]
    expected += [(f"part {part['name']}", part) for part in manifest["parts"]]
    problems = [problem for what, content in expected for problem in _problems(what, content, folder)]
    saved, place = folder.read_manifest(record.manifest_id), folder.manifest_place(record.manifest_id)
    if saved is None:
        problems.append(f"manifest: there is no file {place}")
    elif hashlib.sha256(saved).hexdigest() != record.manifest_id:
        problems.append(f"manifest: {place} is not what was saved")
    return Verification(record.name, tuple(problems))


def _problems(what: str, document: Mapping[str, Any], folder: SetFolder) -> Iterator[str]:
    expected = Content.from_json(document)
    path = folder.place(expected.hash)
    if not folder.has(expected.hash):
        yield f"{what}: there is no file {path}"
        return
    try:
        with pq.ParquetFile(folder.local(expected.hash)) as file:
            found = content_of(file.iter_batches(batch_size=BLOCK_ROWS), file.schema_arrow.remove_metadata())
    except (OSError, pa.ArrowException) as error:
        yield f"{what}: {path} cannot be read: {error}"
        return
    if found != expected:
        columns = [name for name in expected.columns if found.columns.get(name) != expected.columns[name]]
        yield f"{what}: {path} holds other values" + (f" in {', '.join(columns)}" if columns else "")


def recreate(project: Project, record: TrainingSetRecord, folder: SetFolder) -> Recreation:
    """Compute a training set again; see `TrainingSet.recreate`."""
    manifest = record.manifest
    recipe = Recipe.from_json(manifest["recipe"])
    expected = {part["name"]: Content.from_json(part) for part in manifest["parts"]}
    with built(project, recipe, folder) as build:
        same = content_hash(build.contents) == record.content_hash
        differences = [] if same else list(_differences(expected, build, folder))
        causes = list(_causes(record, build))
        restored = []
        if same:
            hashes = dict.fromkeys(content.hash for content in expected.values())
            restored = [folder.place(digest) for digest in hashes if not folder.has(digest)]
            build.keep()
        folder.write_manifest(record.manifest_id, manifest)
    return Recreation(
        name=record.name,
        content_hash=content_hash(build.contents),
        same=same,
        differences=tuple(differences),
        causes=tuple(causes),
        restored=tuple(restored),
    )


def _differences(expected: Mapping[str, Content], build: Build, folder: SetFolder) -> Iterator[str]:
    for part in build.parts:
        old, new = expected[part.name], build.contents[part.name]
        if old.hash == new.hash:
            continue
        if old.rows != new.rows:
            yield f"part {part.name}: {new.rows:,} rows instead of {old.rows:,}"
        for name in dict.fromkeys((*old.columns, *new.columns)):
            before, after = old.types.get(name, "not there"), new.types.get(name, "gone")
            if before != after:
                yield f"part {part.name}: column {name} is {after}, was {before}"
            elif old.columns[name] != new.columns[name]:
                there = old.rows == new.rows and folder.has(old.hash)
                where = _in_rows(folder.local(old.hash), part.path, name) if there else ""
                yield f"part {part.name}: column {name} differs{where}"


def _in_rows(old: Path, new: Path, column: str) -> str:
    count = 0
    with pq.ParquetFile(old) as one, pq.ParquetFile(new) as two:
        pairs = zip(
            one.iter_batches(batch_size=BLOCK_ROWS, columns=[column]),
            two.iter_batches(batch_size=BLOCK_ROWS, columns=[column]),
            strict=True,
        )
        for first, second in pairs:
            count += _unlike(first.column(0), second.column(0))
    return f" in {count:,} row{'' if count == 1 else 's'}" if count else " in the bits of its values"


def _unlike(one: pa.Array, two: pa.Array) -> int:
    if pa.types.is_nested(one.type):
        # Arrow does not compare lists and structs; only what is known to differ comes here.
        return sum(first != second for first, second in zip(one.to_pylist(), two.to_pylist(), strict=True))
    nulls = np.asarray(pc.xor(pc.is_null(one), pc.is_null(two)))
    unlike = np.asarray(pc.fill_null(pc.not_equal(one, two), False))
    if pa.types.is_floating(one.type):
        # NaN is not equal to itself, and is the same value all the same.
        unlike &= ~np.asarray(pc.fill_null(pc.and_(pc.is_nan(one), pc.is_nan(two)), False))
    return int((nulls | unlike).sum())


def _causes(record: TrainingSetRecord, build: Build) -> Iterator[str]:
    manifest = record.manifest
    before = {state["name"]: state for state in manifest["sources"]}
    for source, state in zip(build.located, build.sources, strict=True):
        changes = list(state_changes(before[source.name], state))
        yield from changes
        late = late_rows(source, known_after=manifest["began_us"], until=build.until) if changes else None
        if late:
            when = from_microseconds(manifest["began_us"]).isoformat(timespec="seconds")
            yield f"source {source.name}: {late:,} late row{'' if late == 1 else 's'}, known only after {when}"
    now = library_versions()
    for name, version in manifest["libraries"].items():
        if now.get(name) != version:
            yield f"{name}: {version} → {now.get(name, 'not installed')}"
