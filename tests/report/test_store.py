"""Drift and reports of what a store has recorded: runs, periods, versions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

import featurestore as fs
from featurestore.errors import NotFoundError, RequestError
from tests.store.conftest import HOUR, NOON

DAY = timedelta(days=1)
PLANES = [f"P{number}" for number in range(400)]
plane = fs.Entity("plane", join_keys={"tailnum": fs.String})


def source(shift: float, at_day: int) -> pa.Table:
    """One row per plane and day up to one; the delays move on the third."""
    rows: dict[str, list[object]] = {"tailnum": [], "seen": [], "delay": [], "carrier": []}
    for day in range(at_day + 1):
        for number, tailnum in enumerate(PLANES):
            rows["tailnum"].append(tailnum)
            rows["seen"].append(NOON + day * DAY - HOUR)
            rows["delay"].append(number / 400 + (shift if day >= 2 else 0))
            rows["carrier"].append("UA" if number % 2 else "<B6>")
    return pa.table(rows)


def view(table: pa.Table, name: str = "punctuality") -> fs.FeatureView:
    return fs.FeatureView(
        name,
        entities=[plane],
        source=fs.InMemorySource("arrivals", data=table, event_timestamp="seen"),
        features=[fs.Feature("delay", fs.Float64), fs.Feature("carrier", fs.String)],
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[fs.FeatureStore]:
    """Four runs, at noon of four days; the delays have moved from the third on. Tests only read."""
    tmp_path = tmp_path_factory.mktemp("store")
    with fs.FeatureStore(
        registry=f"sqlite:///{tmp_path}/registry.db",
        online=f"sqlite:///{tmp_path}/online.db",
        project="flights",
    ) as store:
        store.apply([view(source(0.5, 3))])
        for day in range(4):
            store.materialize(end=NOON + day * DAY)
        yield store


def test_two_runs_are_compared(store: fs.FeatureStore) -> None:
    same = store.detect_drift("punctuality@1#1", "punctuality@1#2")
    assert not same.drifted
    moved = store.detect_drift("punctuality@1#1", "punctuality#3")
    assert [each.feature for each in moved.drifted] == ["delay"]
    assert moved.names == ("punctuality@1, run 1", "punctuality@1, run 3")
    measure = moved["delay"].measure("kolmogorov_smirnov")
    assert measure is not None
    assert measure.value == pytest.approx(0.5, abs=0.03)
    assert moved["delay"].shift.startswith("median 0.4")


def test_a_view_alone_is_its_latest_run(store: fs.FeatureStore) -> None:
    found = store.detect_drift("punctuality#1", "punctuality")
    assert found.names[1] == "punctuality@1, run 4"
    assert found.drifted


def test_runs_of_a_period_are_one_profile(store: fs.FeatureStore) -> None:
    early = f"punctuality@1#..{(NOON + DAY).date() + DAY}"
    found = store.detect_drift("punctuality#1", early)
    assert found.current.rows == 800
    assert not found.drifted
    assert store.detect_drift(early, f"punctuality#{(NOON + 2 * DAY).isoformat()}..").current.rows == 400
    assert store.detect_drift("punctuality#1", "punctuality#..").current.rows == 1_600


def test_runs_and_profiles_are_taken_as_such(store: fs.FeatureStore) -> None:
    newest, *_, oldest = store.project.registry.runs(project="flights", view="punctuality")
    found = store.detect_drift(oldest, newest)
    assert found.names == ("punctuality@1, run 1", "punctuality@1, run 4")
    again = store.detect_drift(found.reference, found.current)
    assert [each.feature for each in again.drifted] == ["delay"]


def test_a_run_and_a_training_frame_are_compared_whatever_its_columns_are_called(
    store: fs.FeatureStore,
) -> None:
    rows = pa.table({"tailnum": PLANES, "event_timestamp": [NOON] * len(PLANES)})
    for full in (False, True):
        frame = store.get_historical_features(rows, "punctuality", full_feature_names=full)
        for sides in ((frame.profile(), "punctuality#1"), ("punctuality#1", frame.profile())):
            found = store.detect_drift(*sides)
            assert [each.feature for each in found.features] == list(frame.to_arrow().column_names[2:])
            assert not found.drifted


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nothing", "View or training set 'nothing' was not found in project 'flights'"),
        ("punctuality@9", "has no version 9"),
        ("punctuality#77", "There are no statistics of punctuality@1: run 77 has not recorded any"),
        ("punctuality#2001-01-01..2001-02-01", "no run of that time has recorded any"),
    ],
)
def test_what_is_not_there_is_an_error(store: fs.FeatureStore, name: str, said: str) -> None:
    with pytest.raises(NotFoundError, match=said):
        store.detect_drift("punctuality", name)


@pytest.mark.parametrize("name", ["punctuality#x", "punctuality#x..", "punctuality:delay", "punctuality@one"])
def test_names_that_cannot_be_read_are_errors(store: fs.FeatureStore, name: str) -> None:
    with pytest.raises(RequestError):
        store.detect_drift("punctuality", name)


def test_what_has_no_statistics_is_asked_for_its_profile(store: fs.FeatureStore) -> None:
    rows = pa.table({"tailnum": PLANES, "event_timestamp": [NOON] * len(PLANES)})
    frame = store.get_historical_features(rows, "punctuality")
    with pytest.raises(RequestError, match=r"(?s)found TrainingFrame.*frame.profile\(\)"):
        store.detect_drift(frame, "punctuality")  # type: ignore[arg-type]


def test_a_view_that_never_ran_has_no_statistics(store: fs.FeatureStore) -> None:
    store.apply([view(source(0.5, 3), "fresh")])
    with pytest.raises(NotFoundError, match="There are no statistics of fresh@1: no run has recorded any"):
        store.report("fresh")


def test_the_report_of_a_run_has_all_parts(store: fs.FeatureStore, tmp_path: Path) -> None:
    made = store.report("punctuality", reference="punctuality#1")
    path = made.save(tmp_path / "report.html")
    html = path.read_text(encoding="utf-8")
    assert html == made.to_html()
    for part in (
        "punctuality@1, run 4",
        "Drift in 1 of 2 features",
        "delay over time",
        "Lineage of feature view",
    ):
        assert part in html
    assert "&lt;B6&gt;" in html
    assert "<B6>" not in html
    assert made._repr_html_().startswith('<div class="fs-report">')


def test_the_report_of_a_period_shows_its_runs(store: fs.FeatureStore) -> None:
    made = store.report("punctuality#..")
    assert [at for at, _ in made.runs] == [NOON + day * DAY for day in range(4)]
    assert [profile.rows for _, profile in made.runs] == [400] * 4
    assert "Quantiles of 4 runs" in made.to_html()
    json.dumps(made.profile.to_json())


def test_what_is_tagged_personal_later_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = source(0, 0)
    open_view, tagged = view(rows), view(rows)
    carrier = fs.Feature("carrier", fs.String, tags={"pii": "true"})
    tagged = fs.FeatureView(
        tagged.name, entities=tagged.entities, source=tagged.source, features=[tagged.features[0], carrier]
    )
    entity_rows = pa.table({"tailnum": PLANES, "event_timestamp": [NOON] * len(PLANES)})
    with fs.FeatureStore(
        registry=f"sqlite:///{tmp_path}/registry.db", online="memory://", project="p"
    ) as store:
        store.apply([open_view])
        store.materialize(end=NOON)
        training_set = store.create_training_set("t", "punctuality", entity_rows)
        shown = store.report("t", reference="punctuality").to_html()
        assert shown.count("&lt;B6&gt;") > 0
        store.apply([tagged])
        for subject, reference in (
            ("t", "punctuality"),
            ("punctuality", training_set),
            ("punctuality#..", "t"),
        ):
            report = store.report(subject, reference=reference)
            assert report.drift is not None
            for page in (report.to_html(), report._repr_html_(), json.dumps(report.drift.to_json())):
                assert "B6" not in page
            assert [m.name for m in report.drift["carrier"].measures] == ["null_share"]
        assert "B6" not in store.training_set("t")._repr_html_()


def test_what_was_expected_is_on_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    plain = view(source(0, 0))
    expecting = fs.FeatureView(
        plain.name, entities=plain.entities, source=plain.source, features=plain.features,
        expectations=[
            fs.RowsArrived(100), fs.ValueRange("delay", maximum=0.5, on_failure="warn"),
            fs.AllowedValues("carrier", ["UA", "<B6>"]),
        ],
    )  # fmt: skip
    entity_rows = pa.table({"tailnum": PLANES, "event_timestamp": [NOON] * len(PLANES)})
    with fs.FeatureStore(
        registry=f"sqlite:///{tmp_path}/registry.db", online="memory://", project="p"
    ) as store:
        store.apply([expecting])
        store.materialize(end=NOON)
        store.create_training_set("t", "punctuality", entity_rows)
        for subject in ("punctuality", "punctuality#..", "punctuality#1", "t"):
            report = store.report(subject)
            found = {check.expected: (check.outcome, check.on_failure) for check in report.checks}
            assert len(found) == 3
            assert list(found.values()).count(("failed", "warn")) == 1
            html = report.to_html()
            assert "1 of 3 not met" in html
            assert "199 of 400" in html
