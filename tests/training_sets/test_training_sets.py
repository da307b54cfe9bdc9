"""Training sets: saved once, recreated to the byte, or told apart exactly."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import featurestore as fs
from featurestore.errors import (
    NotFoundError,
    RegistryIntegrityError,
    RequestError,
    SourceError,
)
from featurestore.lineage.graph import Node
from featurestore.training_sets import build as building
from tests.store.conftest import HOUR, NOON, Arrivals
from tests.training_sets.conftest import entity_rows
from tests.versions.conftest import OpenStore

HALVES = fs.RandomSplit({"train": 0.5, "test": 0.5})


@pytest.fixture
def training_set(store: fs.FeatureStore, service: fs.FeatureService) -> fs.TrainingSet:
    return store.create_training_set("late-2024", service, entity_rows(), split=HALVES, seed=3)


def objects(tmp_path: Path) -> set[str]:
    return {path.stem for path in (tmp_path / "training_sets" / "objects").rglob("*") if path.is_file()}


def test_its_rows_are_those_of_the_training_frame_in_order(
    store: fs.FeatureStore, service: fs.FeatureService, training_set: fs.TrainingSet
) -> None:
    frame = store.get_historical_features(entity_rows(), service).to_arrow()
    parts = [training_set.to_arrow(part) for part in ("train", "test")]
    assert [part.num_rows for part in parts] == [500, 500]
    both = pa.concat_tables(parts)
    assert both.sort_by("row").equals(frame.sort_by("row"))
    for part in parts:
        numbers = part["row"].to_numpy()
        assert (np.diff(numbers) > 0).all()
    assert training_set.to_polars("train").shape == (500, 5)
    assert training_set.to_pandas("test").shape == (500, 5)
    assert sum(batch.num_rows for batch in training_set.to_batches("test")) == 500


def test_the_manifest_says_how_it_was_made(
    store: fs.FeatureStore, training_set: fs.TrainingSet, arrivals: Arrivals
) -> None:
    manifest = training_set.manifest
    assert manifest["service"]["name"] == "departures"
    assert [(view["name"], view["version"]) for view in manifest["views"]] == [("punctuality", 1)]
    (source,) = manifest["sources"]
    assert source["rows"] == 80
    (file,) = source["files"]
    assert (file["path"], file["size"]) == ("arrivals.parquet", arrivals.path.stat().st_size)
    assert manifest["recipe"]["seed"] == 3
    assert manifest["recipe"]["split"]["kind"] == "random"
    assert [(part["name"], part["rows"]) for part in manifest["parts"]] == [("train", 500), ("test", 500)]
    assert manifest["entity_rows"]["rows"] == 1_000
    assert {"python", "featurestore", "duckdb", "polars", "pyarrow"} <= set(manifest["libraries"])
    assert manifest["left_out"] == 0
    assert training_set.num_rows == 1_000
    assert [entry.action for entry in store.audit("late-2024")] == ["create"]


def test_it_is_found_by_name_and_by_id(
    store: fs.FeatureStore, training_set: fs.TrainingSet, open_store: OpenStore
) -> None:
    for name in ("late-2024", training_set.id, training_set.id[:12]):
        found = open_store().training_set(name)
        assert (found.name, found.id, found.content_hash) == (
            training_set.name, training_set.id, training_set.content_hash,
        )  # fmt: skip
        assert found.to_arrow("train").equals(training_set.to_arrow("train"))
    with pytest.raises(NotFoundError, match=r"'late-2042' was not found.*\n.*'late-2024'"):
        store.training_set("late-2042")
    assert [item.name for item in store.training_sets()] == ["late-2024"]
    assert [item.name for item in store.training_sets(view="punctuality")] == ["late-2024"]
    assert store.training_sets(view="other") == []


def test_a_name_is_given_once(store: fs.FeatureStore, training_set: fs.TrainingSet) -> None:
    with pytest.raises(RequestError, match="already, and training sets never change"):
        store.create_training_set("late-2024", "departures", entity_rows())
    with pytest.raises(RequestError, match="cannot name a training set"):
        store.create_training_set("a b", "departures", entity_rows())


@pytest.mark.parametrize("engine", ["duckdb", "polars"])
def test_it_is_recreated_to_the_byte_in_another_process_and_version(
    store: fs.FeatureStore,
    service: fs.FeatureService,
    arrivals: Arrivals,
    open_store: OpenStore,
    engine: str,
) -> None:
    made = store.create_training_set("one", service, entity_rows(), split=HALVES, engine=engine)
    store.apply([arrivals.view(online=False, ttl=timedelta(minutes=1))])
    again = open_store().training_set("one").recreate()
    assert again.same
    assert again.content_hash == made.content_hash
    assert (again.differences, again.causes, again.restored) == ((), (), ())
    assert "byte for byte the same" in str(again)


def test_both_engines_make_the_same_set(store: fs.FeatureStore, service: fs.FeatureService) -> None:
    one, two = (
        store.create_training_set(engine, service, entity_rows(), split=HALVES, engine=engine)
        for engine in ("duckdb", "polars")
    )
    assert one.content_hash == two.content_hash
    comparison = one.compare(two)
    assert comparison.same_values
    assert comparison.differences == ("engine: duckdb → polars",)


def test_late_rows_are_counted_and_what_they_change_is_told(
    store: fs.FeatureStore, training_set: fs.TrainingSet, arrivals: Arrivals
) -> None:
    later = training_set.created_at + timedelta(hours=1)
    arrivals.add("P1", NOON - HOUR, -1.0, created=later)
    arrivals.add("P2", NOON - HOUR, -1.0, created=later)
    arrivals.add("P3", NOON + 900 * HOUR, -1.0, created=later)
    frame = store.get_historical_features(entity_rows(), "departures").to_arrow()
    changed = int((frame["delay"].to_numpy() == -1.0).sum())
    again = store.training_set("late-2024").recreate()
    assert not again.same
    assert again.content_hash != training_set.content_hash
    told = [item.partition(" differs in ") for item in again.differences]
    assert [head for head, _, _ in told] == ["part train: column delay", "part test: column delay"]
    assert sum(int(tail.split()[0]) for _, _, tail in told) == changed
    assert again.causes[0].startswith("source arrivals: file arrivals.parquet was replaced (")
    assert again.causes[1] == "source arrivals: 3 rows more (80 → 83)"
    assert again.causes[2].startswith("source arrivals: 2 late rows, known only after 20")
    assert training_set.verify().intact


def test_as_of_keeps_late_rows_out(
    store: fs.FeatureStore, service: fs.FeatureService, arrivals: Arrivals
) -> None:
    made = store.create_training_set("one", service, entity_rows(), as_of=NOON + HOUR)
    arrivals.add("P1", NOON - HOUR, -1.0, created=NOON + 2 * HOUR)
    again = made.recreate()
    assert again.same
    assert any("1 row more" in cause for cause in again.causes)


def test_a_replaced_a_removed_and_a_new_file(
    store: fs.FeatureStore, arrivals: Arrivals, tmp_path: Path
) -> None:
    rows = pq.read_table(arrivals.path)
    folder = tmp_path / "many"
    folder.mkdir()
    for name in ("a", "b"):
        pq.write_table(rows, folder / f"{name}.parquet")
    source = fs.ParquetSource("many", path="many/*.parquet", event_timestamp="arrived_at")
    store.apply([arrivals.view(name="view", source=source, online=False)])
    made = store.create_training_set("one", "view", entity_rows())
    pq.write_table(rows.slice(0, 79), folder / "a.parquet")
    (folder / "b.parquet").rename(folder / "c.parquet")
    causes = made.recreate().causes
    assert causes[0].startswith("source many: file many/a.parquet was replaced (")
    assert causes[1:] == (
        "source many: file many/b.parquet is gone", "source many: file many/c.parquet is new",
        "source many: 1 row fewer (160 → 159)",
    )  # fmt: skip


def test_files_that_are_gone_are_put_back_if_they_come_out_the_same(training_set: fs.TrainingSet) -> None:
    path = training_set.path("train")
    path.unlink()
    with pytest.raises(NotFoundError, match=r"data of training set 'late-2024' are gone.*\n.*recreate"):
        training_set.to_arrow("train")
    assert training_set.verify().problems == (f"part train: there is no file {path}",)
    assert training_set.recreate().restored == (path,)
    assert training_set.verify().intact


def test_without_the_entity_rows_it_cannot_be_made_again(
    store: fs.FeatureStore, training_set: fs.TrainingSet, tmp_path: Path
) -> None:
    digest = training_set.manifest["entity_rows"]["hash"]
    (tmp_path / "training_sets" / "objects" / digest[:2] / f"{digest}.parquet").unlink()
    with pytest.raises(NotFoundError, match="entity rows of the training set are gone"):
        training_set.recreate()


def test_damage_is_found(training_set: fs.TrainingSet) -> None:
    path = training_set.path("test")
    rows = pq.read_table(path)
    pq.write_table(rows.set_column(4, "delay", pa.array([0.0] * rows.num_rows)), path)
    assert training_set.verify().problems == (f"part test: {path} holds other values in delay",)
    path.write_bytes(b"PAR1 nothing")
    (problem,) = training_set.verify().problems
    assert "cannot be read" in problem
    assert "is damaged" in str(training_set.verify())
    assert training_set.recreate().same
    assert training_set.verify().intact


def test_sets_share_files(
    store: fs.FeatureStore, service: fs.FeatureService, training_set: fs.TrainingSet, tmp_path: Path
) -> None:
    before = objects(tmp_path)
    assert len(before) == 3
    twin = store.create_training_set("twin", service, entity_rows(), split=HALVES, seed=3)
    assert objects(tmp_path) == before
    assert twin.content_hash == training_set.content_hash
    assert twin.id != training_set.id
    store.create_training_set("other-seed", service, entity_rows(), split=HALVES, seed=4)
    assert len(objects(tmp_path)) == 5


def test_a_source_that_is_written_to_meanwhile_is_noticed(
    store: fs.FeatureStore,
    service: fs.FeatureService,
    arrivals: Arrivals,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    write = building._write

    def write_late(*arguments: object) -> None:
        write(*arguments)  # type: ignore[arg-type]
        arrivals.add("P1", NOON, 1.0)

    monkeypatch.setattr(building, "_write", write_late)
    with pytest.raises(SourceError, match=r"meanwhile source 'arrivals' was written to .*arrivals\.parquet"):
        store.create_training_set("one", service, entity_rows())
    assert store.training_sets() == []
    assert len(objects(tmp_path)) == 1


@pytest.mark.parametrize("step", ["keep", "record"])
def test_a_crash_leaves_no_training_set_and_no_unfinished_files(
    store: fs.FeatureStore,
    service: fs.FeatureService,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    step: str,
) -> None:
    def crash(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        if step == "keep":
            patched.setattr(building.Build, "keep", crash)
        else:
            patched.setattr(type(store.project.registry), "add_training_set", crash)
        with pytest.raises(KeyboardInterrupt):
            store.create_training_set("one", service, entity_rows())
    assert store.training_sets() == []
    assert not [name for name in objects(tmp_path) if name.endswith("unfinished")]
    assert store.create_training_set("one", service, entity_rows()).verify().intact


def test_tags_and_notes(store: fs.FeatureStore, service: fs.FeatureService) -> None:
    made = store.create_training_set("one", service, entity_rows(), tags={"model": "m1"}, note="first")
    made.tag(model="m2", stage="trial")
    made.tag(stage=None)
    made.note("carrier left out: it changes its name in May")
    found = store.training_set("one")
    assert found.tags == made.tags == {"model": "m2"}
    assert [note.text for note in found.notes] == ["first", "carrier left out: it changes its name in May"]
    assert all(note.author for note in found.notes)
    assert found.id == made.id
    assert store.audit("one", limit=1)[0].effect == {"note": "carrier left out: it changes its name in May"}


def test_two_sets_compared(
    store: fs.FeatureStore, service: fs.FeatureService, training_set: fs.TrainingSet, arrivals: Arrivals
) -> None:
    store.apply([arrivals.view(online=False, ttl=HOUR)])
    other = store.create_training_set("other", service, entity_rows(900), split={"train": 0.5, "rest": 0.5})
    comparison = training_set.compare(other)
    assert not comparison.same_values
    assert comparison.differences[:2] == ("view punctuality: version 1 → version 2", "seed: 3 → 0")
    assert "entity rows: others (1,000 → 900 rows)" in comparison.differences
    assert "part train: 500 → 450 rows" in comparison.differences
    assert "part test: gone" in comparison.differences
    assert "part rest: new (450 rows)" in comparison.differences
    assert str(comparison).startswith("Training sets late-2024 → other: different values")


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_export(training_set: fs.TrainingSet, tmp_path: Path, form: str) -> None:
    import pyarrow.csv

    paths = training_set.export(tmp_path / "out", form=form)
    assert [path.name for path in paths] == [
        f"late-2024.train.{form}", f"late-2024.test.{form}", "late-2024.manifest.json",
    ]  # fmt: skip
    read = pq.read_table if form == "parquet" else pyarrow.csv.read_csv
    assert read(paths[0]).num_rows == 500
    assert json.loads(paths[2].read_text()) == training_set.manifest
    with pytest.raises(RequestError, match="is there already"):
        training_set.export(tmp_path / "out", form=form)
    with pytest.raises(RequestError, match="not exported as 'xlsx'"):
        training_set.export(tmp_path / "out", form="xlsx")
    with pytest.raises(NotFoundError, match="'dev'"):
        training_set.export(tmp_path / "out2", parts=["dev"])


def test_entity_rows_of_every_kind_give_the_same_set(
    store: fs.FeatureStore, service: fs.FeatureService, tmp_path: Path
) -> None:
    import polars as pl

    rows = entity_rows(100)
    pq.write_table(rows, tmp_path / "rows.parquet")
    frames = [rows, tmp_path / "rows.parquet", rows.to_reader(), rows.to_batches()[0]]
    made = [store.create_training_set(f"s{n}", service, frame) for n, frame in enumerate(frames)]
    assert len({item.content_hash for item in made}) == 1
    assert list(made[0].parts) == ["all"]
    assert made[0].to_arrow().num_rows == 100
    store.create_training_set("polars", service, pl.DataFrame(rows).lazy())
    sql = "SELECT tailnum, arrived_at AS event_timestamp FROM arrivals"
    assert store.create_training_set("sql", service, sql).num_rows == 80


def test_views_under_other_names_and_pinned_versions(store: fs.FeatureStore, arrivals: Arrivals) -> None:
    view = arrivals.view(online=False)
    store.apply([view])
    store.apply([arrivals.view(online=False, ttl=HOUR)])
    features: list[Any] = [
        "punctuality@1:delay",
        arrivals.view(online=False, ttl=HOUR).alias("inbound").with_join_keys({"tailnum": "inbound_tail"}),
    ]
    rows = entity_rows(50).append_column("inbound_tail", pa.array(["P1"] * 50))
    made = store.create_training_set("two", features, rows, full_feature_names=True)
    assert made.to_arrow().schema.names[-2:] == ["punctuality__delay", "inbound__delay"]
    assert [view["version"] for view in made.manifest["views"]] == [1, 2]
    assert made.manifest["service"] is None
    assert made.recreate().same
    with pytest.raises(RequestError, match="differs from version"):
        store.create_training_set("three", arrivals.view(ttl=3 * HOUR), entity_rows(5))


def test_a_frame_in_memory(store: fs.FeatureStore, arrivals: Arrivals, open_store: OpenStore) -> None:
    rows = pq.read_table(arrivals.path)

    def source(data: object) -> fs.InMemorySource:
        return fs.InMemorySource("memory", data=data, event_timestamp="arrived_at")

    store.apply([arrivals.view(name="view", source=source(rows), online=False)])
    made = store.create_training_set("one", "view", entity_rows(100))
    assert made.recreate().same
    store.apply([arrivals.view(name="view", source=source(rows.slice(0, 70)), online=False)])
    assert made.recreate().causes == (
        "source memory: its rows in memory are others", "source memory: 10 rows fewer (80 → 70)",
    )  # fmt: skip
    with pytest.raises(SourceError, match="in memory"):
        open_store().training_set("one").recreate()


def test_rows_in_no_part_are_counted(store: fs.FeatureStore, service: fs.FeatureService) -> None:
    split = fs.TimeSplit({"train": NOON - 2 * HOUR, "test": None}, purge=timedelta(minutes=30))
    made = store.create_training_set("one", service, entity_rows(), split=split)
    left_out = made.manifest["left_out"]
    assert left_out > 0
    assert made.num_rows + left_out == 1_000
    assert made.recreate().same


def test_no_rows(store: fs.FeatureStore, service: fs.FeatureService) -> None:
    made = store.create_training_set("none", service, entity_rows(0), split=HALVES)
    assert [content.rows for content in made.parts.values()] == [0, 0]
    assert made.to_arrow("train").num_rows == 0
    assert made.recreate().same
    assert made.verify().intact


def test_the_folder_may_be_elsewhere_and_may_move(
    store: fs.FeatureStore,
    service: fs.FeatureService,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    away = tmp_path_factory.mktemp("away") / "sets"
    made = store.create_training_set("one", service, entity_rows(10), folder=away)
    assert store.training_set("one").verify().intact
    away.rename(tmp_path / "moved")
    assert not store.training_set("one").verify().intact
    assert (
        store.training_set("one", folder=tmp_path / "moved")
        .to_arrow()
        .equals(store.training_set("one", folder=tmp_path / "moved").to_arrow())
    )
    assert store.training_set("one", folder=tmp_path / "moved").recreate().content_hash == made.content_hash


def test_an_edited_manifest_is_an_error(store: fs.FeatureStore, training_set: fs.TrainingSet) -> None:
    import sqlalchemy as sa

    with store.project.registry._database.writing() as connection:  # type: ignore[attr-defined]
        connection.execute(sa.text("UPDATE fs_training_sets SET manifest = replace(manifest, '500', '501')"))
    with pytest.raises(RegistryIntegrityError, match="manifest of training set 'late-2024'"):
        store.training_set("late-2024")


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


def test_the_engine_that_was_chosen_is_recorded(store: fs.FeatureStore, service: fs.FeatureService) -> None:
    # More entity rows than rows of the source, and fewer.
    for count, name in ((1_000, "polars"), (10, "duckdb")):
        made = store.create_training_set(f"of-{name}", service, entity_rows(count), engine="auto")
        assert made.manifest["recipe"]["engine"] == name
        assert made.recreate().same
