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
from featurestore.training_sets import build as building
from tests.store.conftest import HOUR, NOON, Arrivals
from tests.training_sets.conftest import HALVES, entity_rows
from tests.versions.conftest import OpenStore


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


def test_both_engines_make_the_same_set(store: fs.FeatureStore, service: fs.FeatureService) -> None:
    one, two = (
        store.create_training_set(engine, service, entity_rows(), split=HALVES, engine=engine)
        for engine in ("duckdb", "polars")
    )
    assert one.content_hash == two.content_hash
    comparison = one.compare(two)
    assert comparison.same_values
    assert comparison.differences == ("engine: duckdb → polars",)


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


def test_the_engine_that_was_chosen_is_recorded(store: fs.FeatureStore, service: fs.FeatureService) -> None:
    # More entity rows than rows of the source, and fewer.
    for count, name in ((1_000, "polars"), (10, "duckdb")):
        made = store.create_training_set(f"of-{name}", service, entity_rows(count), engine="auto")
        assert made.manifest["recipe"]["engine"] == name
        assert made.recreate().same
