"""Making a training set and its manifest."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from featurestore.definitions.base import canonical_json
from featurestore.definitions.splits import Split
from featurestore.errors import NotFoundError, RequestError
from featurestore.frames.entity_rows import entity_rows
from featurestore.planning.code_state import read_code_state
from featurestore.planning.point_in_time import plan_view
from featurestore.planning.request import FeaturesArgument
from featurestore.project import Project
from featurestore.protocols.offline import ChoosesEngine
from featurestore.protocols.training_sets import TrainingSetRecord
from featurestore.sources.files import locate_source
from featurestore.sources.remote import is_remote
from featurestore.training_sets.build import Build, built
from featurestore.training_sets.content import Content
from featurestore.training_sets.expected import SetChecks
from featurestore.training_sets.files import SetFolder
from featurestore.training_sets.profiles import manifest_statistics
from featurestore.training_sets.recipe import Recipe, pin_features, resolve_recipe, used_service
from featurestore.training_sets.remote_files import open_folder

FORMAT = 1
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_LIBRARIES = ("duckdb", "numpy", "polars", "pyarrow")


@dataclass(frozen=True)
class Order:
    """What is asked for.

    Attributes:
        entity_df: any frame, a `pathlib.Path`, or SQL.
        folder: where to save it, None for the project's folder.
    """

    name: str
    features: FeaturesArgument
    entity_df: Any
    split: Split | None
    seed: int
    folder: Path | str | None
    event_timestamp: str
    timezone: str
    full_feature_names: bool
    engine: str
    as_of: int | None
    tags: Mapping[str, str]
    note: str
    check_expectations: bool = True


def create(project: Project, order: Order) -> TrainingSetRecord:
    """Compute, save and record a training set.

    Raises:
        RequestError: if the name is taken or is none.
        ExpectationError: if its rows are not as a view expects; it is not saved.
        NotFoundError, EntityDataError, NameClashError, SourceError: as for historical features.
    """
    _check_name(project, order.name)
    began = time.time_ns() // 1000
    location = order.folder or project.config.training_sets
    folder = open_folder(location)
    recipe = Recipe(
        features=pin_features(order.features, project, full=order.full_feature_names),
        full_feature_names=order.full_feature_names,
        entity_rows="",
        event_timestamp=order.event_timestamp,
        timezone=order.timezone,
        as_of=order.as_of,
        engine=order.engine,
        split=order.split,
        seed=order.seed,
    )
    entities = _save_entities(project, order, recipe, folder)
    recipe = replace(recipe, entity_rows=entities.hash, engine=_engine(project, recipe, entities))
    service = used_service(order.features, project.catalog())
    checks = SetChecks(project, recipe, at=began, wanted=order.check_expectations)
    with built(project, recipe, folder, profiled=True, checks=checks) as build:
        expected = checks.finish(order.name)
        manifest = _manifest(project, order, recipe, entities, build)
        build.keep()
    manifest |= {"service": service, "began_us": began}
    manifest["expectations"] = [check.to_json() for check in expected]
    record = project.registry.add_training_set(
        project=project.name,
        name=order.name,
        manifest=manifest,
        folder=_shown(location, project),
        profiles={part: profile.to_json() for part, profile in build.profiles.items()},
    )
    folder.write_manifest(record.manifest_id, manifest)
    if order.tags or order.note:
        return project.registry.annotate_training_set(
            project=project.name, name=order.name, tags=dict(order.tags), note=order.note
        )
    return record


def _check_name(project: Project, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise RequestError(
            f"{name!r} cannot name a training set.",
            hint="Use letters, digits, dots, dashes and underscores, e.g. fraud-2026-01.",
        )
    try:
        taken = project.registry.training_set(project=project.name, name=name)
    except NotFoundError:
        return
    if taken.name == name:
        raise RequestError(
            f"There is a training set {name!r} already, and training sets never change.",
            hint="Take another name.",
        )


def _save_entities(project: Project, order: Order, recipe: Recipe, folder: SetFolder) -> Content:
    frame = order.entity_df
    if isinstance(frame, str):
        request = resolve_recipe(recipe, project.catalog())
        root = project.config.root
        sources = {view.view.origin.name: locate_source(view.view.origin, root) for view in request.views}
        frame = project.engine(order.engine).query(sql=frame, sources=sources)
    rows = entity_rows(frame)
    return folder.write_rows(rows.batches(), rows.schema)


def _engine(project: Project, recipe: Recipe, entities: Content) -> str:
    """The name of the engine that computes it: one that chooses may choose another one another time."""
    engine = project.engine(recipe.engine)
    if not isinstance(engine, ChoosesEngine):
        return recipe.engine
    request = resolve_recipe(recipe, project.catalog())
    views = [plan_view(view, root=project.config.root, as_of=recipe.as_of) for view in request.views]
    return engine.choose(views=views, entity_rows=entities.rows).engine.name


def _manifest(
    project: Project, order: Order, recipe: Recipe, entities: Content, build: Build
) -> dict[str, Any]:
    catalog = project.catalog()
    stored = {
        (view.view.name, view.version): catalog.stored_view(view.view.name, view.version)
        for view in build.request.views
    }
    code = read_code_state(project.config.root)
    return {
        "format": FORMAT,
        "project": project.name,
        "name": order.name,
        "recipe": recipe.to_json(),
        "views": [
            {"name": item.name, "version": item.version, "data_hash": item.data_hash}
            for item in stored.values()
        ],
        "entity_rows": entities.to_json(),
        "parts": [{"name": name, **content.to_json()} for name, content in build.contents.items()],
        "left_out": build.left_out,
        "content_hash": content_hash(build.contents),
        "statistics": manifest_statistics(build.profiles),
        "sources": build.sources,
        "libraries": library_versions(),
        "code": code and {"commit": code.commit, "dirty": code.dirty},
    }


def content_hash(contents: Mapping[str, Content]) -> str:
    """One hash over those of the parts."""
    listed = [[name, content.hash] for name, content in contents.items()]
    return hashlib.sha256(canonical_json(listed).encode()).hexdigest()


def library_versions() -> dict[str, str]:
    """The versions of what the values may depend on."""
    from featurestore import __version__

    found = {"python": platform.python_version(), "featurestore": __version__}
    return found | {name: importlib.metadata.version(name) for name in _LIBRARIES}


def _shown(location: Path | str, project: Project) -> str:
    if is_remote(str(location)):
        return str(location).rstrip("/")
    absolute, root = Path(location).resolve(), project.config.root.resolve()
    return (absolute.relative_to(root) if absolute.is_relative_to(root) else absolute).as_posix()
