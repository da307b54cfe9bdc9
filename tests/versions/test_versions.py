"""Versions side by side: history, differences, promotion, rollback, retirement, audit."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import featurestore as fs
from featurestore.errors import (
    DefinitionError,
    NotFoundError,
    NotMaterializedError,
    RegistryError,
    RequestError,
)
from featurestore.protocols.records import CodeState
from tests.store.conftest import NOON, Arrivals
from tests.versions.conftest import OpenStore, delay_of_a, hours


@pytest.fixture
def two_versions(store: fs.FeatureStore, arrivals: Arrivals) -> fs.FeatureStore:
    """Version 1 reads the delay, version 2 has a ttl of 15 minutes, in which plane A has none; both filled."""
    for view in (arrivals.view(), arrivals.view(ttl=timedelta(minutes=15))):
        store.apply([view])
        store.materialize(end=NOON)
    return store


def offline_of_a(store: fs.FeatureStore, features: str) -> object:
    rows = [{"tailnum": "A", "event_timestamp": NOON}]
    return store.get_historical_features(rows, features).to_arrow()["delay"][0].as_py()


def test_versions_are_read_side_by_side_online_and_offline(two_versions: fs.FeatureStore) -> None:
    for read in (delay_of_a, offline_of_a):
        assert read(two_versions, "punctuality@1") == 7.0
        assert read(two_versions, "punctuality@2") is None
        assert read(two_versions, "punctuality") is None


def test_rollback_and_promotion_change_what_the_name_means_everywhere(
    two_versions: fs.FeatureStore, open_store: OpenStore
) -> None:
    plan = two_versions.rollback("punctuality", message="too strict")
    assert "feature_view punctuality@1: becomes the active version" in str(plan)
    for store in (two_versions, open_store()):
        assert delay_of_a(store, "punctuality") == offline_of_a(store, "punctuality") == 7.0
    two_versions.rollback("punctuality")
    assert delay_of_a(two_versions, "punctuality") is None
    two_versions.promote("punctuality@1")
    assert delay_of_a(two_versions, "punctuality") == 7.0
    assert two_versions.promote("punctuality@1").changes == ()


def test_a_nightly_run_keeps_a_rollback_and_refreshes_both_versions(
    two_versions: fs.FeatureStore, arrivals: Arrivals
) -> None:
    two_versions.rollback("punctuality")
    late = NOON + hours(1)
    arrivals.add("A", late, 9.0)
    reports = two_versions.materialize(end=late)
    assert [(report.view, report.version) for report in reports] == [("punctuality", 2), ("punctuality", 1)]
    assert delay_of_a(two_versions, "punctuality", late + timedelta(minutes=30)) == 9.0
    assert delay_of_a(two_versions, "punctuality@2", late) == 9.0
    assert delay_of_a(two_versions, "punctuality@2", late + timedelta(minutes=30)) is None


def test_a_replaced_version_is_not_refreshed_unless_it_is_pinned(
    two_versions: fs.FeatureStore,
) -> None:
    assert [report.version for report in two_versions.materialize(end=NOON)] == [2]
    two_versions.apply([fs.FeatureService("old", features=["punctuality@1:delay"])])
    assert [report.version for report in two_versions.materialize(end=NOON)] == [2, 1]
    assert delay_of_a(two_versions, "old") == 7.0


def test_a_version_that_was_not_filled_cannot_be_promoted(
    two_versions: fs.FeatureStore, arrivals: Arrivals
) -> None:
    two_versions.apply([arrivals.view(ttl=hours(9))])
    with pytest.raises(RegistryError, match=r"punctuality@3 .*never filled"):
        two_versions.promote("punctuality@3")
    assert two_versions.materialize(views=["punctuality@3"], end=NOON)[0].version == 3
    assert delay_of_a(two_versions, "punctuality") == 7.0


def test_what_cannot_be_promoted_or_rolled_back(store: fs.FeatureStore, arrivals: Arrivals) -> None:
    store.apply([arrivals.view(online=False)])
    with pytest.raises(RequestError, match=r"no other version of it was active.*\n.*promote"):
        store.rollback("punctuality")
    with pytest.raises(RequestError, match="does not name a version"):
        store.promote("punctuality")
    with pytest.raises(NotFoundError, match="no version 7"):
        store.promote("punctuality@7")
    with pytest.raises(NotFoundError, match="punctualty"):
        store.rollback("punctualty")


def test_a_retired_version_is_read_offline_but_not_served(two_versions: fs.FeatureStore) -> None:
    two_versions.retire(["punctuality@1"])
    assert offline_of_a(two_versions, "punctuality@1") == 7.0
    with pytest.raises(NotMaterializedError, match="version 1 is retired"):
        delay_of_a(two_versions, "punctuality@1")
    with pytest.raises(NotMaterializedError, match="version 1 is retired"):
        two_versions.push(
            "punctuality@1", [{"tailnum": "A", "arrived_at": NOON, "loaded_at": NOON, "delay": 1.0}]
        )
    assert delay_of_a(two_versions, "punctuality") is None
    with pytest.raises(RegistryError, match="retired"):
        two_versions.rollback("punctuality")
    two_versions.retire(["punctuality"])
    assert offline_of_a(two_versions, "punctuality@2") is None
    with pytest.raises(NotFoundError):
        offline_of_a(two_versions, "punctuality")


def test_what_was_retired_comes_back_by_applying_it_again(
    two_versions: fs.FeatureStore, arrivals: Arrivals
) -> None:
    (first, _) = two_versions.history("punctuality")
    for retired, number in (("punctuality@1", 3), ("punctuality", 4)):
        two_versions.retire([retired])
        two_versions.apply([arrivals.view()])
        two_versions.materialize(end=NOON)
        latest = two_versions.history("punctuality")[-1]
        assert (latest.stored.version, latest.stored.data_hash) == (number, first.stored.data_hash)
        assert delay_of_a(two_versions, "punctuality") == 7.0


def test_a_pinned_version_is_not_retired(two_versions: fs.FeatureStore) -> None:
    two_versions.apply([fs.FeatureService("old", features=["punctuality@1:delay"])])
    with pytest.raises(DefinitionError, match=r"punctuality@1 cannot be retired: service 'old' pins it"):
        two_versions.retire(["punctuality@1"])
    plan = two_versions.retire(["old", "punctuality@1"])
    assert len(plan.changes) == 2


def test_history_has_a_row_per_version_and_per_description(
    two_versions: fs.FeatureStore, arrivals: Arrivals
) -> None:
    two_versions.apply([arrivals.view(ttl=timedelta(minutes=15), owner="ops")], message="ops own it")
    rows = two_versions.history("punctuality")
    assert [(row.stored.version, row.action, row.stored.active) for row in rows] == [
        (1, "create", False), (2, "new version", True), (2, "metadata", True),
    ]  # fmt: skip
    assert rows[-1].message == "ops own it"
    assert {row.code for row in rows} == {None}
    assert [row.stored.kind for row in two_versions.history("plane")] == ["entity"]
    with pytest.raises(NotFoundError, match=r"'punctualty' was not found.*\n.*'punctuality'"):
        two_versions.history("punctualty")
    with pytest.raises(NotFoundError):
        two_versions.history("punctuality", kind="entity")


def test_a_difference_in_words(two_versions: fs.FeatureStore, arrivals: Arrivals) -> None:
    view = arrivals.view(
        features=[fs.Feature("delay", fs.Float64), fs.Feature("worst", fs.Float64, column="delay")],
        ttl=timedelta(days=3),
        owner="ops",
    )
    service = fs.FeatureService("departures", features=["punctuality:delay"])
    two_versions.apply([view, service, fs.FeatureService("old", features=["punctuality@1"])])
    diff = two_versions.diff("punctuality")
    assert str(diff).splitlines() == [
        "feature view punctuality: version 2 → 3",
        "    features.worst: added (float64)",
        "    owner: none → ops",
        "    ttl: 15m → 3d",
        "    values change",
        "    version 3 is not filled yet: a backfill from 3d of rows is needed before it is served",
        "    breaks nothing",
        "    used by departures, old",
    ]
    back = two_versions.diff("punctuality", 3, 1)
    assert "    features.worst: removed (float64)" in str(back).splitlines()
    assert "    ttl: 3d → none" in str(back).splitlines()
    assert back.pins == (("old", 1),)
    assert not back.backfill
    assert back.filled_until == NOON.isoformat()
    with pytest.raises(NotFoundError, match=r"no version 9; there are: 1, 2, 3"):
        two_versions.diff("punctuality", 1, 9)


def test_differences_of_windows_and_sources(store: fs.FeatureStore, arrivals: Arrivals) -> None:
    def view(window: object, where: str = "") -> fs.FeatureView:
        plain = arrivals.view()
        source = plain.source.model_copy(update={"where": where})
        windowed = fs.Aggregation("delay", "mean", window=window, name="average")  # type: ignore[arg-type]
        return fs.FeatureView("late", entities=plain.entities, source=source, features=[windowed])

    store.apply([view("7d")])
    store.apply([view("14d")])
    store.apply([view(fs.LIFETIME, where="delay > 0")])
    longer = store.diff("late", 1, 2)
    assert [str(change) for change in longer.changes] == ["features.average.window: 7d → 14d"]
    assert "version 2 is not filled yet: a backfill from 14d of rows is needed" in str(longer)
    assert "version 3 is not filled yet: a backfill from all rows is needed" in str(store.diff("late", 2, 3))
    assert sorted(str(change) for change in store.diff("late").changes) == [
        "features.average.window: 14d → lifetime",
        "source.where: none → delay > 0",
    ]


def test_versions_whose_values_are_the_same(store: fs.FeatureStore, arrivals: Arrivals) -> None:
    for ttl in (None, hours(1), None):
        store.apply([arrivals.view(ttl=ttl, online=False)])
    diff = store.diff("punctuality", 1, 3)
    assert diff.changes == ()
    assert not diff.values_change
    assert not diff.backfill


def test_the_audit_says_who_what_and_with_which_effect(two_versions: fs.FeatureStore) -> None:
    two_versions.rollback("punctuality", message="too strict")
    two_versions.retire(["punctuality"])
    entries = two_versions.audit("punctuality")
    assert [entry.action for entry in entries] == [
        "retire", "rollback", "publish", "new version", "publish", "create",
    ]  # fmt: skip
    assert entries[1].message == "too strict"
    assert entries[1].effect == {"active": {"from": 2, "to": 1}}
    assert all(entry.author and entry.host for entry in entries)
    assert all(abs(datetime.now(UTC) - entry.at) < timedelta(minutes=5) for entry in entries)
    assert {entry.name for entry in two_versions.audit()} == {"punctuality", "plane", "arrivals"}


def git(folder: Path, *words: str) -> str:
    account = ["-c", "user.name=ann", "-c", "user.email=ann@example.com"]
    done = subprocess.run(
        ["git", "-C", str(folder), *account, *words], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_the_commit_of_the_definitions_is_recorded(
    store: fs.FeatureStore, arrivals: Arrivals, tmp_path: Path
) -> None:
    git(tmp_path, "init", "-q")
    store.apply([arrivals.view()])
    (tmp_path / "features.py").write_text("one = 1\n")
    git(tmp_path, "add", "features.py")
    git(tmp_path, "commit", "-qm", "one")
    commit = git(tmp_path, "rev-parse", "HEAD")
    # Data and registries in files are not code.
    store.apply([arrivals.view(owner="clean")])
    (tmp_path / "features.py").write_text("one = 2\n")
    store.apply([arrivals.view(owner="edited")])
    git(tmp_path, "commit", "-qam", "two")
    (tmp_path / "new.py").write_text("two = 2\n")
    store.apply([arrivals.view(owner="a new file")])
    codes = [row.code for row in store.history("punctuality")]
    second = git(tmp_path, "rev-parse", "HEAD")
    assert codes == [None, CodeState(commit, False), CodeState(commit, True), CodeState(second, True)]
    assert store.audit("punctuality", limit=1)[0].code == codes[-1]
