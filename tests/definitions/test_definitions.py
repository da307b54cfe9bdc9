"""Definitions: validated at construction, immutable, hashable, JSON and back with the same hashes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

import featurestore as fs
from featurestore.definitions.fingerprint import data_hash, metadata_hash
from featurestore.definitions.types import parse_type
from featurestore.errors import DefinitionError, NotFoundError, RequestError

plane = fs.Entity("plane", join_keys={"tailnum": fs.String}, owner="fleet")
route = fs.Entity("route", join_keys={"origin": fs.String, "dest": fs.String})
arrivals = fs.ParquetSource(
    "arrivals", path="data/arrivals/*.parquet", event_timestamp="arrived_at", created_timestamp="loaded_at",
    available_at="known_at", event_id="flight_id", delay=timedelta(minutes=5), timezone="America/New_York",
)  # fmt: skip
punctuality = fs.FeatureView(
    "plane_punctuality", entities=[plane], source=arrivals, ttl=timedelta(days=30),
    features=[
        fs.Feature("last_delay", fs.Float64, column="arr_delay"),
        fs.Feature("fares", fs.List(fs.Decimal(10, 2))),
        fs.Feature("embedding", fs.Vector(16)),
    ],
    schedule=fs.Schedule(every=timedelta(hours=1), lag=timedelta(minutes=10)),
    tags={"domain": "ops"}, owner="ops-ml", description="How late this plane was",
)  # fmt: skip
service = fs.FeatureService(
    "departure_delay",
    features=[
        punctuality["last_delay"],
        punctuality.alias("inbound").with_join_keys({"tailnum": "inbound_tailnum"}),
    ],
)
ALL: list[Any] = [plane, route, arrivals, punctuality, service]
TYPES = [
    fs.Int8, fs.Int16, fs.Int32, fs.Int64, fs.UInt8, fs.UInt16, fs.UInt32, fs.UInt64, fs.Float16, fs.Float32,
    fs.Float64, fs.Bool, fs.String, fs.Bytes, fs.Date, fs.Timestamp, fs.ZonedTimestamp("Europe/Paris"),
    fs.Decimal(38, 10), fs.List(fs.Int64), fs.List(fs.List(fs.Decimal(5, 2))), fs.List(fs.ZonedTimestamp("Asia/Tokyo")),
    fs.Vector(128), fs.Vector(3, fs.Float64),
]  # fmt: skip


@pytest.mark.parametrize("definition", ALL, ids=lambda d: d.name)
def test_round_trip_through_json_keeps_value_and_hashes(definition: Any) -> None:
    again = type(definition).from_json(definition.to_json())
    assert again == definition
    assert hash(again) == hash(definition)
    assert again.to_json() == definition.to_json()
    assert data_hash(again) == data_hash(definition)
    assert metadata_hash(again) == metadata_hash(definition)


GOLDEN = {
    "plane": "0a87211b5821590d725d0496b2e2919dd98da1e5c901796d5467e0ae41a2f6c8",
    "arrivals": "ab57b4d89c4ba89fa5e52946cc14362761917edd50094879bdeb7d77763d94e9",
    "plane_punctuality": "a59220b7beb73ca20367c7b933c89e15ea6d918f76af336dc9948905cd185943",
    "departure_delay": "0f978406d17bd41a5b65e6fd332b701f42668564fda2a3911aee07fa84b6ec00",
}


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_data_hashes(name: str) -> None:
    # A change of these numbers makes every registry believe that every definition has changed.
    definition = next(d for d in ALL if d.name == name)
    assert data_hash(definition) == GOLDEN[name]


@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_types_survive_their_text_form(dtype: fs.FeatureType) -> None:
    assert parse_type(str(dtype)) == dtype


def test_metadata_changes_only_the_metadata_hash() -> None:
    other = fs.FeatureView(**{**punctuality.__dict__, "owner": "someone", "tags": {}, "description": "x"})
    assert data_hash(other) == data_hash(punctuality)
    assert metadata_hash(other) != metadata_hash(punctuality)


@pytest.mark.parametrize(
    "change",
    [
        {"ttl": timedelta(days=31)},
        {"ttl": None},
        {"schedule": None},
        {"schedule": fs.Schedule(every=timedelta(hours=2))},
        {"features": [fs.Feature("last_delay", fs.Float32, column="arr_delay")]},
        {"features": [fs.Feature("last_delay", fs.Float64, column="dep_delay")]},
        {"entities": [route]},
        {"source": fs.ParquetSource("arrivals", path="elsewhere.parquet", event_timestamp="arrived_at")},
    ],
)
def test_what_changes_values_changes_the_data_hash(change: dict[str, Any]) -> None:
    other = fs.FeatureView(**{**punctuality.__dict__, **change})
    assert data_hash(other) != data_hash(punctuality)


def test_names_of_source_and_entity_and_order_of_features_do_not_change_values() -> None:
    renamed = fs.FeatureView(
        **{
            **punctuality.__dict__,
            "entities": [fs.Entity("aircraft", join_keys={"tailnum": fs.String})],
            "source": fs.ParquetSource(**{**arrivals.__dict__, "name": "landings"}),
            "features": tuple(reversed(punctuality.features)),
        }
    )
    assert data_hash(renamed) == data_hash(punctuality)


def test_definitions_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        punctuality.ttl = None  # type: ignore[misc]
    with pytest.raises(TypeError):
        punctuality.tags["domain"] = "other"  # type: ignore[index]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: fs.Entity("1plane", join_keys={"tailnum": fs.String}), "'1plane' is not a name"),
        (lambda: fs.Entity("__fs_x", join_keys={"tailnum": fs.String}), "reserved"),
        (lambda: fs.Entity("plane", join_keys={}), "expected a mapping of column to type"),
        (lambda: fs.Entity("plane", join_keys={"weight": fs.Float64}), "cannot be the type of a join key"),
        (lambda: fs.Feature("x", int), "expected a feature type such as fs.Float64"),  # type: ignore[arg-type]
        (lambda: fs.Feature("x", fs.List(float)), "is not a feature type"),  # type: ignore[arg-type]
        (lambda: fs.Feature("x", fs.Vector(fs.Float32, 3)), "does not exist"),  # type: ignore[arg-type]
        (lambda: fs.Feature("x", fs.Decimal("10", 2)), "two whole numbers"),  # type: ignore[arg-type]
        (lambda: fs.Schedule(every=60), "every: expected a timedelta .* found 60"),  # type: ignore[arg-type]
        (
            lambda: fs.CSVSource("s", path="x", event_timestamp="t", delay=60),  # type: ignore[arg-type]
            "delay: expected a timedelta .* found 60",
        ),
        (
            lambda: fs.FeatureView(**{**punctuality.__dict__, "ttl": 3600}),
            "ttl: expected a timedelta .* 3600",
        ),
        (
            lambda: fs.FeatureView(**{**punctuality.__dict__, "ttl": "1h"}),
            "ttl: expected a timedelta .* '1h'",
        ),
        (lambda: fs.TimeSplit({"a": None}, purge=5), "purge: expected a timedelta"),  # type: ignore[arg-type]
        (lambda: fs.Freshness(6), "at_most: 6 is not a duration"),  # type: ignore[arg-type]
        (lambda: fs.FeatureView(**{**punctuality.__dict__, "transform": len}), "write @fs.transform above"),
        (
            lambda: fs.FeatureView(**{**punctuality.__dict__, "entities": plane}),
            r"entities: expected a list such as \[plane\], found Entity\n",
        ),
        (
            lambda: fs.FeatureView(**{**punctuality.__dict__, "entities": ["plane"]}),
            "entities: expected a list .* found str 'plane' in it",
        ),
        (
            lambda: fs.FeatureView(**{**punctuality.__dict__, "features": ["fares"]}),
            "features: expected a list .* found str 'fares' in it",
        ),
        (lambda: fs.Feature("x", fs.Decimal(39)), r"Decimal\(39, 0\) does not exist"),
        (lambda: fs.Feature("x", fs.Vector(0)), "does not exist"),
        (lambda: fs.Schedule(every=timedelta(0)), "longer than zero"),
        (lambda: fs.Schedule(every=timedelta(1), lag=timedelta(-1)), "must not be negative"),
        (
            lambda: fs.CSVSource("s", path="x", event_timestamp="t", delay=timedelta(-1)),
            "visible before they happen",
        ),
        (lambda: fs.CSVSource("s", path="x", event_timestamp="t", timezone="Mars"), "not a time zone"),
        (lambda: fs.CSVSource("s", path="", event_timestamp="t"), "expected a file"),
        (lambda: fs.CSVSource("s", path="x", event_timestamp=""), "expected the name of a column"),
        (lambda: fs.FeatureView(**{**punctuality.__dict__, "ttl": timedelta(0)}), "longer than zero"),
        (lambda: fs.FeatureView(**{**punctuality.__dict__, "features": []}), "at least one feature"),
        (
            lambda: fs.FeatureView(
                **{**punctuality.__dict__, "features": [fs.Feature("tailnum", fs.String)]}
            ),
            "'tailnum' is used twice",
        ),
        (lambda: fs.FeatureService("s", features=[]), "at least one view"),
        (lambda: fs.FeatureView(**{**punctuality.__dict__, "owners": "x"}), "unexpected keyword"),
    ],
)
def test_ill_formed_definitions_cannot_exist(build: Any, message: str) -> None:
    with pytest.raises((DefinitionError, TypeError), match=message):
        build()


def test_a_definition_error_names_the_object_and_the_line() -> None:
    with pytest.raises(DefinitionError) as caught:
        fs.Feature("two words", fs.Int64)
    assert str(caught.value).startswith("Feature 'two words': name: ")
    assert caught.value.location is not None
    assert caught.value.location.partition(":")[0] == __file__


def test_definitions_print_what_was_said() -> None:
    source = fs.CSVSource("trips", path="trips.csv", event_timestamp="at", timezone="Europe/Paris")
    shown = "CSVSource(name='trips', event_timestamp='at', timezone='Europe/Paris', path=('trips.csv',))"
    assert (repr(source), str(source)) == (shown, shown)
    assert str(fs.Feature("km", fs.Float64)) == "Feature(name='km', dtype=float64, column='km')"


def test_references_can_be_chained_and_subscripted() -> None:
    reference = punctuality.alias("inbound").with_join_keys({"tailnum": "other"})[["last_delay", "fares"]]
    assert (reference.label, reference.view, reference.features) == (
        "inbound",
        "plane_punctuality",
        ("last_delay", "fares"),
    )
    assert dict(reference.join_keys) == {"tailnum": "other"}
    assert reference.definition is punctuality


def test_references_to_what_is_not_there_say_what_is() -> None:
    with pytest.raises(RequestError, match="takes a dict, found 'tail'"):
        punctuality.with_join_keys("tail")  # type: ignore[arg-type]
    with pytest.raises(
        NotFoundError, match=r"'last_dely' was not found in view 'plane_punctuality'.*\n.*last_delay"
    ):
        punctuality["last_dely"]
    with pytest.raises(NotFoundError, match="there are: tailnum"):
        punctuality.with_join_keys({"tail": "x"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("load", ("load", None, None)),
        ("load@3", ("load", 3, None)),
        ("load:worst", ("load", None, ("worst",))),
        ("load@3:worst", ("load", 3, ("worst",))),
    ],
)
def test_references_as_text(text: str, expected: tuple[Any, ...]) -> None:
    reference = fs.ViewReference.parse(text)
    assert (reference.view, reference.version, reference.features) == expected


@pytest.mark.parametrize("text", ["", "a:b:c", "a@x", "a b", ":f", "@1"])
def test_text_that_is_no_reference(text: str) -> None:
    with pytest.raises(RequestError, match="does not name"):
        fs.ViewReference.parse(text)


def test_an_entityless_view_has_no_join_keys() -> None:
    view = fs.FeatureView("rates", entities=[], source=arrivals, features=[fs.Feature("rate", fs.Float64)])
    assert dict(view.join_keys) == {}


def test_json_of_something_else() -> None:
    with pytest.raises(DefinitionError, match="not the JSON of a Entity"):
        fs.Entity.from_json("{")
