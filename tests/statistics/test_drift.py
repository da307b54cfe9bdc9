"""Drift between two profiles: the measures on real values, the verdicts, and what is never compared."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial import distance

import featurestore as fs
from featurestore.errors import NotFoundError, RequestError
from featurestore.statistics.collect import Collector, ProfiledColumn
from featurestore.statistics.drift import DriftReport, detect_drift
from featurestore.statistics.measures import LEAST_SHARE
from featurestore.statistics.profile import FeatureProfile, Profile
from featurestore.statistics.thresholds import DriftThresholds, FeatureThresholds
from featurestore.statistics.verdicts import DriftVerdict, FeatureDrift
from tests.statistics.by_hand import feature_profile, profile

BELL = np.random.default_rng(11).normal(size=4_000)


def compare(before: Any, now: Any, kind: str = "float64", **options: Any) -> FeatureDrift:
    sides = (feature_profile("a", list(values), kind, **options) for values in (before, now))
    return of(*sides)


def of(before: FeatureProfile, now: FeatureProfile, thresholds: Any = None) -> FeatureDrift:
    sides = (Profile(rows=each.rows, features=(each,)) for each in (before, now))
    return detect_drift(*sides, thresholds=thresholds)["a"]


def value(drift: FeatureDrift, name: str) -> float:
    found = drift.measure(name)
    assert found is not None
    return found.value


# Values against scipy ---------------------------------------------------------------------------------------


def expected_shares(before: np.ndarray, now: np.ndarray) -> list[np.ndarray]:
    """By numpy alone: tenths between the reference's deciles, open at both ends."""
    deciles = np.quantile(before, np.arange(1, 10) / 10, method="inverted_cdf")
    places = [np.searchsorted(deciles, values, side="left") for values in (before, now)]
    return [np.bincount(place, minlength=10) / len(place) for place in places]


@pytest.mark.parametrize("k", [200, 8_000])
def test_numbers_are_measured_as_scipy_measures_the_rows_themselves(k: int) -> None:
    random = np.random.default_rng(101)
    now = random.normal(0.3, 1.2, size=3_000)
    drift = compare(BELL, now, k=k)
    exact = k > len(BELL)
    p, q = expected_shares(BELL, now)
    filled = [np.maximum(each, LEAST_SHARE) for each in (p, q)]
    psi = stats.entropy(*filled) + stats.entropy(*filled[::-1])
    found = drift.measure("kolmogorov_smirnov")
    assert found is not None
    assert (found.error == 0) is exact
    assert found.value == pytest.approx(stats.ks_2samp(BELL, now).statistic, abs=found.error + 1e-12)
    assert value(drift, "psi") == pytest.approx(psi, abs=1e-12 if exact else 0.03)
    js = distance.jensenshannon(p, q, base=2)
    assert value(drift, "jensen_shannon") == pytest.approx(js, abs=1e-12 if exact else 0.03)


@given(
    st.lists(st.integers(-3, 3), min_size=30, max_size=200),
    st.lists(st.integers(-5, 5), min_size=30, max_size=200),
)
def test_few_distinct_numbers_are_measured_exactly(before: list[int], now: list[int]) -> None:
    drift = compare(before, now, "int64")
    assert value(drift, "kolmogorov_smirnov") == pytest.approx(
        stats.ks_2samp(before, now, method="asymp").statistic, abs=1e-12
    )
    for side, values in (("reference", before), ("current", now)):
        assert sum(getattr(each, side) for each in drift.bins) == pytest.approx(len(values))


def test_categories_are_measured_as_scipy_measures_their_shares() -> None:
    before, now = ["a"] * 50 + ["b"] * 30 + ["c"] * 20, ["a"] * 20 + ["b"] * 30 + ["d"] * 50
    drift = compare(before, now, "string")
    p, q = np.array([50, 30, 20, 0]) / 100, np.array([20, 30, 0, 50]) / 100
    assert value(drift, "jensen_shannon") == pytest.approx(distance.jensenshannon(p, q, base=2))
    filled = [np.maximum(each, LEAST_SHARE) for each in (p, q)]
    assert value(drift, "psi") == pytest.approx(stats.entropy(*filled) + stats.entropy(*filled[::-1]))
    assert drift.measure("kolmogorov_smirnov") is None
    assert {(b.label, b.reference, b.current) for b in drift.bins} == {
        ("a", 50, 20), ("b", 30, 30), ("c", 20, 0), ("d", 0, 50),
    }  # fmt: skip


@pytest.mark.parametrize("rows", [300, 60_000])
def test_profiles_as_they_are_recorded_are_measured_as_scipy_measures_the_rows(rows: int) -> None:
    random = np.random.default_rng(102)
    before, now = random.gamma(2, 3, rows), random.gamma(2, 3.3, rows // 2)
    found = detect_drift(*(recorded(a=values, b=values > 5) for values in (before, now)))
    p, q = expected_shares(before, now)
    numbers, flags = found["a"], found["b"]
    measure = numbers.measure("kolmogorov_smirnov")
    assert measure is not None
    assert (measure.error == 0) is (rows == 300)
    assert measure.value == pytest.approx(stats.ks_2samp(before, now).statistic, abs=measure.error + 1e-12)
    js = distance.jensenshannon(p, q, base=2)
    assert value(numbers, "jensen_shannon") == pytest.approx(js, abs=1e-12 if rows == 300 else 0.02)
    assert {(b.label, b.reference, b.current) for b in flags.bins} == {
        (str(flag), (before > 5).tolist().count(flag), (now > 5).tolist().count(flag))
        for flag in (True, False)
    }


def recorded(**columns: np.ndarray) -> Profile:
    """The profile that a run or a training set with these columns records."""
    types = {"f": fs.Float64, "b": fs.Bool}
    collector = Collector([ProfiledColumn(name, types[v.dtype.kind], False) for name, v in columns.items()])
    for batch in pa.table(columns).to_batches(max_chunksize=10_000):
        collector.add(batch)
    return collector.result()


# Nulls, NaN, frequent values --------------------------------------------------------------------------------


def test_nulls_and_nan_are_bins_of_their_own() -> None:
    nan = float("nan")
    drift = compare([1.0] * 60 + [None] * 40, [1.0] * 20 + [None] * 50 + [nan] * 30)
    assert [(b.label, b.reference, b.current) for b in drift.bins] == [
        ("null", 40, 50), ("NaN", 0, 30), ("1", 60, 20),
    ]  # fmt: skip
    assert value(drift, "null_share") == pytest.approx(0.1)
    assert value(drift, "kolmogorov_smirnov") == 0  # of the numbers alone
    p, q = [0.4, 0, 0.6], [0.5, 0.3, 0.2]
    assert value(drift, "jensen_shannon") == pytest.approx(distance.jensenshannon(p, q, base=2))


def test_a_value_that_is_frequent_has_a_bin_of_its_own() -> None:
    random = np.random.default_rng(103)
    before = [0.0] * 600 + list(random.random(400))
    drift = compare(before, [-1.0] * 600 + before[600:])
    assert drift.drifted
    assert [b.label for b in drift.bins][:2] == ["(-∞, 0)", "0"]
    constant = compare([5.0] * 500, [5.0] * 450 + [4.0] * 50)
    assert [(b.label, b.current) for b in constant.bins] == [("(-∞, 5)", 50), ("5", 450)]
    assert constant.drifted


def test_all_null_on_one_side_is_drift_and_on_both_is_none() -> None:
    assert compare([1.0] * 100, [None] * 100).drifted
    assert compare([None] * 100, [1.0] * 100).drifted
    both = compare([None] * 100, [None] * 100)
    assert both.verdict is DriftVerdict.STABLE
    assert value(both, "psi") == 0


def test_infinities_are_values() -> None:
    inf = float("inf")
    drift = compare([1.0] * 50 + [-inf] * 50, [1.0] * 50 + [inf] * 50)
    assert drift.drifted
    assert value(drift, "kolmogorov_smirnov") == 0.5


# Rare categories --------------------------------------------------------------------------------------------


def test_what_is_not_listed_counts_as_equal_as_far_as_it_can() -> None:
    """Two samples of very many equally rare values list different ones, which says nothing."""
    random = np.random.default_rng(104)
    before, now = ([f"v{n}" for n in random.integers(0, 2_000, 20_000)] for _ in range(2))
    drift = compare(before, now, "string", listed=20)
    assert drift.verdict is DriftVerdict.STABLE
    assert value(drift, "psi") < 0.01


def test_a_new_frequent_category_is_seen_even_where_lists_are_short() -> None:
    random = np.random.default_rng(105)
    before = [f"v{n}" for n in random.integers(0, 2_000, 20_000)]
    drift = compare(before, before[:12_000] + ["new"] * 8_000, "string", listed=20)
    assert drift.drifted
    assert drift.bins[0].label == "new"


@given(
    st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=80),
    st.lists(st.sampled_from("efghijkl"), min_size=1, max_size=80),
)
def test_short_lists_of_categories_never_measure_more_than_there_is(
    before: list[str], now: list[str]
) -> None:
    short, full = (compare(before, now, "string", listed=listed) for listed in (3, 20))
    assert value(short, "jensen_shannon") <= value(full, "jensen_shannon") + 1e-9
    for side, values in (("reference", before), ("current", now)):
        assert sum(getattr(each, side) for each in short.bins) == pytest.approx(len(values))


# Verdicts ---------------------------------------------------------------------------------------------------


def test_the_same_values_have_not_drifted() -> None:
    drift = compare(BELL, BELL, k=8_000)
    assert drift.verdict is DriftVerdict.STABLE
    assert [value(drift, m.name) for m in drift.measures] == [0, 0, 0, 0]


@pytest.mark.parametrize(("shift", "expected"), [(0.2, False), (0.7, True)])
def test_a_bell_curve_drifts_when_it_moves_far_enough(shift: float, expected: bool) -> None:
    drift = compare(BELL, BELL + shift)
    assert drift.drifted is expected
    assert {m.drifted for m in drift.measures if m.name != "null_share"} == {expected}


def test_few_rows_are_not_taken_for_drift() -> None:
    random = np.random.default_rng(106)
    before, now = random.normal(size=25), random.normal(size=25)
    assert value(compare(before, now), "psi") > 0.2
    assert not compare(before, now).drifted
    sides = [feature_profile("a", list(values)) for values in (before, now)]
    assert of(sides[0], sides[1], DriftThresholds(significance=None)).drifted


def test_another_type_is_drift_unless_both_are_numbers() -> None:
    texts, numbers = feature_profile("a", ["1", "2"], "string"), feature_profile("a", [1, 2], "int64")
    found = of(texts, numbers)
    assert found.drifted
    assert found.shift == "type string → int64"
    assert of(numbers, feature_profile("a", [1.0, 2.0], "float64")).verdict is DriftVerdict.STABLE


def test_of_personal_data_only_the_share_of_nulls_is_compared() -> None:
    sides = [FeatureProfile("a", "string", 1_000, nulls, distinct=5, pii=True) for nulls in (0, 300)]
    found = of(*sides)
    assert [m.name for m in found.measures] == ["null_share"]
    assert found.drifted
    assert found.bins == ()
    assert "personal data" in found.reason
    # Even if the other side was not tagged then.
    listed = feature_profile("a", ["secret"] * 1_000, "string")
    assert of(listed, sides[0]).bins == ()
    assert "secret" not in json.dumps(of(listed, sides[0]).to_json())


@pytest.mark.parametrize(
    "kind", ["timestamp", "timestamp<Europe/Berlin>", "date", "list<string>", "vector<float32, 3>"]
)
def test_times_and_lists_are_compared_by_their_nulls(kind: str) -> None:
    found = of(FeatureProfile("a", kind, 100, 0), FeatureProfile("a", kind, 100, 50))
    assert [m.name for m in found.measures] == ["null_share"]
    assert found.drifted


def test_no_rows_are_not_compared() -> None:
    found = of(feature_profile("a", []), feature_profile("a", [1.0]))
    assert found.verdict is DriftVerdict.NOT_COMPARED
    assert found.reason == "the reference has no rows"


# Thresholds -------------------------------------------------------------------------------------------------


def report(thresholds: Any = None) -> DriftReport:
    before = profile(a=list(BELL), b=list(BELL), c=["x"] * 4_000, d=list(BELL))
    now = profile(a=list(BELL + 1), b=list(BELL + 1), c=["x"] * 4_000, e=list(BELL))
    return detect_drift(before, now, thresholds=thresholds, names=("winter", "summer"))


def test_thresholds_can_be_given_for_all_for_a_feature_and_for_a_measure() -> None:
    lenient = {"psi": 9, "jensen_shannon": None, "kolmogorov_smirnov": 0.9}
    assert [each.feature for each in report().drifted] == ["a", "b"]
    assert [each.feature for each in report(lenient).drifted] == []
    assert [each.feature for each in report({**lenient, "b": {"psi": 0.5}}).drifted] == ["b"]
    left_out = report({"a": None})
    assert left_out["a"].verdict is DriftVerdict.NOT_COMPARED
    assert [each.feature for each in left_out.drifted] == ["b"]
    typed = DriftThresholds(
        features={"a": FeatureThresholds(psi=99, jensen_shannon=None, kolmogorov_smirnov=None)}
    )
    assert [each.feature for each in report(typed).drifted] == ["b"]


def test_a_measure_that_is_not_asked_is_still_told() -> None:
    found = report({"a": {"psi": None}})["a"].measure("psi")
    assert found is not None
    assert (found.threshold, found.drifted) == (None, False)
    assert found.value > 0.2


@pytest.mark.parametrize("wrong", [{"psi": -1}, {"psi": "much"}, {"psi": True}, {"a": {"psi": float("nan")}}])
def test_a_threshold_is_a_number_from_zero_on(wrong: dict[str, Any]) -> None:
    with pytest.raises(RequestError, match="The threshold of psi is"):
        report(wrong)


def test_unknown_names_in_thresholds_are_errors() -> None:
    with pytest.raises(NotFoundError, match="Measure of drift 'pis' was not found"):
        report({"pis": 1})
    with pytest.raises(NotFoundError, match="Feature 'z' was not found"):
        report({"z": {"psi": 1}})


# The whole --------------------------------------------------------------------------------------------------


def test_the_whole_report_in_words_and_in_json() -> None:
    found = report()
    assert found.verdict is DriftVerdict.DRIFTED
    assert (found.only_reference, found.only_current) == (("d",), ("e",))
    lines = str(found).splitlines()
    assert lines[0] == "Drift in 2 of 3 features: winter (4,000 rows) → summer (4,000 rows)"
    assert lines[1].startswith("  drifted  a  PSI ")
    assert "(from 0.2 on)" in lines[1]
    assert lines[3].startswith("  stable   c  PSI 0, Jensen–Shannon 0; most frequent 'x'")
    assert lines[4:] == ["  only in winter: d", "  only in summer: e"]
    document = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert document["verdict"] == "drifted"
    assert document["reference"] == {"name": "winter", "rows": 4_000}
    assert [each["verdict"] for each in document["features"]] == ["drifted", "drifted", "stable"]
    assert document["features"][0]["measures"][0]["drifted"] is True


def test_nothing_in_common_is_an_error() -> None:
    with pytest.raises(RequestError, match="have no feature in common"):
        detect_drift(profile(a=[1.0]), profile(b=[1.0]))


@given(st.lists(st.none() | st.floats(), max_size=40), st.lists(st.none() | st.floats(), max_size=40))
def test_any_floats_can_be_compared(before: list[float | None], now: list[float | None]) -> None:
    found = compare(before, now)
    json.dumps(found.to_json(), allow_nan=False)
    for each in found.measures:
        assert each.value >= 0
