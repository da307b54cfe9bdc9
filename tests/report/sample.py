"""A report of everything that a report can hold, with values and names that are hard to draw."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np

from featurestore.lineage.graph import Lineage
from featurestore.lineage.nodes import Edge, Node
from featurestore.report.report import CheckRow, Report
from featurestore.statistics.drift import detect_drift
from featurestore.statistics.profile import FeatureProfile, Profile
from featurestore.statistics.records import Lengths
from tests.statistics.by_hand import feature_profile

NASTY = '<img src="http://example.com/x.png" onerror=alert(1)> & "quoted" </style><script>alert(2)</script>'
LONG = "a_feature_whose_name_is_far_too_long_for_any_column_that_one_would_like_to_read_on_a_phone"
START = datetime(2013, 1, 1, tzinfo=UTC)
CARRIERS = ["UA", NASTY, "", "EV", "DL", "AA", "MQ", "US", "9E", "WN", "VX", "FL"]


def sample_profile(seed: int, shift: float, rows: int = 2_000) -> Profile:
    random = np.random.default_rng(seed)

    def some(values: np.ndarray, nulls: float) -> list[float | None]:
        return [None if random.random() < nulls else float(value) for value in values]

    bell = random.normal(size=rows)
    weights = np.arange(len(CARRIERS), 0, -1.0)
    carriers = [CARRIERS[i] for i in random.choice(len(CARRIERS), rows, p=weights / weights.sum())]
    micros = (START - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1)
    times = [micros + float(second) * 1e6 for second in random.integers(0, 90 * 86_400, rows)]
    features = [
        feature_profile("temp", some(35 + 30 * shift + 8 * bell, 0.02 + 0.2 * shift)),
        feature_profile(NASTY, carriers, "string", listed=12),
        feature_profile(LONG, some(np.exp(3 * bell), 0.001)),
        feature_profile("zero_inflated", [0.0 if random.random() < 0.9 else abs(float(x)) for x in bell]),
        feature_profile("seats", list(map(float, random.choice([50, 95, 145, 200], rows))), "int32"),
        feature_profile("huge", [-1.23e11 * float(x) for x in bell]),
        feature_profile("tiny", [-1.23e-9 * float(x) for x in bell]),
        feature_profile("extreme", [1e308 * (1 if x > 0 else -1) for x in bell]),
        feature_profile(
            "endless", [float("inf") if x > 1 else float("nan") if x < -1 else float(x) for x in bell]
        ),
        feature_profile("constant", [5.0] * rows),
        feature_profile("all_null", [None] * rows),
        feature_profile("flag", [bool(x > 0) for x in bell], "bool"),
        _with_times(feature_profile("landed_at", times, "timestamp"), rows),
        FeatureProfile("name", "string", rows, 12, distinct=1_900, pii=True),
        FeatureProfile("places", "list<string>", rows, 12, distinct=900, lengths=Lengths(0, 2.25, 3)),
    ]
    return Profile(rows, tuple(features), START, START + timedelta(days=90))


def _with_times(profile: FeatureProfile, rows: int) -> FeatureProfile:
    days = (START, START + timedelta(days=45, hours=3), START + timedelta(days=90))
    return FeatureProfile(
        profile.name, profile.type, rows, 0, distinct=rows, minimum=days[0], maximum=days[2],
        quantiles=tuple(zip((0.0, 0.5, 1.0), days, strict=True)), sketches=profile.sketches,
    )  # fmt: skip


def sample_lineage() -> Lineage:
    flights, service = Node("source", "flights"), Node("feature_service", f"service {NASTY}")
    view, entity = Node("feature_view", "last_flight@12"), Node("entity", "plane")
    training_set = Node("training_set", LONG)
    edges = {Edge(flights, view), Edge(entity, view), Edge(view, service), Edge(service, training_set)}
    for name in ("dep_delay", "arr_delay", "origin", "tailnum"):
        column, feature = Node("column", f"flights.{name}"), Node("feature", f"last_flight@12:last_{name}")
        edges |= {Edge(flights, column), Edge(column, view, "key")}
        if name != "tailnum":
            edges |= {Edge(column, feature, "value"), Edge(feature, view), Edge(feature, training_set)}
    return Lineage(training_set, frozenset(edges))


@cache
def sample_report(*, drift: bool = True) -> Report:
    reference, current = sample_profile(1, 0), sample_profile(2, 1)
    names = (f"training set {NASTY}", "training set summer")
    weeks = [(START + timedelta(days=7 * week), (1 - np.cos(week / 8)) / 2) for week in range(52)]
    checks = (
        CheckRow(f"range of {NASTY}: 0 to 1", "3 rows beyond", "failed", "reject", START),
        CheckRow("at least 1,000 rows", "2,000 rows", "passed", "warn", START),
        CheckRow(
            "half to twice the rows of the last 5 runs",
            "not checked: there are none",
            "skipped",
            "warn",
            START,
        ),
    )
    return Report(
        name=names[1],
        profile=current,
        project="flights <of> New York",
        made_at=START,
        facts=(("id", "0123456789ab"), ("service", NASTY), ("author", "ann")),
        drift=detect_drift(reference, current, names=names) if drift else None,
        runs=[(at, sample_profile(7, float(shift), rows=60)) for at, shift in weeks[::4]],
        checks=checks if drift else (),
        lineage=sample_lineage(),
    )
