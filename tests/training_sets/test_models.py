"""What was trained on a training set: plans and lineage reach it."""

from __future__ import annotations

import pytest

import featurestore as fs
from featurestore.errors import (
    NotFoundError,
    RequestError,
)
from featurestore.lineage.nodes import Node
from tests.store.conftest import HOUR, Arrivals


def test_the_plan_of_a_change_names_the_training_sets_it_reaches(
    store: fs.FeatureStore, training_set: fs.TrainingSet, arrivals: Arrivals
) -> None:
    plan = store.plan([arrivals.view(online=False, ttl=HOUR)])
    (planned,) = plan.changes
    assert planned.training_sets == ("late-2024",)
    assert "reaches 1 training set: late-2024" in str(plan)
    store.apply(plan)
    assert training_set.recreate().same


def test_a_release_of_a_model_is_reached_by_changes_of_what_it_was_trained_on(
    store: fs.FeatureStore, training_set: fs.TrainingSet, arrivals: Arrivals
) -> None:
    release = training_set.record_model("delays", "7")
    assert training_set.models() == [release]
    for name, version in (("", "7"), ("delays", ""), ("a b", "7"), ("delays", "v@7")):
        with pytest.raises(RequestError, match="neither a model nor its version"):
            training_set.record_model(name, version)
    changed = arrivals.view(online=False, ttl=HOUR)
    service = fs.FeatureService("departures", features=["punctuality:delay"], tags={"a": "b"})
    (view_change, service_change) = store.plan([changed, service]).changes
    assert (view_change.services, view_change.models) == (("departures",), ("delays@7",))
    # A description reaches nothing.
    assert (service_change.training_sets, service_change.models) == ((), ())
    other = fs.FeatureService("departures", features=["punctuality:delay"], description="x")
    assert "delays@7" not in str(store.plan([other]))
    assert "reaches 1 model release: delays@7" in str(store.plan([changed]))
    plan = store.retire(["departures", "punctuality"])
    assert [planned.models for planned in plan.changes] == [("delays@7",)] * 2


def test_the_lineage_of_a_model_leads_back_to_columns_and_on_from_them(
    store: fs.FeatureStore, training_set: fs.TrainingSet
) -> None:
    training_set.record_model("delays", "7")
    model = Node("model", "delays@7")
    back = store.lineage("delays@7")
    assert back.root == model
    assert {Node("training_set", "late-2024"), Node("column", "arrivals.delay")} <= set(back.upstream())
    for name in ("late-2024", "departures", "punctuality", "punctuality:delay", "arrivals", "plane"):
        assert model in store.lineage(name).downstream(), name
    assert "model delays@7" in str(back)
    with pytest.raises(NotFoundError):
        store.lineage("delays@8")
