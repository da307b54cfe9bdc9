"""Computing a training set: from saved entity rows and a recipe to one file per part."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from featurestore.definitions.source import Source
from featurestore.definitions.view import FeatureView
from featurestore.errors import NotFoundError
from featurestore.frames.entity_rows import ParquetRows
from featurestore.frames.times import ENTITY_TIME, time_column
from featurestore.lineage.personal import personal_outputs
from featurestore.planning.historical import historical_features
from featurestore.planning.request import Request
from featurestore.project import Project
from featurestore.protocols.queries import recorded_queries
from featurestore.sources.files import locate_source
from featurestore.training_sets.assign import NO_PART, assign_parts
from featurestore.training_sets.content import Content
from featurestore.training_sets.expected import SetChecks
from featurestore.training_sets.file_hashes import FileHashes
from featurestore.training_sets.files import PartWriter, SetFolder
from featurestore.training_sets.recipe import Recipe, resolve_recipe
from featurestore.training_sets.sources import (
    Reads,
    Stamp,
    State,
    check_unchanged,
    reads_of,
    source_stamp,
    source_state,
    with_queries,
)

if TYPE_CHECKING:
    from featurestore.statistics.collect import Collector
    from featurestore.statistics.profile import Profile


@dataclass
class Build:
    """A computed training set, its files not kept yet.

    Attributes:
        parts: one writer per part, finished.
        left_out: rows in no part: without a time, purged or under embargo.
        sources: the state of each source.
        located: the sources themselves, with absolute paths.
        until: the latest time of the entity rows (microseconds): later events are in none of the values.
        contents: part to what it holds.
        profiles: part to what its values are like, if that was asked for.
    """

    request: Request
    parts: list[PartWriter]
    left_out: int
    sources: list[State]
    located: list[Source]
    until: int
    contents: dict[str, Content] = field(default_factory=dict)
    profiles: dict[str, Profile] = field(default_factory=dict)

    def keep(self) -> None:
        """Give the files their names."""
        for part in self.parts:
            part.keep()


@contextmanager
def built(
    project: Project,
    recipe: Recipe,
    folder: SetFolder,
    *,
    profiled: bool = False,
    checks: SetChecks | None = None,
) -> Iterator[Build]:
    """Compute a training set; what is not kept is gone at the end of the block.

    Args:
        project: of the set.
        recipe: of the set.
        folder: where it is saved.
        profiled: whether its rows are profiled on the way.
        checks: what looks at its rows on the way.

    Raises:
        NotFoundError: if the entity rows are gone.
        SourceError: if a source cannot be read, or was written to meanwhile.
    """
    root = project.config.root
    request = resolve_recipe(recipe, project.catalog())
    path = entity_file(folder, recipe)
    until = last_time(recipe, path)
    sources = _sources(request, root, until, recipe.as_of)
    located = [source for source, _ in sources]
    stamps = [source_stamp(source, reads) for source, reads in sources]
    states = _states(located, stamps, root, folder)
    frame = historical_features(
        path,
        request,
        engine=project.engine(recipe.engine),
        root=root,
        event_timestamp=recipe.event_timestamp,
        timezone=recipe.timezone,
        as_of=recipe.as_of,
        personal=lambda: personal_outputs(request, project.catalog()),
    )
    assigned = _assigned(recipe, ParquetRows(path), request)
    with folder.staged(frame.schema, recipe.parts) as parts:
        collectors = [frame.collector() for _ in parts] if profiled else []
        with recorded_queries() as queries:
            _write(frame.to_batches(), assigned, parts, collectors, checks)
        for (source, reads), stamp in zip(sources, stamps, strict=True):
            check_unchanged(source, stamp, reads)
        states = [with_queries(state, queries.of(state["name"])) for state in states]
        left_out = int((assigned == NO_PART).sum())
        contents = {part.name: part.finish() for part in parts}
        profiles = {name: each.result() for name, each in zip(contents, collectors, strict=False)}
        yield Build(request, parts, left_out, states, located, until, contents, profiles)


def _sources(request: Request, root: Path, until: int, as_of: int | None) -> list[tuple[Source, Reads]]:
    """The sources of a request, with absolute paths, and what is read of each."""
    views: dict[str, list[FeatureView]] = {}
    for requested in request.views:
        views.setdefault(requested.view.origin.name, []).append(requested.view)
    return [(locate_source(over[0].origin, root), reads_of(over, until, as_of)) for over in views.values()]


def _states(located: list[Source], stamps: list[Stamp], root: Path, folder: SetFolder) -> list[State]:
    hashes = FileHashes(folder.path)
    states = [
        source_state(source, root, stamp, hashes) for source, stamp in zip(located, stamps, strict=True)
    ]
    hashes.keep()
    return states


def last_time(recipe: Recipe, entities: Path) -> int:
    """The latest time of the entity rows in microseconds; the earliest there is if none has one."""
    column = ParquetRows(entities).columns([recipe.event_timestamp]).column(0)
    times = time_column(column, recipe.timezone, name=recipe.event_timestamp, reading=ENTITY_TIME)
    latest = pc.max(times).as_py()
    return -(2**63) if latest is None else int(latest)


def entity_file(folder: SetFolder, recipe: Recipe) -> Path:
    """The saved entity rows.

    Raises:
        NotFoundError: if they are gone.
    """
    if not folder.has(recipe.entity_rows):
        raise NotFoundError(
            "The entity rows of the training set are gone: there is no file "
            f"{folder.place(recipe.entity_rows)}.",
            hint="Restore the folder of training sets, or say where it is: "
            'store.training_set(name, folder="…").',
        )
    return folder.local(recipe.entity_rows)


def _assigned(recipe: Recipe, rows: ParquetRows, request: Request) -> Any:
    if recipe.split is None:
        return np.zeros(rows.num_rows, np.int16)
    return assign_parts(
        recipe.split,
        rows,
        seed=recipe.seed,
        join_keys=request.entity_columns(),
        event_timestamp=recipe.event_timestamp,
        timezone=recipe.timezone,
    )


def _write(
    batches: Iterator[pa.RecordBatch],
    assigned: Any,
    parts: list[PartWriter],
    collectors: list[Collector],
    checks: SetChecks | None,
) -> None:
    start = 0
    for batch in batches:
        numbers = pa.array(assigned[start : start + batch.num_rows])
        start += batch.num_rows
        for number, part in enumerate(parts):
            chosen = batch if len(parts) == 1 else batch.filter(pc.equal(numbers, number))
            if chosen.num_rows:
                part.add(chosen)
                if collectors:
                    collectors[number].add(chosen)
                if checks is not None:
                    checks.add(chosen)
