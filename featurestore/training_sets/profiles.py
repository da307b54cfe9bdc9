"""The profiles of a training set: taken as its rows are written, or of its saved rows by groups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from featurestore.errors import NotFoundError
from featurestore.lineage.personal import personal_outputs
from featurestore.planning.historical import event_times
from featurestore.planning.training_frame import frame_collector
from featurestore.project import Project
from featurestore.statistics.profile import Profile, merge_profiles
from featurestore.training_sets.recipe import Recipe, resolve_recipe

if TYPE_CHECKING:
    import pyarrow as pa

    from featurestore.protocols.training_sets import TrainingSetRecord

_BULKY = ("quantiles", "histogram", "top_values", "sketches")


def manifest_statistics(profiles: Mapping[str, Profile]) -> dict[str, Any]:
    """What the manifest tells of the values: counts, extremes, means; the rest is in the registry."""
    whole = merge_profiles(list(profiles.values()))
    return {"whole": _short(whole), "parts": {part: _short(profile) for part, profile in profiles.items()}}


def saved_profile(project: Project, record: TrainingSetRecord, part: str | None) -> Profile:
    """The profile that was recorded of a part, or of all parts together.

    Raises:
        NotFoundError: if there is no such part, or the set was made by a release without profiles.
    """
    found = project.registry.training_set_profiles(project=project.name, name=record.name)
    if not found:
        raise NotFoundError(
            f"Training set {record.name!r} was made by a release that recorded no statistics.",
            hint="Make it again under a new name.",
        )
    parts = [item["name"] for item in record.manifest["parts"]]
    if part is not None and part not in found:
        raise NotFoundError.of("Part", part, parts, where=f"training set {record.name!r}")
    whole = merge_profiles([Profile.from_json(found[name]) for name in (parts if part is None else [part])])
    # What is tagged by now counts, whenever it was recorded.
    request = resolve_recipe(Recipe.from_json(record.manifest["recipe"]), project.catalog())
    return whole.without_values(personal_outputs(request, project.catalog()))


def sliced_profile(
    project: Project,
    record: TrainingSetRecord,
    batches: Iterable[pa.RecordBatch],
    schema: pa.Schema,
    slices: Sequence[str],
    minimum_group: int,
) -> Profile:
    """The profile of saved rows, by the values of some columns too.

    Raises:
        NotFoundError: if there is no column to slice by.
        RequestError: if a column to slice by is personal, or has too many values.
    """
    recipe = Recipe.from_json(record.manifest["recipe"])
    request = resolve_recipe(recipe, project.catalog())
    collector = frame_collector(
        {item.output: item.feature.dtype for view in request.views for item in view.features},
        schema,
        outputs=request.outputs,
        personal=personal_outputs(request, project.catalog()),
        event_times=event_times(recipe.event_timestamp, recipe.timezone),
        slices=slices,
        minimum_group=minimum_group,
    )
    for batch in batches:
        collector.add(batch)
    return collector.result()


def _short(profile: Profile) -> dict[str, Any]:
    document = profile.to_json()
    features = [{k: v for k, v in each.items() if k not in _BULKY} for each in document["features"]]
    return {**document, "features": features}
