"""What statistics can be asked of: a training set, a part of one, a run, the runs of a period, or a profile itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from featurestore.charts.numbers import moment
from featurestore.definitions.instants import from_microseconds, to_microseconds
from featurestore.definitions.reference import ViewReference
from featurestore.errors import NotFoundError, RequestError
from featurestore.lineage.personal import personal_outputs
from featurestore.planning.request import resolve_request
from featurestore.project import Project
from featurestore.protocols.expectations import CheckResult
from featurestore.protocols.records import Run
from featurestore.report.report import CheckRow, Runs
from featurestore.statistics.profile import Profile, merge_profiles
from featurestore.training_sets.html import set_facts
from featurestore.training_sets.training_set import TrainingSet

Subject = str | Profile | TrainingSet | Run
"""A name (``set``, ``set:part``, ``view``, ``view@3``, ``view@3#17``, ``view@3#2024-01-01..2024-02-01``) or a thing."""

MOST_RUNS = 60
"""So many runs at most are shown over time."""
_RUNS = re.compile(r"(?P<number>\d+)|(?P<since>[^.]*)\.\.(?P<until>[^.]*)")


@dataclass(frozen=True, slots=True)
class Found:
    """What a name stands for.

    Attributes:
        name: what to call it.
        profile: its statistics.
        lineage: the name to ask for its lineage, or None.
        view: the view whose runs it is of, or None.
        facts: more about it.
        runs: reads the profiles of the runs around it, in the order of time.
        checks: how what was expected of it came out.
    """

    name: str
    profile: Profile
    lineage: str | None = None
    view: str | None = None
    facts: tuple[tuple[str, str], ...] = ()
    runs: Callable[[], Runs] = tuple
    checks: tuple[CheckRow, ...] = ()


def _check_name(subject: object) -> None:
    if not isinstance(subject, str):
        raise RequestError(
            f"Expected a name, a training set, a run or a profile, found {type(subject).__name__}.",
            hint="A training frame that is not saved has one: frame.profile().",
        )


def find(project: Project, subject: Subject) -> Found:
    """Find out what is meant, and read its statistics.

    Raises:
        NotFoundError: if there is no such thing, or no statistics of it.
        RequestError: if the name cannot be read.
    """
    if isinstance(subject, Profile):
        return Found("profile", subject)
    if isinstance(subject, TrainingSet):
        return _training_set(subject, None)
    if isinstance(subject, Run):
        return _runs(project, subject.view, subject.version, str(subject.number))
    _check_name(subject)
    name, hash_, runs = subject.partition("#")
    view, _, _ = name.partition("@")
    if hash_ or "@" in name or view in project.catalog().newest("feature_view"):
        reference = ViewReference.parse(name)
        if reference.features:
            raise RequestError(
                f"{subject!r} names features; statistics are told for all features of a view.",
                hint=f"Leave them out: {name.partition(':')[0]!r}.",
            )
        stored = project.catalog().stored_view(reference.view, reference.version)
        return _runs(project, stored.name, stored.version, runs)
    return _named_set(project, name)


def aligned(first: Found, second: Found) -> tuple[Profile, Profile]:
    """The two profiles, with features of a view named ``view__feature`` where the other side names them so."""
    return _renamed(first, second), _renamed(second, first)


def _renamed(found: Found, other: Found) -> Profile:
    theirs = {feature.name for feature in other.profile.features}
    if found.view is None or any(feature.name in theirs for feature in found.profile.features):
        return found.profile
    names = {feature.name: f"{found.view}__{feature.name}" for feature in found.profile.features}
    features = tuple(
        replace(feature, name=names[feature.name]) if names[feature.name] in theirs else feature
        for feature in found.profile.features
    )
    return replace(found.profile, features=features)


# Training sets ---------------------------------------------------------------------------------------------


def _named_set(project: Project, name: str) -> Found:
    whole, colon, part = name.rpartition(":")
    known = whole if colon else name
    try:
        record = project.registry.training_set(project=project.name, name=known)
    except NotFoundError as error:
        views = project.catalog().newest("feature_view")
        raise NotFoundError.of(
            "View or training set", known, list(views), where=f"project {project.name!r}"
        ) from error
    return _training_set(TrainingSet(project, record), part if colon else None)


def _training_set(found: TrainingSet, part: str | None) -> Found:
    name = f"training set {found.name}" + (f", part {part}" if part else "")
    checks = [
        _row(each.result, f"{each.view}@{each.version}: ", found.created_at) for each in found.expectations
    ]
    facts = set_facts(found.id, found.manifest, found.created_at, found.author)
    return Found(name, found.profile(part), found.name, facts=facts, checks=tuple(checks))


# Runs ------------------------------------------------------------------------------------------------------


def _runs(project: Project, view: str, version: int, which: str) -> Found:
    """One run by its number, those of a period merged, or the latest one."""
    label = f"{view}@{version}"
    matched = _RUNS.fullmatch(which or "..")
    if matched is None:
        raise RequestError(
            f"{which!r} is neither the number of a run nor a period.",
            hint=f"Write {label}#17, or {label}#2024-01-01..2024-02-01.",
        )
    recorded = _Recorded(project, view, version)
    if not which or matched["number"]:
        return _one_run(recorded, int(matched["number"]) if which else None)
    runs = recorded.runs(since_us=_instant(matched["since"]), until_us=_instant(matched["until"]))
    if not runs:
        raise _nothing(label, "no run of that time has")
    profile = merge_profiles([recorded.profile(run) for run in runs])
    period = f"{_day(runs[0])} to {_day(runs[-1])} UTC"
    return Found(
        f"{label}, {len(runs)} run{'' if len(runs) == 1 else 's'}", profile, label, view, (("runs", period),),
        lambda: recorded.over_time(runs[-MOST_RUNS:]), recorded.checks(runs[-1]),
    )  # fmt: skip


def _one_run(recorded: _Recorded, number: int | None) -> Found:
    """The run of a number, or the latest one; with those before it."""
    runs = recorded.runs(up_to=number, limit=MOST_RUNS)
    if not runs or number not in (None, runs[-1].number):
        raise _nothing(recorded.label, "no run has" if number is None else f"run {number} has not")
    run = runs[-1]
    facts = (("values of", f"{_day(run)} UTC"), ("kind", run.kind.value))
    return Found(
        f"{recorded.label}, run {run.number}", recorded.profile(run), recorded.label, run.view, facts,
        lambda: recorded.over_time(runs), recorded.checks(run),
    )  # fmt: skip


class _Recorded:
    """What the runs of a version have recorded, without the values of what is personal by now."""

    def __init__(self, project: Project, view: str, version: int) -> None:
        self._project = project
        self._view, self._version = view, version
        self.label = f"{view}@{version}"
        catalog = project.catalog()
        self._personal = personal_outputs(resolve_request(self.label, catalog), catalog)

    def runs(self, **wanted: int | None) -> list[Run]:
        """Those of the registry's `profiled_runs`."""
        return self._project.registry.profiled_runs(
            project=self._project.name, view=self._view, version=self._version, **wanted
        )

    def profile(self, run: Run) -> Profile:
        """What one run has recorded."""
        found = self._project.registry.run_profile(
            project=self._project.name, view=self._view, number=run.number
        )
        return Profile.from_json(found).without_values(self._personal)

    def over_time(self, runs: Sequence[Run]) -> Runs:
        """What some runs have recorded, with the instants whose values it is."""
        return tuple((from_microseconds(run.end_us), self.profile(run)) for run in runs)

    def checks(self, run: Run) -> tuple[CheckRow, ...]:
        """How the expectations of a run came out."""
        found = self._project.registry.run_checks(
            project=self._project.name, view=self._view, number=run.number, limit=1
        )
        return tuple(_row(result, "", run.began_at) for _, results in found for result in results)


def _row(result: CheckResult, whose: str, at: datetime) -> CheckRow:
    return CheckRow(f"{whose}{result.expected}", result.found, result.outcome.value, result.on_failure, at)


def _nothing(label: str, which: str) -> NotFoundError:
    return NotFoundError(
        f"There are no statistics of {label}: {which} recorded any.",
        hint="Each run of materialize records them when it succeeds.",
    )


def _instant(text: str) -> int | None:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise RequestError(
            f"{text!r} is not a time.", hint="Write 2024-05-01 or 2024-05-01T12:30:00Z."
        ) from error
    return to_microseconds(found if found.tzinfo else found.replace(tzinfo=UTC), what="a period")


def _day(run: Run) -> str:
    return moment(from_microseconds(run.end_us))
