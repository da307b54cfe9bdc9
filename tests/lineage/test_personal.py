"""What is tagged ``pii``, and everything that is made from it, is personal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import featurestore as fs
from tests.transforms import leaking

person = fs.Entity("person", join_keys={"person_id": fs.Int64})
visits = fs.ParquetSource("visits", path="visits.parquet", event_timestamp="at")
PII = {"pii": "true"}


def view(name: str, *features: Any, **fields: Any) -> fs.FeatureView:
    return fs.FeatureView(name, **{"entities": [person], "source": visits, "features": features, **fields})


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[fs.FeatureStore]:
    import pyarrow.parquet as pq

    monkeypatch.chdir(tmp_path)
    times = pa.array([0, 1]).cast(pa.timestamp("us", "UTC"))
    pq.write_table(
        pa.table(
            {"person_id": [1, 2], "at": times, "email": ["a", "b"], "age": [30, 40], "city": ["x", "y"]}
        ),
        "visits.parquet",
    )
    with fs.FeatureStore(registry=f"sqlite:///{tmp_path}/registry.db", online="memory://") as store:
        yield store


tagged = view("contact", fs.Feature("email", fs.String, tags=PII), fs.Feature("city", fs.String))


def personal(store: fs.FeatureStore, *objects: fs.FeatureView) -> set[str]:
    store.apply(list(objects))
    return set(store.personal_features([each.name for each in objects if each is not tagged]))


def test_a_tag_on_a_feature(store: fs.FeatureStore) -> None:
    store.apply([tagged])
    assert store.personal_features("contact") == ("email",)
    assert store.personal_features(["contact:city"]) == ()


@pytest.mark.parametrize(
    ("text", "found"), [("true", True), ("name", True), ("", True), ("No", False), ("0", False)]
)
def test_what_a_tag_may_say(store: fs.FeatureStore, text: str, found: bool) -> None:
    one = view("one", fs.Feature("email", fs.String, tags={"pii": text}))
    assert personal(store, one) == ({"email"} if found else set())


def test_aggregations_of_a_tagged_column_in_another_view(store: fs.FeatureStore) -> None:
    other = view(
        "activity",
        fs.Aggregation("email", "count_distinct", window="7d", name="emails"),
        fs.Aggregation("age", "mean", window="7d", name="age_mean"),
        fs.Aggregation("*", "count", window="7d", where="email IS NOT NULL", name="visits"),
    )
    assert personal(store, tagged, other) == {"emails"}


def test_columns_that_sql_makes_of_it(store: fs.FeatureStore) -> None:
    other = view(
        "domains",
        fs.Feature("domain", fs.String),
        fs.Feature("years", fs.Int64),
        sql="SELECT person_id, split_part(email, '@', 2) AS domain, age AS years FROM {source}",
    )
    assert personal(store, tagged, other) == {"domain"}


def test_computed_columns_of_the_source(store: fs.FeatureStore) -> None:
    source = fs.ParquetSource(
        "visits", path="visits.parquet", event_timestamp="at", computed={"letters": "length(email)"}
    )
    contact = view("contact", fs.Feature("email", fs.String, tags=PII), source=source)
    other = view("lengths", fs.Feature("letters", fs.Int64), fs.Feature("age", fs.Int64), source=source)
    store.apply([contact, other])
    assert store.personal_features("lengths") == ("letters",)


def test_a_feature_made_of_a_tagged_feature(store: fs.FeatureStore) -> None:
    born = view(
        "born",
        fs.Feature("year", fs.Int64, tags=PII),
        fs.Feature("place", fs.String),
        sql="SELECT person_id, 2024 - age AS year, city AS place FROM {source}",
    )
    later = view(
        "later",
        fs.Aggregation("year", "mean", window="7d", name="mean_year"),
        fs.Aggregation("place", "last", window="7d", name="last_place"),
        source=born,
    )
    assert personal(store, born, later) == {"year", "mean_year"}


def test_tags_of_views_sources_and_entities(store: fs.FeatureStore) -> None:
    one = view("one", fs.Feature("age", fs.Int64), tags=PII)
    assert personal(store, one) == {"age"}
    source = fs.ParquetSource("secrets", path="visits.parquet", event_timestamp="at", tags=PII)
    assert personal(store, view("two", fs.Feature("city", fs.String), source=source)) == {"city"}
    person = fs.Entity("patient", join_keys={"person_id": fs.Int64}, tags=PII)
    third = fs.ParquetSource("third", path="visits.parquet", event_timestamp="at")
    features = fs.Feature("own_id", fs.Int64, column="person_id"), fs.Feature("age", fs.Int64)
    assert personal(store, view("three", *features, entities=[person], source=third)) == {"own_id"}


def test_code_in_python_may_have_read_what_is_personal(store: fs.FeatureStore) -> None:
    other = fs.ParquetSource("visits", path="visits.parquet", event_timestamp="at", mapping={"x": "age"})
    twice = view("twice", fs.Feature("x", fs.Float64), transform=leaking.doubled, source=other)
    contact = view("contact", fs.Feature("email", fs.String, tags=PII), source=other)
    assert personal(store, twice) == set()
    store.apply([contact])
    assert store.personal_features("twice") == ("x",)


def test_trusted_sql_is_followed_to_its_columns(store: fs.FeatureStore) -> None:
    sql = 'SELECT person_id, "at", lower(email) AS e, age + 1 AS next_age FROM {source}'
    other = view("other", fs.Feature("e", fs.String), fs.Feature("next_age", fs.Int64), sql=sql, trusted=True)
    assert personal(store, tagged, other) == {"e"}


def test_a_service_a_frame_and_a_training_set_carry_it_on(store: fs.FeatureStore) -> None:
    service = fs.FeatureService("model", features=["contact"])
    store.apply([tagged, service])
    assert store.personal_features("model") == ("email",)
    rows = pa.table(
        {"person_id": [1, 2], "event_timestamp": pa.array([9, 9]).cast(pa.timestamp("us", "UTC"))}
    )
    frame = store.get_historical_features(rows, "model", full_feature_names=True)
    profile = frame.profile(slices=["contact__city"], minimum_group=1)
    assert profile["contact__email"].to_json() == {
        "name": "contact__email", "type": "string", "rows": 2, "nulls": 0, "distinct": 2, "pii": True,
    }  # fmt: skip
    assert profile["contact__city"].top_values == (("x", 1), ("y", 1))
    assert all(each.profile["contact__email"].pii for each in profile.slices)
    with pytest.raises(fs.errors.RequestError, match="contact__email: its values are personal"):
        frame.profile(slices=["contact__email"])
    made = store.create_training_set("one", "model", rows)
    assert made.profile()["email"].pii
    with pytest.raises(fs.errors.RequestError, match="email: its values are personal"):
        made.profile(slices=["email"])
    assert "a" not in {*map(str, made.manifest["statistics"]["whole"]["features"][0].values())}


def test_join_keys_of_a_tagged_entity_do_not_divide_rows(store: fs.FeatureStore) -> None:
    patient = fs.Entity("patient", join_keys={"person_id": fs.Int64}, tags=PII)
    store.apply([view("ages", fs.Feature("age", fs.Int64), entities=[patient])])
    rows = pa.table(
        {"person_id": [1, 2], "event_timestamp": pa.array([9, 9]).cast(pa.timestamp("us", "UTC"))}
    )
    frame = store.get_historical_features(rows, "ages")
    assert not frame.profile()["age"].pii
    with pytest.raises(fs.errors.RequestError, match="person_id: its values are personal"):
        frame.profile(slices=["person_id"])


def test_a_tag_that_comes_later_counts_at_once(store: fs.FeatureStore) -> None:
    before = view("contact", fs.Feature("email", fs.String))
    store.apply([before])
    assert store.personal_features("contact") == ()
    store.apply([view("contact", fs.Feature("email", fs.String, tags=PII))])
    assert store.personal_features("contact@1") == ("email",)
    assert len(store.history("contact")) == 2


def test_what_was_recorded_before_the_tag_shows_no_values_either(store: fs.FeatureStore) -> None:
    before = view("contact", fs.Feature("email", fs.String), fs.Feature("city", fs.String))
    store.apply([before])
    store.materialize()
    rows = pa.table(
        {"person_id": [1, 2], "event_timestamp": pa.array([9, 9]).cast(pa.timestamp("us", "UTC"))}
    )
    made = store.create_training_set("one", "contact", rows)
    assert store.get_statistics("contact")["email"].minimum == "a"
    assert made.profile()["email"].minimum == "a"
    store.apply([tagged])
    for profile in (store.get_statistics("contact"), store.get_statistics("contact", run=1), made.profile()):
        assert profile["email"].to_json() == {
            "name": "email", "type": "string", "rows": 2, "nulls": 0, "distinct": 2, "pii": True,
        }  # fmt: skip
        assert profile["city"].minimum == "x"
    store.materialize()
    assert store.get_statistics("contact")["email"].rows == 4
