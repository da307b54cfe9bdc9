"""Expectations proposed from what a view's values have been like. All of them warn: rejecting is a decision."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from featurestore.definitions.expectation import Expectation
from featurestore.definitions.expectations import (
    AllowedValues,
    Freshness,
    NullShare,
    RowCount,
    RowsArrived,
    UniqueKeys,
    ValueRange,
    share_text,
)
from featurestore.definitions.instants import duration_to_microseconds, from_microseconds
from featurestore.expectations.kept import KeptRows
from featurestore.expectations.rows import Instant, RowChecks, age_text
from featurestore.lineage.personal import personal_outputs
from featurestore.materialize.profile import run_collector
from featurestore.monitoring.reports import Suggestion, Suggestions
from featurestore.planning.point_in_time import plan_view
from featurestore.planning.request import Request
from featurestore.project import Project
from featurestore.protocols.expectations import Outcome
from featurestore.protocols.offline import OfflineEngine, ViewPlan
from featurestore.protocols.records import Run, RunKind
from featurestore.statistics.profile import FeatureProfile, Profile

ENOUGH_ROWS: Final = 100
"""Fewer values say too little about those that are to come."""
MOST_VALUES: Final = 20
MOST_RUNS: Final = 20
ROWS_PER_VALUE: Final = 20
"""A set of values is proposed if each was seen about so often."""
_STEPS: Final = tuple(
    timedelta(hours=hours)
    for hours in (1, 2, 3, 6, 12, 24, 48, 72, 7 * 24, 14 * 24, 31 * 24, 92 * 24, 366 * 24)
)


@dataclass(frozen=True)
class _Known:
    """What is known of a view: its values, and for plain rows how old the latest event was at each run."""

    profile: Profile
    ages: list[timedelta]
    runs: list[Run]
    newer: int


def suggest(
    project: Project, request: Request, *, profile: Profile | None, engine: OfflineEngine
) -> Suggestions:
    """Expectations for the view of a request.

    Raises:
        SourceError: if its source cannot be read.
    """
    plan = plan_view(request.views[0], root=project.config.root)
    known = _known(project, request, plan, profile, engine)
    return Suggestions(
        [
            *_of_source(plan, known, engine),
            *_of_runs(known),
            *(each for feature in known.profile for each in _of_feature(feature)),
        ]
    )


def _known(
    project: Project, request: Request, plan: ViewPlan, profile: Profile | None, engine: OfflineEngine
) -> _Known:
    # What is tagged by now counts, whenever it was recorded.
    personal = personal_outputs(request, project.catalog())
    runs = _recorded(project, request)
    plain = not plan.windows
    ages = [age for run, each in runs if plain and (age := _age(each, run.end_us)) is not None]
    events = [each.last_event for _, each in runs if each.last_event is not None]
    newer = sum(later > max(events[:i]) for i, later in enumerate(events) if i)
    done = [run for run, _ in runs]
    if profile is None and runs:
        full = [each for run, each in runs if run.kind is RunKind.FULL]
        profile = full[-1] if full else runs[-1][1]
    if profile is None:
        now = time.time_ns() // 1000
        collector = run_collector(request.views[0].view, personal)
        for batch in engine.latest_features(view=plan, at=now):
            collector.add(batch)
        profile = collector.result()
        age = _age(profile, now)
        ages = [age] if plain and age is not None else []
    return _Known(profile.without_values(personal), ages, done, newer)


def _recorded(project: Project, request: Request) -> list[tuple[Run, Profile]]:
    """The last runs of the view's version with their profiles, oldest first."""
    view = request.views[0]
    if view.given:
        return []
    stored = project.registered(
        view.view.name if view.version is None else f"{view.view.name}@{view.version}"
    )
    registry = project.registry
    runs = registry.profiled_runs(
        project=project.name, view=stored.name, version=stored.version, limit=MOST_RUNS
    )
    return [
        (run, Profile.from_json(registry.run_profile(project=run.project, view=run.view, number=run.number)))
        for run in runs
    ]


def _age(profile: Profile, end: int) -> timedelta | None:
    return None if profile.last_event is None else from_microseconds(end) - profile.last_event


def _of_source(plan: ViewPlan, known: _Known, engine: OfflineEngine) -> Iterator[Suggestion]:
    expectation = UniqueKeys(on_failure="warn")
    now = Instant(time.time_ns() // 1000)
    (result,) = RowChecks(engine, plan, now, KeptRows(())).results([expectation])
    if result.outcome is Outcome.PASSED and result.rows:
        yield Suggestion(expectation, f"all {result.rows:,} rows of the source differ in them")
    if known.ages:
        oldest = max(known.ages)
        step = next((step for step in _STEPS if step >= 2 * oldest), None)
        if step is not None:
            shown = age_text(duration_to_microseconds(oldest))
            count = f"the last {len(known.ages)} runs" if known.runs else "now"
            yield Suggestion(
                Freshness(step, on_failure="warn"), f"the latest event was at most {shown} old, over {count}"
            )
    if known.newer and known.newer == len(known.runs) - 1:
        yield Suggestion(
            RowsArrived(on_failure="warn"), f"each of the last {len(known.runs)} runs saw newer events"
        )


def _of_runs(known: _Known) -> Iterator[Suggestion]:
    counts = [run.rows for run in known.runs if run.kind is RunKind.FULL and run.rows]
    if len(counts) < 3:
        return
    median = statistics.median(counts)
    if min(counts) >= 0.5 * median and max(counts) <= 2 * median:
        yield Suggestion(
            RowCount(on_failure="warn"),
            f"the last {len(counts)} full runs wrote {min(counts):,} to {max(counts):,} rows",
        )


def _of_feature(feature: FeatureProfile) -> Iterator[Suggestion]:
    values = feature.rows - feature.nulls
    if feature.rows >= ENOUGH_ROWS:
        yield from _null_share(feature)
    if values < ENOUGH_ROWS or feature.pii:
        return
    allowed = _allowed(feature, values)
    if allowed is not None:
        yield allowed
    elif not feature.missing:
        yield from _range(feature, values)


def _null_share(feature: FeatureProfile) -> Iterator[Suggestion]:
    share = feature.nulls / feature.rows
    if share >= 0.5:
        return
    # Of nothing seen in n rows, up to three in n may be there all the same (with 95 % certainty).
    at_most = _rounded_up(max(2 * share, 3 / feature.rows))
    seen = (
        f"{feature.nulls:,} of {feature.rows:,} rows" if feature.nulls else f"none of {feature.rows:,} rows"
    )
    yield Suggestion(
        NullShare(feature.name, at_most=at_most, on_failure="warn"),
        f"{seen} null" + (f" ({share_text(share)})" if feature.nulls else ""),
    )


def _rounded_up(share: float) -> float:
    """One digit, not smaller: 0.0234 is 0.03."""
    exponent = math.floor(math.log10(share))
    digit = math.ceil(share / 10.0**exponent - 1e-9)
    return min(1.0, float(f"{digit}e{exponent}"))


def _allowed(feature: FeatureProfile, values: int) -> Suggestion | None:
    """A set, if the frequent values are all there are, and none of them is rare chance."""
    found = feature.top_values
    few = 0 < len(found) <= MOST_VALUES and len(found) * ROWS_PER_VALUE <= values
    if feature.type != "string" or not few or sum(count for _, count in found) != values:
        return None
    known: list[Any] = sorted(value for value, _ in found)
    expectation = AllowedValues(feature.name, known, on_failure="warn")
    return Suggestion(expectation, f"{values:,} values, and no others among them")


def _range(feature: FeatureProfile, values: int) -> Iterator[Suggestion]:
    low, high = feature.minimum, feature.maximum
    number = int | float | Decimal
    if (
        isinstance(low, bool)
        or not isinstance(low, number)
        or not isinstance(high, number)
        or feature.infinite
    ):
        return
    bounds = _bounds(low, high)
    if bounds is not None:
        yield Suggestion(_warning_range(feature.name, *bounds), f"{values:,} values from {low} to {high}")


def _warning_range(name: str, minimum: Any, maximum: Any) -> Expectation:
    return ValueRange(name, minimum, maximum, on_failure="warn")


def _bounds(low: Any, high: Any) -> tuple[Any, Any] | None:
    """Shares stay shares; else as much room on each side as there is between the two, and no new sign."""
    if isinstance(low, float) and low >= 0 and high <= 1:
        return 0, 1
    exact = isinstance(low, int)
    span = high - low
    if not span or (isinstance(span, float) and not math.isfinite(2 * span)):
        return (0, None) if low >= 0 else None
    minimum = 0 if low >= 0 else _outward(low - span, up=False, exact=exact)
    maximum = 0 if high <= 0 else _outward(high + span, up=True, exact=exact)
    return minimum, maximum


def _outward(value: Any, *, up: bool, exact: bool) -> Any:
    """Two digits, away from the values."""
    if not value:
        return 0
    number = Decimal(value)
    unit = Decimal(1).scaleb(number.adjusted() - 1)
    rounding = "ROUND_CEILING" if up else "ROUND_FLOOR"
    rounded = (number / unit).to_integral_value(rounding=rounding) * unit
    if exact:
        return int(rounded)
    return float(rounded) if isinstance(value, float) else rounded
