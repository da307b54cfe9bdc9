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
from featurestore.errors import NotFoundError
from featurestore.frames.entity_rows import ParquetRows
from featurestore.lineage.personal import personal_outputs
from featurestore.planning.historical import historical_features
from featurestore.planning.request import Request
from featurestore.project import Project
from featurestore.sources.files import locate_source
from featurestore.training_sets.assign import NO_PART, assign_parts
from featurestore.training_sets.content import Content
from featurestore.training_sets.expected import SetChecks
from featurestore.training_sets.files import PartWriter, SetFolder
from featurestore.training_sets.recipe import Recipe, resolve_recipe
from featurestore.training_sets.sources import State, check_unchanged, source_stamp, source_state

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
        contents: part to what it holds.
        profiles: part to what its values are like, if that was asked for.
    """

    request: Request
    parts: list[PartWriter]
    left_out: int
    sources: list[State]
    located: list[Source]
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
    origins = {view.view.origin.name: view.view.origin for view in request.views}
    located = [locate_source(source, root) for source in origins.values()]
    stamps = [source_stamp(source) for source in located]
    states = [source_state(source, root) for source in located]
    path = entity_file(folder, recipe)
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
        _write(frame.to_batches(), assigned, parts, collectors, checks)
        for source, stamp in zip(located, stamps, strict=True):
            check_unchanged(source, stamp)
        left_out = int((assigned == NO_PART).sum())
        contents = {part.name: part.finish() for part in parts}
        profiles = {name: each.result() for name, each in zip(contents, collectors, strict=False)}
        yield Build(request, parts, left_out, states, located, contents, profiles)


def entity_file(folder: SetFolder, recipe: Recipe) -> Path:
    """The saved entity rows.

    Raises:
        NotFoundError: if they are gone.
    """
    path = folder.object_path(recipe.entity_rows)
    if not path.is_file():
        raise NotFoundError(
            f"The entity rows of the training set are gone: there is no file {path}.",
            hint="Restore the folder of training sets, or say where it is: "
            'store.training_set(name, folder="…").',
        )
    return path


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
