"""A service in use keeps what it relies on until it is evolved; one that pins a version is not reached."""

from __future__ import annotations

import pytest

import featurestore as fs
from featurestore.errors import BreakingChangeError, DefinitionError, NotFoundError
from tests.store.conftest import NOON, Arrivals
from tests.versions.conftest import OpenStore, delay_of_a, hours

delay = fs.Feature("delay", fs.Float64)
worst = fs.Feature("worst", fs.Float64, column="delay")


@pytest.fixture
def departures() -> fs.FeatureService:
    return fs.FeatureService("departures", features=["punctuality:delay"])


@pytest.fixture
def served(store: fs.FeatureStore, arrivals: Arrivals, departures: fs.FeatureService) -> fs.FeatureStore:
    store.apply([arrivals.view(features=[delay, worst]), departures])
    store.materialize(end=NOON)
    return store


def test_a_change_of_values_breaks_nothing_and_reaches_the_service(
    served: fs.FeatureStore, arrivals: Arrivals
) -> None:
    plan = served.plan([arrivals.view(features=[delay], ttl=hours(9))])
    (planned,) = plan.changes
    assert planned.services == ("departures",)
    assert plan.breaks == ()
    served.apply(plan)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"features": [worst]}, "feature delay is gone"),
        (
            {"features": [fs.Feature("delay", fs.Float32), worst]},
            "feature delay becomes float32 (was float64)",
        ),
        ({"online": False, "features": [delay, worst]}, "view punctuality is no longer served online"),
    ],
)
def test_a_breaking_change_is_planned_and_refused(
    served: fs.FeatureStore, arrivals: Arrivals, changes: dict[str, object], what: str
) -> None:
    plan = served.plan([arrivals.view(**changes)])
    assert [str(item) for item in plan.breaks] == [f"breaks service departures: {what}"]
    assert f"      breaks service departures: {what}" in str(plan)
    for apply in (lambda: served.apply(plan), lambda: served.apply([arrivals.view(**changes)])):
        with pytest.raises(BreakingChangeError) as found:
            apply()
        assert what in str(found.value)
        assert '"view@2:feature"' in str(found.value.hint)
    assert [row.stored.version for row in served.history("punctuality")] == [1]
    assert delay_of_a(served, "departures") == 7.0


def test_other_join_keys_break_a_service(served: fs.FeatureStore, arrivals: Arrivals) -> None:
    leg = fs.Entity("leg", join_keys={"tailnum": fs.String, "loaded_at": fs.Timestamp})
    plan = served.plan([arrivals.view(entities=[leg])])
    assert [item.what for item in plan.breaks] == [
        "join keys become tailnum (string), loaded_at (timestamp) (were tailnum (string))"
    ]


def test_a_service_that_is_evolved_in_the_same_apply(served: fs.FeatureStore, arrivals: Arrivals) -> None:
    evolved = fs.FeatureService("departures", features=["punctuality:worst"])
    plan = served.apply([arrivals.view(features=[worst]), evolved])
    assert plan.breaks == ()
    assert [planned.change.version for planned in plan.changes] == [2, 2]


def test_a_service_whose_owner_agrees(
    served: fs.FeatureStore, arrivals: Arrivals, departures: fs.FeatureService
) -> None:
    retyped = arrivals.view(features=[fs.Feature("delay", fs.Float32), worst])
    with pytest.raises(NotFoundError, match="'departure'"):
        served.apply([retyped, departures], evolve=["departure"])
    with pytest.raises(BreakingChangeError, match="float32"):
        served.apply([retyped, departures])
    served.apply([retyped, departures], evolve=["departures"], message="narrow")
    assert served.audit("punctuality", limit=1)[0].message == "narrow; evolves departures"


def test_what_a_service_names_cannot_be_agreed_away(served: fs.FeatureStore, arrivals: Arrivals) -> None:
    with pytest.raises(BreakingChangeError, match="feature delay is gone") as found:
        served.apply([arrivals.view(features=[worst])], evolve=["departures"])
    assert "evolve=" not in str(found.value.hint)


def test_a_service_that_takes_all_features_can_lose_one(store: fs.FeatureStore, arrivals: Arrivals) -> None:
    everything = fs.FeatureService("everything", features=["punctuality"])
    store.apply([arrivals.view(features=[delay, worst], online=False), everything])
    fewer = arrivals.view(features=[delay], online=False)
    with pytest.raises(BreakingChangeError, match=r"feature worst is gone.*\n.*evolve=\[\"everything\"\]"):
        store.apply([fewer])
    store.apply([fewer], evolve=["everything"])


def test_a_change_of_the_entity_reaches_services_through_views(
    served: fs.FeatureStore, arrivals: Arrivals
) -> None:
    plan = served.plan([fs.Entity("plane", join_keys={"tailnum": fs.Bytes})])
    assert [item.what for item in plan.breaks] == ["join keys become tailnum (bytes) (were tailnum (string))"]


def test_a_pinned_service_reads_its_version_through_every_change(
    served: fs.FeatureStore, arrivals: Arrivals, open_store: OpenStore
) -> None:
    pinned = fs.FeatureService("departures", features=["punctuality@1:delay"])
    served.apply([pinned])
    served.apply([arrivals.view(features=[worst]), pinned])
    served.materialize(end=NOON)
    assert delay_of_a(open_store(), "departures") == 7.0
    with pytest.raises(DefinitionError, match=r"service 'departures' pins it|cannot be retired"):
        served.retire(["punctuality@1"])


def test_promotion_and_rollback_ask_the_same(served: fs.FeatureStore, arrivals: Arrivals) -> None:
    late = fs.FeatureService("late", features=["punctuality:worst"])
    served.apply([late, fs.FeatureService("departures", features=["punctuality@1:delay"])])
    served.apply([arrivals.view(features=[worst])])
    served.materialize(end=NOON)
    newer = fs.Feature("newer", fs.Float64, column="delay")
    served.apply(
        [arrivals.view(features=[worst, newer]), fs.FeatureService("late", features=["punctuality:newer"])]
    )
    served.materialize(end=NOON)
    for go_back in (lambda: served.rollback("punctuality"), lambda: served.promote("punctuality@2")):
        with pytest.raises(BreakingChangeError, match="breaks service late: feature newer is gone"):
            go_back()
    served.retire(["late"])
    served.rollback("punctuality")
    assert served.audit("punctuality", limit=1)[0].effect == {"active": {"from": 3, "to": 2}}
