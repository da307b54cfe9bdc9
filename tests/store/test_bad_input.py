"""Bad input: an error that names the object and says how to mend it, and nothing changed."""

from __future__ import annotations

import pickle
import sqlite3
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import featurestore as fs
from featurestore.errors import (
    ConfigurationError,
    DefinitionError,
    EntityDataError,
    FeatureStoreError,
    NameClashError,
    NotFoundError,
    RegistryIntegrityError,
    RequestError,
    RowFormatError,
    SourceError,
    StaleRegistryError,
)
from featurestore.protocols.online import MaterializedWrite
from tests.store.conftest import NOON, Arrivals, online_values, plane

ROWS = [{"tailnum": "A", "event_timestamp": NOON}]


@pytest.fixture
def ready(store: fs.FeatureStore, arrivals: Arrivals) -> fs.FeatureStore:
    arrivals.add("A", NOON, 1.0)
    store.apply([arrivals.view()])
    store.materialize(end=NOON)
    return store


@pytest.mark.parametrize(
    ("features", "error", "message"),
    [
        (
            "punctuality:dealy",
            NotFoundError,
            r"Feature 'dealy' was not found in view 'punctuality'[^?]*'delay'\?",
        ),
        ("punctualty", NotFoundError, r"'punctualty' was not found in project 'flights'[^?]*'punctuality'\?"),
        ("punctuality@7", NotFoundError, "7"),
        ("a b", RequestError, "does not name"),
        ([], RequestError, "No features were asked for"),
        ([5], RequestError, "cannot hold a int"),
    ],
)
def test_unknown_features_and_views(
    ready: fs.FeatureStore, features: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        ready.get_historical_features(ROWS, features)
    with pytest.raises(error, match=message):
        ready.get_online_features(features, [{"tailnum": "A"}])


@pytest.mark.parametrize(
    ("rows", "error", "message"),
    [
        (
            [{"tail": "A", "event_timestamp": NOON}],
            EntityDataError,
            "'tailnum' was not found in the entity rows",
        ),
        (
            [{"tailnum": 5, "event_timestamp": NOON}],
            EntityDataError,
            "'tailnum': expected string, found int64",
        ),
        ([{"tailnum": "A"}], EntityDataError, "no time column 'event_timestamp'"),
        ([{"tailnum": "A", "event_timestamp": "noon"}], EntityDataError, "expected timestamps, found string"),
        (
            [{"tailnum": "A", "event_timestamp": NOON, "delay": 1}],
            NameClashError,
            "already have a column called 'delay'",
        ),
        ([{"tailnum": "A", "event_timestamp": NOON, "__fs_x": 1}], NameClashError, "reserved"),
        (42, EntityDataError, "int was given, which is not a frame"),
        (pd.Series(["A"], name="tailnum"), EntityDataError, "Series was given, which is not a frame"),
        (pl.Series("tailnum", ["A"]), EntityDataError, "Series was given, which is not a frame"),
        (
            {"tailnum": "A", "event_timestamp": [NOON]},
            EntityDataError,
            "'tailnum' is 'A' .str., which is not",
        ),
        ({"tailnum": ["A"], "event_timestamp": NOON}, EntityDataError, "'event_timestamp' is datetime"),
        (pd.DataFrame([["A", "B"]], columns=["tailnum"] * 2), EntityDataError, "more than one .* 'tailnum'"),
        (pd.DataFrame({"tailnum": ["A", 5]}), EntityDataError, "'int' object; Conversion failed for column"),
        ([], EntityDataError, "they have: no columns"),
        (pd.DataFrame(ROWS).set_index("tailnum"), EntityDataError, r"reset_index\(\)"),
        (pd.DataFrame(ROWS).set_index("event_timestamp"), EntityDataError, r"reset_index\(\)"),
        ([{"tailnum": "A", "event_timestamp": NOON}, 3], EntityDataError, "not a frame"),
        (Path("/nowhere.parquet"), EntityDataError, "cannot be read as Parquet"),
        ("select * from nothing_of_that_name", SourceError, "nothing_of_that_name"),
    ],
)
def test_entity_rows_that_do_not_fit(
    ready: fs.FeatureStore, rows: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        ready.get_historical_features(rows, "punctuality")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"tail": "A"}], "needs join key 'tailnum'"),
        ([{"tailnum": 5}], "tailnum"),
        ([{"tailnum": "A"}, {"tail": "A"}], "not all dicts with the same keys"),
        ({"tailnum": ["A"], "other": [1, 2]}, "different lengths"),
        ({"tailnum": "A"}, "'tailnum' is 'A' .str., which is not a list"),
        ({"tailnum": 5}, "'tailnum' is 5 .int., which is not a list"),
        ("A", "str was given, which is not a frame"),
        (pd.Series(["A"], name="tailnum"), "Series was given, which is not a frame"),
        (pa.table({"tailnum": [5]}), "'tailnum': expected string, found int64"),
    ],
)
def test_online_entities_that_do_not_fit(ready: fs.FeatureStore, rows: Any, message: str) -> None:
    with pytest.raises(EntityDataError, match=message):
        ready.get_online_features("punctuality", rows)


def test_a_zone_that_does_not_exist(ready: fs.FeatureStore) -> None:
    rows = pa.table({"tailnum": ["A"], "event_timestamp": [NOON.replace(tzinfo=None)]})
    with pytest.raises(EntityDataError, match=r"(?s)'event_timestamp': 'Berlin' is not.*Europe/Paris"):
        ready.get_historical_features(rows, "punctuality", timezone="Berlin")


def test_the_string_5_is_not_the_integer_5(store: fs.FeatureStore, tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": [5], "t": pa.array([NOON]), "x": [1.0]}), tmp_path / "x.parquet")
    source = fs.ParquetSource("x", path=str(tmp_path / "x.parquet"), event_timestamp="t")
    view = fs.FeatureView(
        "x",
        entities=[fs.Entity("thing", join_keys={"id": fs.Int64})],
        source=source,
        features=[fs.Feature("x", fs.Float64)],
    )
    with pytest.raises(EntityDataError, match="'id': expected int64, found string"):
        store.get_historical_features([{"id": "5", "event_timestamp": NOON}], view)
    store.apply([view])
    store.materialize(end=NOON)
    for wrong in ("5", 5.0, True):
        with pytest.raises(EntityDataError, match="id"):
            store.get_online_features("x", [{"id": wrong}])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"features": [fs.Feature("speed", fs.Float64)]},
            "has no column 'speed'; it has: tailnum, arrived_at",
        ),
        (
            {"features": [fs.Feature("delay", fs.Int64)]},
            "'delay' of source 'arrivals' is double, which does not convert to int64",
        ),
        ({"features": [fs.Feature("tail", fs.Float64, column="tailnum")]}, "is string, which does not"),
    ],
)
def test_views_that_their_source_cannot_fill(
    store: fs.FeatureStore, arrivals: Arrivals, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(SourceError, match=message):
        store.get_historical_features(ROWS, arrivals.view(**changes))


def test_a_date_must_state_its_delay(store: fs.FeatureStore, tmp_path: Path) -> None:
    pq.write_table(
        pa.table({"tailnum": ["A"], "day": [date(2024, 5, 1)], "x": [1.0]}), tmp_path / "x.parquet"
    )

    def view(delay: timedelta | None) -> fs.FeatureView:
        source = fs.ParquetSource(
            "daily", path=str(tmp_path / "x.parquet"), event_timestamp="day", delay=delay
        )
        return fs.FeatureView(
            "daily", entities=[plane], source=source, features=[fs.Feature("x", fs.Float64)]
        )

    with pytest.raises(SourceError, match=r"(?s)'day' is a date.*delay=timedelta\(days=1\)"):
        store.get_historical_features(ROWS, view(None))
    frame = store.get_historical_features(ROWS, view(timedelta(0)))
    assert frame.to_arrow()["x"].to_pylist() == [1.0]


def test_unreadable_files(store: fs.FeatureStore, arrivals: Arrivals, tmp_path: Path) -> None:
    missing = fs.ParquetSource("gone", path=str(tmp_path / "gone.parquet"), event_timestamp="t")
    with pytest.raises(SourceError, match="'gone': no file at"):
        store.get_historical_features(ROWS, arrivals.view(source=missing))
    (tmp_path / "bad.parquet").write_bytes(b"this is no parquet file")
    bad = fs.ParquetSource("bad", path=str(tmp_path / "bad.parquet"), event_timestamp="t")
    with pytest.raises(SourceError, match=r"'bad'.*cannot be read as parquet"):
        store.get_historical_features(ROWS, arrivals.view(source=bad))


def test_nothing_is_written_where_the_frame_fails(
    ready: fs.FeatureStore, arrivals: Arrivals, tmp_path: Path
) -> None:
    frame = ready.get_historical_features(ROWS, "punctuality")
    arrivals.path.write_bytes(b"replaced by something else")
    target = tmp_path / "frame.parquet"
    with pytest.raises(SourceError):
        frame.to_parquet(target)
    assert [file.name for file in tmp_path.iterdir() if "frame" in file.name] == []


def test_clashing_names_show_the_way_out(ready: fs.FeatureStore, arrivals: Arrivals) -> None:
    other = arrivals.view(name="other")
    with pytest.raises(NameClashError, match=r"(?s)both be called 'delay'.*full_feature_names=True"):
        ready.get_historical_features(ROWS, [arrivals.view(), other])
    frame = ready.get_historical_features(ROWS, [arrivals.view(), other], full_feature_names=True)
    assert frame.schema.names == ["tailnum", "event_timestamp", "punctuality__delay", "other__delay"]
    with pytest.raises(NameClashError, match="alias"):
        ready.get_historical_features(
            ROWS, [arrivals.view(), arrivals.view().with_join_keys({"tailnum": "other"})]
        )


def test_a_single_name_is_not_a_list_of_its_letters(ready: fs.FeatureStore, arrivals: Arrivals) -> None:
    view = arrivals.view()
    calls: list[tuple[Callable[[], object], str]] = [
        (lambda: ready.materialize(views="punctuality"), r"(?s)views must be a list.*\['punctuality'\]"),
        (
            lambda: ready.materialize_incremental(views=view),  # type: ignore[arg-type]
            "views must be a list, found a single FeatureView",
        ),
        (lambda: ready.retire("punctuality"), "names must be a list, found a single str"),
        (lambda: ready.plan(view), r"(?s)must be a list, found a single FeatureView.*'punctuality' into"),  # type: ignore[arg-type]
        (lambda: ready.apply(view), "must be a list, found a single FeatureView"),  # type: ignore[arg-type]
        (lambda: ready.apply([view], evolve="punctuality"), "evolve must be a list"),
    ]
    for call, message in calls:
        with pytest.raises(RequestError, match=message):
            call()


def test_a_service_is_not_a_view(ready: fs.FeatureStore, arrivals: Arrivals) -> None:
    ready.apply([fs.FeatureService("delays", features=[arrivals.view()])])
    for call in (lambda: ready.materialize(views=["delays"]), lambda: ready.get_statistics("delays")):
        with pytest.raises(
            NotFoundError, match=r"(?s)'delays' is a feature service.*Its views are: punctuality"
        ):
            call()


def test_a_name_in_a_project_without_any_asks_to_apply_first(store: fs.FeatureStore) -> None:
    with pytest.raises(NotFoundError, match=r"(?s)there are none.*Apply it first: store.apply"):
        store.get_historical_features(ROWS, "punctuality")


def test_a_notebook_shows_a_plan_and_a_run_in_short(store: fs.FeatureStore, arrivals: Arrivals) -> None:
    arrivals.add("A", NOON, 1.0)
    plan = store.plan([arrivals.view()])
    assert repr(plan) == str(plan)
    store.apply(plan)
    shown = repr(store.materialize(end=NOON))
    assert shown.startswith(
        "[MaterializationReport(punctuality@1, full, 1 rows, end 2024-05-01T12:00:00+00:00, "
    )


def test_two_definitions_of_one_name(ready: fs.FeatureStore, arrivals: Arrivals) -> None:
    other = fs.Entity("plane", join_keys={"tail": fs.String})
    revision = ready.project.registry.revision(project="flights")
    with pytest.raises(DefinitionError, match="entity 'plane' is defined twice"):
        ready.apply([arrivals.view(), other])
    with pytest.raises(DefinitionError, match=r"(?s)'ghost'.*there are"):
        ready.apply([fs.FeatureService("s", features=["ghost:x"])])
    with pytest.raises(DefinitionError, match="both a feature view and a feature service"):
        ready.apply([fs.FeatureService("punctuality", features=["punctuality"])])
    assert ready.project.registry.revision(project="flights") == revision


def test_a_stale_plan_is_refused_whole(
    open_store: Callable[..., fs.FeatureStore], arrivals: Arrivals
) -> None:
    first, second = open_store(), open_store()
    plan = first.plan([arrivals.view()])
    second.apply([arrivals.view(name="other")])
    with pytest.raises(StaleRegistryError) as caught:
        first.apply(plan)
    assert caught.value.retryable
    with pytest.raises(NotFoundError):
        first.get_historical_features(ROWS, "punctuality")
    first.apply([arrivals.view()])
    assert first.get_historical_features(ROWS, "punctuality").num_rows == 1


def test_a_definition_edited_by_hand_is_found_out(
    ready: fs.FeatureStore, open_store: Callable[..., fs.FeatureStore], tmp_path: Path
) -> None:
    with sqlite3.connect(tmp_path / "registry.db") as database:
        tables = [name for (name,) in database.execute("select name from sqlite_master where type = 'table'")]
        edited = 0
        for table in tables:
            columns = [row[1] for row in database.execute(f"pragma table_info({table})")]
            if "payload" in columns:
                sql = f'update {table} set payload = replace(payload, \'"column":"delay"\', \'"column":"arrived_at"\')'
                edited += database.execute(sql).rowcount
    assert edited
    with pytest.raises(RegistryIntegrityError, match="punctuality"):
        open_store().get_historical_features(ROWS, "punctuality")


def test_a_foreign_row_is_an_error_never_a_misread(ready: fs.FeatureStore, arrivals: Arrivals) -> None:
    wider = arrivals.view(
        features=[fs.Feature("delay", fs.Float64), fs.Feature("tail", fs.String, column="tailnum")]
    )
    ready.apply([wider])
    ready.materialize(end=NOON)
    online, registry = ready.project.online, ready.project.registry
    from featurestore.online.layout import ViewLayout
    from featurestore.protocols.online import SpaceKeys

    def space(version: int) -> bytes:
        state = registry.view_state(project="flights", view="punctuality", version=version)
        assert state.generation is not None
        return ViewLayout.of(wider, project="flights", version=version).space(state.generation)

    key = ViewLayout.of(wider, project="flights", version=1).keys.encode_rows({"tailnum": ["A"]})
    [row] = online.read(requests=[SpaceKeys(space(1), [k for k in key if k])])
    assert row is not None
    online.write(
        spaces=[space(2)],
        keys=[k for k in key if k],
        rows=[row],
        rule=MaterializedWrite(run=99, end=0),
        keep_for=None,
    )
    with pytest.raises(RowFormatError, match="punctuality@2"):
        online_values(ready, ["A"], NOON)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"registry": "registry.db"}, "is not a URL"),
        ({"registry": "oracle://x"}, "(?s)'oracle' is not a known registry URL; known are: .*sqlite"),
        ({"online": "cassandra://x"}, "'cassandra' is not a known online store URL; known are: .*redis"),
        ({"offline": "spark"}, "'spark' is not a known offline engine; known are: auto, duckdb, polars"),
        ({"project": "two words"}, "not a project name"),
    ],
)
def test_wrong_settings(tmp_path: Path, arrivals: Arrivals, settings: dict[str, str], message: str) -> None:
    given = {"registry": f"sqlite:///{tmp_path}/r.db", "online": "memory://", **settings}

    def use() -> None:
        with fs.FeatureStore(**given) as store:
            store.apply([arrivals.view()])
            store.materialize(end=NOON)

    with pytest.raises(ConfigurationError, match=message):
        use()


def test_every_error_is_a_feature_store_error() -> None:
    from featurestore import errors

    classes = [
        value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)
    ]
    assert all(issubclass(each, FeatureStoreError) for each in classes)
    assert len(classes) > 15
    drawn = [name for name in (errors.__doc__ or "").split() if name.endswith("Error")]
    assert sorted(drawn) == sorted(each.__name__ for each in classes)


def test_a_store_cannot_be_pickled(ready: fs.FeatureStore) -> None:
    with pytest.raises(RequestError, match=r"(?s)cannot be pickled.*Open one in each process"):
        pickle.dumps(ready)
